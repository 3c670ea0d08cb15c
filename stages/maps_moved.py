"""results/explain/*/report.json -> results/maps_moved.md: how far each compression step moved the maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.registry import method as method_of_name
from pipeline.files import read_json, write_text
from pipeline.maps_moved import markdown, missing_of, moves_of
from stages.entry import stage_main

_READING = (
    "How far the maps moved from a variant to the one that the step made of it: 1 − rank correlation, 0 for the same\n"
    "order of pixels and 1 for unrelated maps, mean and 95 % interval over n maps of the same frames and masks.\n"
    "2 changed: 0.300: on two of them the decision changed as well, and there the maps moved so far.\n\n"
)


@stage_main
def main(*roots: str, method: str = "", out: str = "results/maps_moved.md") -> None:
    """Table of the runs in these folders (none: this one). --method: another one than RISE, which of detections is
    D-RISE; --out: where to write.
    """
    chosen = None if not method or method_of_name(method).name == "rise" else method
    folders = list(dict.fromkeys(map(Path, roots or (".",))))
    reports = {path: _read(path) for folder in folders for path in _reports_in(folder)}
    moves = [one for report in reports.values() for one in moves_of(report, chosen)]
    missing = [
        f"{path.parents[3].as_posix()}: {line}" if len(folders) > 1 else line
        for path, report in reports.items()
        for line in missing_of(report, chosen)
    ]
    if not moves:
        raise EdgeboardError(
            "The reports do not tell how far maps moved", where=", ".join(map(str, reports)), value="; ".join(missing),
            mend="dvc repro --force explain" + (f", with {chosen} in explain.methods" if chosen else ""),
        )  # fmt: skip
    text = _READING + markdown(moves)
    if missing:
        text += "\nNot told:\n\n" + "".join(f"- {line}\n" for line in missing)
    write_text(Path(out), text)
    print(text)


def _reports_in(root: Path) -> list[Path]:
    reports = sorted(root.glob("results/explain/*/report.json"))
    if not reports:
        raise EdgeboardError(
            "There are no maps to compare", where=root / "results" / "explain",
            mend="dvc repro explain" if root.is_dir() else "name a folder in which the pipeline ran",
        )  # fmt: skip
    return reports


def _read(path: Path) -> dict[str, Any]:
    report: Any = read_json(path, made_by="dvc repro explain")
    if not isinstance(report, dict) or not isinstance(report.get("variants"), dict):
        raise EdgeboardError("The file is no report of explain", where=path, mend="dvc repro --force explain")
    return report


if __name__ == "__main__":
    main()
