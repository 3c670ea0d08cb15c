"""Make the data folder of a task: data/<task>/."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pipeline.data.generators import GENERATORS
from pipeline.errors import EdgeboardError
from pipeline.params import Params, load_params
from stages.entry import stage_main
from stages.paths import data_folder

_SKIPPED_LINES = 10


@stage_main
def main(task: str) -> None:
    """Draw or import the pictures of a task into data/<task>."""
    report = generate(task, load_params(), data_folder(task))
    for line in summary(report):
        print(line)


def generate(task: str, params: Params, out: Path) -> dict[str, Any]:
    if task not in params.tasks:
        allowed = ", ".join(params.tasks)
        raise EdgeboardError("There is no such task", where="the argument", value=task, allowed=allowed)
    return GENERATORS[task](params.data.of(task), params.seed, out, progress=_Lines())


def summary(report: dict[str, Any]) -> list[str]:
    """The report in lines for a terminal."""
    lines = [f"{split}: {_counted(counts)}" for split, counts in report["counts"].items()]
    control = report.get("control_histogram_accuracy")
    if control:
        lines.append(
            f"a linear model on colours alone reaches {control['value']:.3f} "
            f"[{control['low']:.3f}, {control['high']:.3f}] of {control['n']} test pictures"
        )
    pixels = report.get("control_pixel_accuracy")
    if pixels:
        lines.append(
            f"the nearest training crop by its pixels names {pixels['value']:.3f} "
            f"[{pixels['low']:.3f}, {pixels['high']:.3f}] of {pixels['n']} test crops rightly"
        )
    if report.get("faces_found"):
        found = report["faces_found"]
        lines.append(f"one clear face in {found['value']:.1%} of {found['n']} frames")
    if report.get("near_duplicates"):
        lines.append(f"{len(report['near_duplicates'])} groups of near-duplicates were kept on one side each")
    twins = report.get("twins", [])
    if twins:
        lines.append(f"{len(twins)} pairs look the same though they are not of one person (all are in report.json):")
        lines += [f"  {pair['file']} and {pair['other']}" for pair in twins[:_SKIPPED_LINES]]
    skipped = report["skipped"]
    if skipped:
        lines.append(f"{len(skipped)} photos were skipped (all are listed in report.json):")
        lines += [f"  {entry['file']}: {entry['reason']}" for entry in skipped[:_SKIPPED_LINES]]
    return lines


def _counted(counts: dict[str, Any]) -> str:
    """`12 fire, 12 none`, or of pictures with boxes `24 images, 2 of them empty: 9 gun, 8 knife`."""
    if "objects" not in counts:
        return ", ".join(f"{n} {name}" for name, n in counts.items())
    objects = ", ".join(f"{n} {name}" for name, n in counts["objects"].items())
    return f"{counts['images']} images, {counts['empty']} of them empty: {objects}"


class _Lines:
    """At most a line in two seconds, since a stage's output goes to a log as often as to a terminal."""

    def __init__(self) -> None:
        self._started = self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        # The first pictures carry the start of the worker processes and would tell far too long a time.
        if done < total and (now - self._told < 2 or done < total / 20):
            return
        self._told = now
        remaining = (now - self._started) / done * (total - done)
        print(f"generate: {done}/{total} pictures, about {remaining:.0f} s remain", flush=True)


if __name__ == "__main__":
    main()
