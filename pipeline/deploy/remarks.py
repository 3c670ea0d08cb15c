"""What should be known of a board's row before its numbers are believed: in words, for its columns warning and note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.benchmark.rows import empty_percentiles, restlessness
from pipeline.benchmark.timing import Timings
from pipeline.deploy.bundled_models import CLIPS
from pipeline.deploy.raw_result import is_of, turns_of
from pipeline.deploy.sensors import FEWEST_READINGS, clock_warning, hottest, power_of, readings_within

_SKEW_S = 300
_BUSY_CORES = 0.5  # a desktop at rest stays below


def warnings_of(result: dict[str, Any], task: str, name: str) -> list[str]:
    """Why the variant has no times, or what spoilt them; each a clause."""
    failed = [
        f"not timed, {one['step']} failed on the board: {one['words']}"
        for one in result["errors"]
        if is_of(one, task, name)
    ]
    if failed:
        return failed
    failed_forms = [
        f"{one['form']} not timed, {one['step']} failed on the board: {one['words']}"
        for one in result["errors"]
        if one.get("form") and is_of(one, task, name, one["form"])
    ]
    turns = turns_of(result, task, name)
    readings = readings_within(result["sensors"]["series"], turns)
    limits = result["board"].get("clocks_while_timed") or {}
    moved = clock_warning(readings, limits, on_gpu=result["engine"] == "tensorrt")
    unstable = next((one["unstable"] for one in turns if one["unstable"]), None)
    busy = max((cores for cores in result.get("other_load_cores", []) if cores is not None), default=0.0)
    shared = f"timed while other processes used {busy:.1f} cores" if busy > _BUSY_CORES else None
    return [words for words in (*failed_forms, shared, moved, unstable and f"trtexec: {unstable}") if words]


def note(
    result: dict[str, Any],
    task: str,
    name: str,
    row: Mapping[str, Any],
    timings: Timings,
    check: dict[str, Any] | None,
) -> str:
    """What the row's numbers are, and why some are empty. check: of `self_check`, None where it was not made."""
    checked = next((one for one in result["checks"] if is_of(one, task, name)), None)
    notes = ["accuracy is empty: it is not measured on the board"]
    if checked and checked["passed"]:
        notes.append(
            f"outputs on the board differ from those here by {checked['rms_relative']:.2g} of their size on "
            f"{checked['n']} frames"
        )
    if "fps" in row:
        notes.append(
            "FPS and latency are of the network and its transfers; frames were prepared beforehand and outputs not "
            "decoded, so they are no FPS of whole frames as target local has them"
        )
        variant = next(one for one in result["bundles"][task]["variants"] if one["name"] == name)
        if CLIPS in variant.get("further", {}):
            is_live = "live" in variant["models"][result["engine"]]
            notes.append(
                "they are those of the live form: one frame of a stream in, one decision out"
                if is_live
                else "it has no live form: for every frame of a stream the whole clip runs again"
            )
        turns = turns_of(result, task, name)
        unsettled = sum(one.get("settled") is False for one in turns)
        if unsettled:
            notes.append(f"its times had not settled when {unsettled} of {len(turns)} turns began")
        notes += empty_percentiles(timings, name)
        notes += _sensor_notes(result, task, name)
    notes += restlessness("the board", check)
    skew = result["board"]["clock"] - result["request"]["pushed_at"]
    if abs(skew) > _SKEW_S:
        notes.append(f"the board's clock was off by about {skew:.0f} s")
    return "; ".join(notes)


def _sensor_notes(result: dict[str, Any], task: str, name: str) -> list[str]:
    turns = turns_of(result, task, name)
    readings = readings_within(result["sensors"]["series"], turns)
    power = power_of(readings, turns)
    notes = []
    if power.watts is not None:
        source = result["sensors"]["rails_from"]
        notes.append(f"power of {' + '.join(power.rails)} from {source}, {power.n_readings} readings")
    elif not power.rails:
        notes.append("power and energy are empty: no sensor of the whole board was found")
    else:
        notes.append(f"power and energy are empty: {power.n_readings} readings are fewer than {FEWEST_READINGS}")
    hot = hottest(readings)
    if hot:
        notes.append(f"at most {hot[1]:.0f} °C ({hot[0]})")
    gpu = (result["board"].get("clocks_while_timed") or {}).get("gpu")
    if gpu and not gpu["locked"]:
        notes.append("GPU clock not locked (--max-clocks locks it)")
    return notes
