"""What a board measured, as rows of the leaderboard: by the same statistics as the benchmark of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from pipeline.benchmark.guard import Cost, guard
from pipeline.benchmark.rows import BASELINE, further_timing_columns, timing_columns
from pipeline.benchmark.self_check import SELF_CHECK, self_check, smallest_difference
from pipeline.benchmark.timing import PARTS, Timings
from pipeline.deploy.bundled_models import CLIPS
from pipeline.deploy.raw_result import timed_variants, timings_of, turns_of
from pipeline.deploy.remarks import note, warnings_of
from pipeline.deploy.sensors import power_of, readings_within
from pipeline.files import sha256_json

# What of a board changes a measured time. Nothing that moves: free memory, temperatures, the time of day.
_FINGERPRINT = ("model", "soc", "l4t", "arch", "cores", "memory_mib", "power_mode", "clocks_while_timed")
_RUNTIME = {"tensorrt": ("tensorrt",), "onnxruntime": ("onnxruntime", "numpy", "python")}


def board_host(result: Mapping[str, Any]) -> dict[str, Any]:
    """The board as the leaderboard's host: facts, `name` for people and `id`, 12 hex digits over the facts.

    Another power mode, other clocks or another version of the engine is another host: their FPS do not compare.
    """
    board = result["board"]
    facts = {name: board.get(name) for name in (*_FINGERPRINT, *_RUNTIME[result["engine"]])}
    if "processors" in board:  # older results do not say
        facts["processors"] = board["processors"]
    mode = board.get("power_mode")
    words = [board["model"], *([f"mode {mode['name']}"] if mode else [])]
    return facts | {"id": sha256_json(facts)[:12], "name": ", ".join(words)}


def task_report(result: dict[str, Any], task: str) -> dict[str, Any]:
    """A report in the form of results/benchmark/<task>.json, with rows of every variant that the board was given.

    accuracy is empty: a board answers a few frames, and its answers are compared with those of this machine. A variant
    that could not be built, answered wrongly or failed has a row without times, whose warning says why.
    """
    origin = result["request"]["origin"][task]
    seed = origin["params"].get("seed", 0)
    timings = timings_of(result, task)
    timed = timed_variants(timings)
    names = set(timings.samples["variant"])
    check = self_check(timings, seed) if {SELF_CHECK, BASELINE} <= names else None
    guarded = _guarded(result, task, timings, timed, check, seed)
    rows = []
    for variant in result["bundles"][task]["variants"]:
        model = variant["models"].get(result["engine"])
        if model is None:
            continue
        row = _identity(result, task, variant, model)
        row |= _measured(result, task, timings, variant["name"], timed, seed)
        row |= _in_further_forms(result, task, variant, seed)
        warnings = [*warnings_of(result, task, variant["name"]), guarded.get(variant["name"], {}).pop("warning", "")]
        row |= guarded.get(variant["name"], {}) | {"warning": "; ".join(words for words in warnings if words)}
        rows.append(row | {"note": note(result, task, variant["name"], row, timings, check)})
    return {
        "task": task,
        "host": board_host(result),
        "self_check": check,
        "created_at": datetime.fromtimestamp(result["request"]["pushed_at"], UTC).isoformat(timespec="seconds"),
        "rows": rows,
        **{key: origin[key] for key in ("params", "params_hash", "data_hash", "git_commit", "git_dirty", "versions")},
    }


def _identity(
    result: Mapping[str, Any], task: str, variant: Mapping[str, Any], model: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "variant": variant["name"],
        "recipe": ">".join(["train", *variant["recipe"]]),
        "target": "jetson" if result["board"]["is_jetson"] else "board",
        "engine": result["engine"],
        "precision": model["precision"],
        "frame_size": result["bundles"][task]["frame_size"],
        "size_mb": variant["size_bytes"] / 1e6,
        "size_compressed_mb": variant["size_compressed_bytes"] / 1e6,
        **{key: variant[key] for key in ("params", "nonzero", "macs", "ratio_reached")},
        "model_file": None,
        # As on this machine, of whole clips, though the FPS are those of the live form.
        "model_sha256": variant.get("further", {}).get(CLIPS, {}).get(result["engine"], model)["sha256"],
        "per_class": {},
    }


def _in_further_forms(result: dict[str, Any], task: str, variant: Mapping[str, Any], seed: int) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for form in variant.get("further", {}):
        timings = timings_of(result, task, form)
        if {variant["name"], BASELINE} <= set(timings.samples["variant"]):
            columns |= further_timing_columns(timings, form, variant["name"], seed)
    return columns


def _measured(
    result: Mapping[str, Any], task: str, timings: Timings, name: str, timed: list[str], seed: int
) -> dict[str, Any]:
    if name not in timed:
        return {"power_w": None, "energy_mj": None}
    turns = turns_of(dict(result), task, name)
    power = power_of(readings_within(result["sensors"]["series"], turns), turns)
    return _times(timings, name, BASELINE in timed, seed) | {"power_w": power.watts, "energy_mj": power.energy_mj}


def _times(timings: Timings, name: str, has_baseline: bool, seed: int) -> dict[str, Any]:
    if not has_baseline:
        own = timings.samples[timings.samples["variant"] == name]
        timings = Timings(pd.concat([own, own.assign(variant=BASELINE)]), {})
    columns = timing_columns(timings, name, seed)
    # Were not measured on the board.
    for part in PARTS:
        del columns[f"{part}_p50"]
    return {key: value for key, value in columns.items() if has_baseline or not key.startswith("speedup")}


def _guarded(
    result: Mapping[str, Any],
    task: str,
    timings: Timings,
    timed: list[str],
    check: dict[str, Any] | None,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Which variants are slower than what they were made from, as int8 can be where it needs reformats."""
    if check is None:
        return {}
    # Peak memory is not measured on boards: the same for all calls nothing.
    costs = {
        one["name"]: Cost(one["recipe"], timings.rounds_ms(one["name"]), one["size_bytes"], [0.0])
        for one in result["bundles"][task]["variants"]
        if one["name"] in timed
    }
    return guard(costs, smallest_difference(check), seed)
