"""The columns of a row of the benchmark report: one exported variant as it was measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.benchmark.load import OtherLoad
from pipeline.benchmark.statistics import (
    coefficient_of_variation,
    frames_per_second,
    outliers,
    percentile,
    samples_needed,
    speedup,
)
from pipeline.benchmark.timing import PARTS, Timings
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

BASELINE = "baseline"


@dataclass(frozen=True)
class ExportedVariant:
    """One line of exports/<task>/report.json.

    recipe: labels of the steps after training. file: the ONNX file that runs; ships: the file that is sent to the
    board, which may be a packed form of it. size_bytes, size_compressed_bytes: of what ships, as it is and after zlib.
    ratio_reached: fraction of the parameters that pruning took away, None for a recipe without it. head: file that
    says how the outputs of a detector are read. live: file that describes the live form of a network of clips.
    """

    name: str
    recipe: list[str]
    precision: str
    file: Path
    sha256: str
    ships: Path
    ships_sha256: str
    size_bytes: int
    size_compressed_bytes: int
    params: int
    nonzero: int
    macs: int
    ratio_reached: float | None
    head: Path | None = None
    live: Path | None = None


def identity_columns(one: ExportedVariant, frame_size: int) -> dict[str, Any]:
    """What the variant is, and what the export stage already counted."""
    return {
        "variant": one.name,
        "recipe": ">".join(["train", *one.recipe]),
        "target": "local",
        "engine": OnnxRuntimeEngine.name,
        "precision": one.precision,
        "frame_size": frame_size,
        "size_mb": one.size_bytes / 1e6,
        "size_compressed_mb": one.size_compressed_bytes / 1e6,
        "params": one.params,
        "nonzero": one.nonzero,
        "macs": one.macs,
        "ratio_reached": one.ratio_reached,
        "model_file": one.file.as_posix(),
        "model_sha256": one.sha256,
        "ships": one.ships.as_posix(),
        "ships_sha256": one.ships_sha256,
    }


def timing_columns(timings: Timings, name: str, seed: int) -> dict[str, Any]:
    """FPS, latency in ms and speed-up over the baseline, of the whole frame and of the network alone."""
    frame, network = timings.rounds_ms(name), timings.rounds_ms(name, "network_ms")
    samples = np.concatenate(frame)
    baseline, baseline_network = timings.rounds_ms(BASELINE), timings.rounds_ms(BASELINE, "network_ms")
    return {
        **frames_per_second(frame, seed).columns("fps"),
        **frames_per_second(network, seed).columns("fps_network"),
        "latency_ms_p50": percentile(samples, 50),
        "latency_ms_p90": percentile(samples, 90),
        "latency_ms_p99": percentile(samples, 99),
        "latency_ms_max": float(samples.max()),
        **{f"{part}_p50": percentile(np.concatenate(timings.rounds_ms(name, part)), 50) for part in PARTS},
        "n_timed": samples.size,
        "cv": coefficient_of_variation(samples),
        "outliers": outliers(samples),
        **speedup(frame, baseline, seed).columns("speedup"),
        **speedup(network, baseline_network, seed).columns("speedup_network"),
    }


def further_timing_columns(timings: Timings, form: str, name: str, seed: int) -> dict[str, Any]:
    """Of another form in which the variant can be used, such as whole clips: how many a second, and the speed-up."""
    whole, baseline = timings.rounds_ms(name), timings.rounds_ms(BASELINE)
    return {
        **frames_per_second(whole, seed).columns(f"{form}_per_s"),
        **speedup(whole, baseline, seed).columns(f"{form}_speedup"),
    }


def memory_columns(memories_mb: Sequence[float]) -> dict[str, Any]:
    """Peak memory in 10^6 bytes: median, lowest and highest of the processes that measured it."""
    return {
        "memory_mb": float(np.median(memories_mb)),
        "memory_mb_low": min(memories_mb),
        "memory_mb_high": max(memories_mb),
    }


def note(timings: Timings, name: str, other_load: OtherLoad, check: Mapping[str, Any]) -> str:
    """Why a column is empty, and what should be known before the times are believed. check: of `self_check`."""
    notes = ["power and energy are empty: this machine has no power sensor that we read"]
    if not other_load.is_quiet:
        notes.append(f"timed while other processes used {other_load.cores:.1f} cores: repeat on a quiet machine")
    if name in timings.unsettled:
        notes.append(f"its times had not settled after {timings.warmup_frames[name]} frames of warm-up")
    return "; ".join([*notes, *restlessness("this machine", check), *empty_percentiles(timings, name)])


def restlessness(where: str, check: Mapping[str, Any] | None) -> list[str]:
    """What a self-check that was not passed says of the machine; nothing where it was passed, or not made."""
    if check is None or check["passed"]:
        return []
    return [f"{where} is restless: the same file timed twice differs by the factor {check['ratio']:.3f}"]


def empty_percentiles(timings: Timings, name: str) -> list[str]:
    """Which percentiles of a variant are empty, and how many frames they need."""
    n = sum(len(one) for one in timings.rounds_ms(name))
    short = [f"p{percent} needs {samples_needed(percent)}" for percent in (50, 90, 99) if n < samples_needed(percent)]
    return [f"percentiles are empty where {n} timed frames are too few: {', '.join(short)}"] if short else []
