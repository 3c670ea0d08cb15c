"""The benchmark of one task on this machine: accuracy, time and memory of every variant, as rows of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.benchmark.accuracy import predict
from pipeline.benchmark.affinity import pinned
from pipeline.benchmark.forms import Form
from pipeline.benchmark.guard import Cost, guard
from pipeline.benchmark.judges import Judge
from pipeline.benchmark.load import watching_other_load
from pipeline.benchmark.memory import peak_memories_mb
from pipeline.benchmark.rows import (
    BASELINE,
    ExportedVariant,
    further_timing_columns,
    identity_columns,
    memory_columns,
    note,
    timing_columns,
)
from pipeline.benchmark.self_check import SELF_CHECK, self_check, smallest_difference
from pipeline.benchmark.timing import Timings, time_in_turn
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine


def benchmark_task(
    variants: Sequence[ExportedVariant],
    judge: Judge,
    form: Form,
    raw_folder: Path,
    *,
    further_forms: Mapping[str, Form] | None = None,
    threads: int,
    rounds: int,
    frames_per_turn: int,
    warmup: int,
    seed: int,
    progress: Callable[[str], object],
) -> dict[str, Any]:
    """Measure every variant under ONNX Runtime on this machine; `variants[0]` is the baseline.

    form: what is timed, and compared in speed. further_forms: other ways to use the same variants, by the name of what
    goes in; of each a row has <name>_per_s and <name>_speedup, or its own columns. Leaves samples.csv (raw times; of a
    further form samples_<name>.csv) and what the judge leaves in `raw_folder`. Returns {"threads", "self_check",
    "timing", "rows"}; a row has the columns of the leaderboard.
    """
    if not variants or variants[0].name != BASELINE:
        raise EdgeboardError(
            "The baseline must be the first of the exported variants", value=[one.name for one in variants]
        )
    engines = {one.name: OnnxRuntimeEngine(one.file, threads) for one in variants}
    test = judge.test
    frame_size = test.frames_nhwc.shape[-2]

    progress(f"accuracy of {len(variants)} files on {len(test)} frames")
    answers = {one.name: judge.read(one, predict(engines[one.name].run, test.frames_nhwc)) for one in variants}
    accuracies = judge.columns({one.name: one for one in variants}, answers)
    further = {one.name: judge.further(one, engines[one.name].run) for one in variants}
    judge.save(raw_folder, answers)

    progress(f"timing {rounds} rounds in turn")
    engines.clear()  # so that no more files are open than are timed

    def time_form(timed: Form) -> Timings:
        named = {**{one.name: one for one in variants}, SELF_CHECK: variants[0]}
        return time_in_turn(
            {name: timed.open_network(one) for name, one in named.items()},
            timed.pictures,
            timed.preprocess,
            {name: timed.decoder(one) for name, one in named.items()},
            rounds=min(rounds, timed.most_rounds or rounds),
            frames_per_turn=frames_per_turn,
            warmup=warmup,
            seed=seed,
        )

    def columns_of(form_name: str, variant: str) -> dict[str, Any]:
        own, columns = further_timings[form_name], (further_forms or {})[form_name].columns
        return columns(own, variant, seed) if columns else further_timing_columns(own, form_name, variant, seed)

    with pinned(threads) as processors, watching_other_load() as other_load:
        timings = time_form(form)
        further_timings = {name: time_form(one) for name, one in (further_forms or {}).items()}
    timings.samples.to_csv(raw_folder / "samples.csv", index=False)
    for name, one_timings in further_timings.items():
        one_timings.samples.to_csv(raw_folder / f"samples_{name}.csv", index=False)
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
            *(columns_of(name, one.name) for name in further_timings),
            memory_columns(costs[one.name].memories_mb),
            guarded[one.name],
            {"power_w": None, "energy_mj": None, "note": note(timings, one.name, other_load, check)},
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
            "processors": processors,
            "warmup_frames": timings.warmup_frames,
            "unsettled": list(timings.unsettled),
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
