"""The benchmark of one task on this machine: accuracy, time and memory of every variant, as rows of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.accuracy import predict
from pipeline.benchmark.guard import Cost, guard
from pipeline.benchmark.judges import Judge
from pipeline.benchmark.load import watching_other_load
from pipeline.benchmark.memory import peak_memories_mb
from pipeline.benchmark.rows import (
    BASELINE,
    ExportedVariant,
    identity_columns,
    memory_columns,
    note,
    timing_columns,
)
from pipeline.benchmark.self_check import SELF_CHECK, self_check, smallest_difference
from pipeline.benchmark.timing import time_in_turn
from pipeline.data.frames import preprocess
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine


def benchmark_task(
    variants: Sequence[ExportedVariant],
    judge: Judge,
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

    pictures_hwc: decoded camera pictures that are timed. Leaves samples.csv (raw times) and what the judge leaves in
    `raw_folder`. Returns {"threads", "self_check", "timing", "rows"}; a row has the columns of the leaderboard.
    """
    if not variants or variants[0].name != BASELINE:
        raise EdgeboardError(
            "The baseline must be the first of the exported variants", value=[one.name for one in variants]
        )
    engines = {one.name: OnnxRuntimeEngine(one.file, threads) for one in variants}
    test = judge.test
    frame_size = test.frames_nhwc.shape[1]
    decoders = {one.name: judge.decoder(one) for one in variants}

    progress(f"accuracy of {len(variants)} files on {len(test)} frames")
    answers = {one.name: judge.read(one, predict(engines[one.name].run, test.frames_nhwc)) for one in variants}
    accuracies = judge.columns({one.name: one for one in variants}, answers)
    further = {one.name: judge.further(one, engines[one.name].run) for one in variants}
    judge.save(raw_folder, answers)

    progress(f"timing {rounds} rounds in turn")
    engines[SELF_CHECK] = OnnxRuntimeEngine(variants[0].file, threads)
    with watching_other_load() as other_load:
        timings = time_in_turn(
            {name: engine.run for name, engine in engines.items()},
            pictures_hwc,
            lambda picture_hwc: preprocess(picture_hwc, frame_size),
            {**decoders, SELF_CHECK: decoders[BASELINE]},
            rounds=rounds,
            frames_per_turn=frames_per_turn,
            warmup=warmup,
            seed=seed,
        )
    timings.samples.to_csv(raw_folder / "samples.csv", index=False)
    engines.clear()  # so that the memory of the fresh processes is not short
    check = self_check(timings, seed)

    progress("memory, in fresh processes")
    costs = {
        one.name: Cost(one.recipe, timings.rounds_ms(one.name), one.size_bytes, peak_memories_mb(one.file, threads))
        for one in variants
    }
    guarded = guard(costs, smallest_difference(check), seed)
    rows = [
        _joined(
            identity_columns(one, frame_size),
            accuracies[one.name],
            further[one.name],
            timing_columns(timings, one.name, seed),
            memory_columns(costs[one.name].memories_mb),
            guarded[one.name],
            {"power_w": None, "energy_mj": None, "note": note(timings, one.name, other_load)},
        )
        for one in variants
    ]
    return {
        "threads": threads,
        "self_check": check,
        "timing": {
            "order": "variants in turn, shuffled in every round",
            "rounds": rounds,
            "frames_per_turn": frames_per_turn,
            "warmup_frames": timings.warmup_frames,
            "other_load_cores": other_load.cores,
        },
        "rows": rows,
    }


def _joined(*parts: dict[str, Any]) -> dict[str, Any]:
    """One row of parts that each know a name of their own for what they measured."""
    row: dict[str, Any] = {}
    for part in parts:
        twice = row.keys() & part.keys()
        assert not twice, f"measured by two parts of the benchmark: {', '.join(sorted(twice))}"
        row |= part
    return row
