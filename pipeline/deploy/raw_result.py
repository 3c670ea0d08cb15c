"""The raw result of a run on a board, as `edgeboard_device.measure` wrote it: read, or refused if it is not whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.benchmark.rows import BASELINE
from pipeline.benchmark.self_check import SELF_CHECK
from pipeline.benchmark.timing import PARTS, Timings
from pipeline.errors import EdgeboardError
from pipeline.files import read_json

FORMAT = "edgeboard board result 1"
_NEEDED = (
    "board",
    "engine",
    "bundles",
    "builds",
    "checks",
    "errors",
    "samples",
    "sensors",
    "request",
    "run",
    "options",
)
_MEND = "deploy/push_to_jetson.sh user@host brings it again, or measures anew"


def read_result(path: Path) -> dict[str, Any]:
    """The result in a file of results/boards. Raises EdgeboardError for one cut off, foreign or of another version."""
    result = read_json(path, made_by="deploy/push_to_jetson.sh user@host")
    if not isinstance(result, dict) or "format" not in result:
        raise EdgeboardError("The file is not a result of a board", where=path, mend=_MEND)
    if result["format"] != FORMAT:
        raise EdgeboardError(
            "The result is of another version", where=path, value=result["format"], allowed=FORMAT, mend=_MEND
        )
    missing = [name for name in _NEEDED if name not in result]
    if missing:
        raise EdgeboardError("The result lacks a part", where=path, value=f"without {', '.join(missing)}", mend=_MEND)
    strangers = result["bundles"].keys() - result["request"]["origin"].keys()
    if strangers:
        raise EdgeboardError("The result does not say where its bundle is from", where=path, value=sorted(strangers))
    return result


def timings_of(result: dict[str, Any], task: str, form: str | None = None) -> Timings:
    """The samples of one task in the form of the local benchmark; variants that failed while they were timed are left
    out. On a board frames are prepared beforehand and outputs are not decoded: those parts are 0.

    form: a further one in which the variants were timed, such as whole clips; None: the one that is compared.
    """
    failed = {error["variant"] for error in result["errors"] if is_of(error, task, form=form)}
    parts = [
        pd.DataFrame(
            {"round": one["round"], "turn": one["turn"], "variant": one["variant"], "frame": 0}
            | dict.fromkeys(PARTS, 0.0)
            | {"network_ms": one["latency_ms"]}
        )
        for one in result["samples"]
        if is_of(one, task, form=form) and one["variant"] not in failed
    ]
    columns = ["round", "turn", "variant", "frame", *PARTS]
    return Timings(pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns), {})


def timed_variants(timings: Timings) -> list[str]:
    """Names of the variants that have samples, the baseline first and without its second time."""
    names = [str(name) for name in timings.samples["variant"].unique() if name != SELF_CHECK]
    return sorted(names, key=lambda name: (name != BASELINE, name))


def turns_of(result: dict[str, Any], task: str, variant: str) -> list[dict[str, Any]]:
    """The turns of a variant: began and ended on the board's monotonic clock (None where not known), and samples."""
    return [one for one in result["samples"] if is_of(one, task, variant)]


def is_of(said: Mapping[str, Any], task: str, variant: str | None = None, form: str | None = None) -> bool:
    """Whether something that the board says is of this task, form and variant (None: any)."""
    return said["task"] == task and said.get("form") == form and variant in (None, said["variant"])
