"""results/explain/*/report.json -> results/maps_moved.md: how far each compression step moved the maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError
from pipeline.files import read_json, write_text
from pipeline.maps_moved import markdown, moves_of
from stages.entry import stage_main

_READING = (
    "How far the maps moved from a variant to the one that the step made of it: 1 − rank correlation, 0 for the same\n"
    "order of pixels and 1 for unrelated maps, mean and 95 % interval over n maps of the same frames and masks.\n"
    "changed: on so many of them the decision changed as well.\n\n"
)


@stage_main
def main(*roots: str, method: str = "", out: str = "results/maps_moved.md") -> None:
    """Table of the runs in these folders (none: this one). --method: another one than RISE; --out: where to write."""
    reports = sorted(path for root in roots or (".",) for path in Path(root).glob("results/explain/*/report.json"))
    if not reports:
        raise EdgeboardError(
            "There are no maps to compare", where="results/explain", value=list(roots) or None, mend="dvc repro explain"
        )
    moves = [one for path in reports for one in moves_of(_read(path), method or None)]
    if not moves:
        raise EdgeboardError(
            "The reports do not tell how far maps moved", where=", ".join(map(str, reports)), value=method or None,
            mend="dvc repro --force explain, with that method in explain.methods",
        )  # fmt: skip
    text = _READING + markdown(moves)
    write_text(Path(out), text)
    print(text)


def _read(path: Path) -> dict[str, Any]:
    report: Any = read_json(path, made_by="dvc repro explain")
    if not isinstance(report, dict) or not isinstance(report.get("variants"), dict):
        raise EdgeboardError("The file is no report of explain", where=path, mend="dvc repro --force explain")
    return report


if __name__ == "__main__":
    main()
