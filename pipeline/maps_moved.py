"""Which compression step moves the maps most: one table over steps and tasks, from the reports of explain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MapMove:
    """How far one method's maps moved from a variant to the one made from it.

    steps: labels of what lies between, one where each was exported; drift: 1 - rank correlation with its 95 % interval
    (None of one map) and ssim, means over n maps; changed: on how many of them the decision changed as well, and
    drift_changed there.
    """

    task: str
    method: str
    steps: tuple[str, ...]
    before: str
    after: str
    n: int
    drift: float
    low: float | None
    high: float | None
    ssim: float
    changed: int
    drift_changed: float | None

    @property
    def step(self) -> str:
        """`prune`, or `distill → quantize`; options of a step's own are left out."""
        return " → ".join(label.split("@", 1)[0] for label in self.steps)


def moves_of(report: Mapping[str, Any], method: str | None = None) -> list[MapMove]:
    """Of every variant of one task's report that was made from another, with maps of that method; None: the default.

    A report of an older form has none.
    """
    moves = []
    for after, variant in report.get("variants", {}).items():
        of_method = variant if method is None else variant.get("methods", {}).get(method, {})
        moved = of_method.get("moved") or {}
        if "all" in moved and moved["all"]["n"]:
            moves.append(move_of(report["task"], after, moved, method or report["method"]))
    return moves


def missing_of(report: Mapping[str, Any], method: str | None = None) -> list[str]:
    """What `moves_of` of the same has no number of, with the reasons, in words."""
    task = report.get("task")
    variants = {name: one for name, one in report.get("variants", {}).items() if name != "baseline"}
    if method is not None and not any(method in one.get("methods", {}) for one in variants.values()):
        reason = report.get("left_out", {}).get(method, f"{method} is not among its explain.methods")
        return [f"{task}: {reason}"]
    lines = []
    for after, variant in variants.items():
        of_method = variant if method is None else variant.get("methods", {}).get(method, {})
        moved = of_method.get("moved") or {}
        if not moved.get("all", {}).get("n"):
            before = f"{moved['from']} → " if "from" in moved else ""
            reason = of_method.get("why_not") or moved.get("why_not") or "its report does not tell of single steps"
            lines.append(f"{task}, {before}{after}: {reason}")
    return lines


def move_of(task: str, after: str, moved: Mapping[str, Any], method: str) -> MapMove:
    """`moved` of one variant as explain writes it."""
    every, differ = moved["all"], moved["differ"]
    return MapMove(
        task, method, tuple(moved["steps"]), moved["from"], after, every["n"], every["xai_drift"],
        every["xai_drift_low"], every["xai_drift_high"], every["xai_ssim"], differ["n"], differ["xai_drift"],
    )  # fmt: skip


def by_step(moves: Iterable[MapMove]) -> list[tuple[str, list[MapMove]]]:
    """Moves of each step, the step that moves maps most first, by the mean over its moves."""
    found: dict[str, list[MapMove]] = {}
    for one in moves:
        found.setdefault(one.step, []).append(one)
    return sorted(found.items(), key=lambda item: -sum(one.drift for one in item[1]) / len(item[1]))


def markdown(moves: Sequence[MapMove]) -> str:
    """The table for people: a line for each step and place in a recipe, a column for each task.

    Several runs of one task share a cell.
    """
    tasks = list(dict.fromkeys(one.task for one in moves))
    lines = ["| step | from → to | " + " | ".join(tasks) + " |", "| --- | --- |" + " --- |" * len(tasks)]
    for step, of_step in by_step(moves):
        for before, after in dict.fromkeys((one.before, one.after) for one in of_step):
            here = [one for one in of_step if (one.before, one.after) == (before, after)]
            cells = ["; ".join(_cell(one) for one in here if one.task == task) or "–" for task in tasks]
            lines.append(f"| {step} | {before} → {after} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(one: MapMove) -> str:
    interval = "" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]"
    there = "" if one.drift_changed is None else f": {one.drift_changed:.3f}"
    changed = f", {one.changed} changed{there}" if one.changed else ""
    return f"{one.drift:.3f}{interval} (n {one.n}{changed})"
