"""The benchmark of one task on this machine: accuracy, time and memory of every variant, as rows of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.accuracy import measure_accuracy, predict
from pipeline.benchmark.load import OtherLoad, watching_other_load
from pipeline.benchmark.memory import peak_memory_mb
from pipeline.benchmark.statistics import (
    Estimate,
    coefficient_of_variation,
    frames_per_second,
    paired_difference,
    percentile,
    samples_needed,
    speedup,
)
from pipeline.benchmark.timing import PARTS, Timings, decode_top1, time_in_turn
from pipeline.data.frames import Frames, preprocess
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

BASELINE = "baseline"
SELF_CHECK = "(self-check)"  # the baseline's file opened a second time; brackets, since no recipe can have this name
SELF_CHECK_TOLERANCE = 0.03  # two sessions of one file lie at different addresses: no difference is called below


@dataclass(frozen=True)
class ExportedVariant:
    """One line of exports/<task>/report.json. recipe: the steps after training; file: what ships."""

    name: str
    recipe: list[str]
    precision: str
    file: Path
    sha256: str
    size_bytes: int
    params: int
    nonzero: int
    macs: int


def benchmark_task(
    variants: Sequence[ExportedVariant],
    test: Frames,
    pictures_hwc: Sequence[NDArray[np.uint8]],
    raw_folder: Path,
    *,
    threads: int,
    rounds: int,
    frames_per_turn: int,
    warmup: int,
    seed: int,
    progress: Callable[[str], object],
) -> dict[str, Any]:
    """Measure every variant under ONNX Runtime on this machine; `variants[0]` is the baseline.

    pictures_hwc: decoded camera pictures that are timed. Leaves samples.csv (raw times) and predictions.npz (logits)
    in `raw_folder`. Returns {"threads", "self_check", "timing", "rows"}; a row has the columns of the leaderboard.
    """
    if not variants or variants[0].name != BASELINE:
        raise EdgeboardError(
            "The baseline must be the first of the exported variants", value=[one.name for one in variants]
        )
    engines = {one.name: OnnxRuntimeEngine(one.file, threads) for one in variants}
    frame_size = test.frames_nhwc.shape[1]

    progress(f"accuracy of {len(variants)} files on {len(test)} frames")
    logits = {name: predict(engine.run, test.frames_nhwc) for name, engine in engines.items()}
    np.savez(
        raw_folder / "predictions.npz",
        allow_pickle=False,
        labels=test.labels,
        files=np.array([path.name for path in test.files]),
        class_names=np.array(test.class_names),
        **{f"logits_{name}": values for name, values in logits.items()},
    )

    progress(f"timing {rounds} rounds in turn")
    engines[SELF_CHECK] = OnnxRuntimeEngine(variants[0].file, threads)
    with watching_other_load() as other_load:
        timings = time_in_turn(
            {name: engine.run for name, engine in engines.items()},
            pictures_hwc,
            lambda picture_hwc: preprocess(picture_hwc, frame_size),
            lambda outputs: decode_top1(outputs, test.class_names),
            rounds=rounds,
            frames_per_turn=frames_per_turn,
            warmup=warmup,
            seed=seed,
        )
    timings.samples.to_csv(raw_folder / "samples.csv", index=False)
    engines.clear()  # so that the memory of the fresh processes is not short

    progress("memory, one fresh process per file")
    correct_baseline = logits[BASELINE].argmax(axis=1) == test.labels
    rows = [
        {
            **_identity(one, frame_size),
            **_accuracy(logits[one.name], correct_baseline, test, one),
            **_timing(timings, one.name, seed),
            "memory_mb": peak_memory_mb(one.file, threads),
            "power_w": None,
            "energy_mj": None,
            "note": _note(timings, one.name, other_load),
        }
        for one in variants
    ]
    return {
        "threads": threads,
        "self_check": self_check(timings, seed),
        "timing": {
            "order": "variants in turn, shuffled in every round",
            "rounds": rounds,
            "frames_per_turn": frames_per_turn,
            "warmup_frames": timings.warmup_frames,
            "other_load_cores": other_load.cores,
        },
        "rows": rows,
    }


def self_check(timings: Timings, seed: int) -> dict[str, Any]:
    """Speed-up of the baseline's file against itself: how far two equal things seem apart on this machine.

    passed: 1 lies in the interval, or the ratio is within `SELF_CHECK_TOLERANCE` of it.
    """
    ratio = speedup(timings.rounds_ms(SELF_CHECK), timings.rounds_ms(BASELINE), seed)
    passed = ratio.low <= 1 <= ratio.high or abs(ratio.value - 1) <= SELF_CHECK_TOLERANCE
    return {**_spread("ratio", ratio), "tolerance": SELF_CHECK_TOLERANCE, "passed": passed}


def _identity(one: ExportedVariant, frame_size: int) -> dict[str, Any]:
    return {
        "variant": one.name,
        "recipe": ">".join(["train", *one.recipe]),
        "target": "local",
        "engine": OnnxRuntimeEngine.name,
        "precision": one.precision,
        "frame_size": frame_size,
        "size_mb": one.size_bytes / 1e6,
        "params": one.params,
        "nonzero": one.nonzero,
        "macs": one.macs,
        "model_file": one.file.as_posix(),
        "model_sha256": one.sha256,
    }


def _accuracy(
    logits_nc: NDArray[np.float32], correct_baseline: NDArray[np.bool_], test: Frames, one: ExportedVariant
) -> dict[str, Any]:
    accuracy = measure_accuracy(logits_nc, test.labels, test.class_names, where=one.file)
    difference = paired_difference(logits_nc.argmax(axis=1) == test.labels, correct_baseline)
    is_baseline = one.name == BASELINE
    return {
        "metric": "top-1",
        **_spread("accuracy", accuracy.top1),
        "n_test": len(test),
        # Against itself the baseline has no difference to estimate.
        "accuracy_delta": None if is_baseline else difference.value,
        "accuracy_delta_low": None if is_baseline else difference.low,
        "accuracy_delta_high": None if is_baseline else difference.high,
        "accuracy_delta_p": None if is_baseline else difference.p_value,
        "frames_gained": None if is_baseline else difference.gained,
        "frames_lost": None if is_baseline else difference.lost,
        "per_class": accuracy.per_class,
        "confusion": accuracy.confusion,
    }


def _timing(timings: Timings, name: str, seed: int) -> dict[str, Any]:
    frame, network = timings.rounds_ms(name), timings.rounds_ms(name, "network_ms")
    samples = np.concatenate(frame)
    baseline, baseline_network = timings.rounds_ms(BASELINE), timings.rounds_ms(BASELINE, "network_ms")
    return {
        **_spread("fps", frames_per_second(frame, seed)),
        **_spread("fps_network", frames_per_second(network, seed)),
        "latency_ms_p50": percentile(samples, 50),
        "latency_ms_p90": percentile(samples, 90),
        "latency_ms_p99": percentile(samples, 99),
        "latency_ms_max": float(samples.max()),
        **{f"{part}_p50": percentile(np.concatenate(timings.rounds_ms(name, part)), 50) for part in PARTS},
        "n_timed": samples.size,
        "cv": coefficient_of_variation(samples),
        **_spread("speedup", speedup(frame, baseline, seed)),
        **_spread("speedup_network", speedup(network, baseline_network, seed)),
    }


def _spread(name: str, estimate: Estimate) -> Mapping[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _note(timings: Timings, name: str, other_load: OtherLoad) -> str:
    """Why a column is empty, and what should be known before the times are believed."""
    n = sum(len(one) for one in timings.rounds_ms(name))
    short = [f"p{percent} needs {samples_needed(percent)}" for percent in (50, 90, 99) if n < samples_needed(percent)]
    notes = ["power and energy are empty: this machine has no power sensor that we read"]
    if not other_load.is_quiet:
        notes.append(f"timed while other processes used {other_load.cores:.1f} cores: repeat on a quiet machine")
    if short:
        notes.append(f"percentiles are empty where {n} timed frames are too few: {', '.join(short)}")
    return "; ".join(notes)
