"""results/sources/<name>/: rows from elsewhere, kept so that the page can be opened without Git, MLflow or a network.

Each folder looks like results/ itself: leaderboard.csv, and runs/<run_id>/ with run.json, evidence.json and a picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.board import RUN_ID
from pipeline.evidence import EVIDENCE_FILE
from pipeline.files import replacing_folder, write_json
from pipeline.report import BOARD_FILE, COLUMNS, board_frame, write_board

SOURCES_FOLDER = Path("results/sources")
ORIGIN = "source"  # the column that says where a row comes from
ORIGIN_FILE = "source.json"
REMARKS_FILE = "remarks.json"
_PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG or JPEG, and its suffix with the dot."""

    suffix: str
    data: bytes

    @classmethod
    def of(cls, path: Path) -> Picture:
        return cls(path.suffix.lower(), path.read_bytes())


@dataclass(frozen=True)
class Found:
    """A row found elsewhere. run: as in run.json. origin: for people, e.g. `experiment photos` or an address."""

    run: Mapping[str, Any]
    experiment: str
    origin: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    picture: Picture | None = None

    @property
    def run_id(self) -> str:
        return str(self.run.get("run_id", ""))


def write_source(root: Path, name: str, found: Sequence[Found]) -> int:
    """Replace what is kept of a source. Returns how many rows it now has; a run whose id is none is left out."""
    folder = root / SOURCES_FOLDER / name
    with replacing_folder(folder) as temporary:
        rows = []
        for one in found:
            if not RUN_ID.fullmatch(one.run_id):
                continue
            rows.append(_row(one, f"sources/{name}/runs/{one.run_id}", _keep_run(temporary, one)))
        frame = board_frame([{key: row[key] for key in row if key != ORIGIN} for row in rows])
        write_board(temporary / BOARD_FILE.name, frame.assign(**{ORIGIN: [row[ORIGIN] for row in rows]}))
        write_json(temporary / ORIGIN_FILE, {"name": name, "rows": len(rows)})
    return len(rows)


def write_remarks(root: Path, name: str, lines: Sequence[str]) -> None:
    """Keep why rows of a source could not be fetched, for the page; no lines where nothing is missing."""
    path = root / SOURCES_FOLDER / REMARKS_FILE
    write_json(path, read_remarks(path.parent) | {name: list(lines)})


def read_remarks(folder: Path) -> dict[str, list[str]]:
    """Source -> lines, of results/sources; nothing where the file is absent or no such thing."""
    try:
        remarks = json.loads((folder / REMARKS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(remarks, dict):
        return {}
    return {name: [str(line) for line in lines] for name, lines in remarks.items() if isinstance(lines, list)}


def _keep_run(folder: Path, found: Found) -> str:
    """Write a run's files. Returns the name of its picture, or nothing."""
    run = folder / "runs" / found.run_id
    run.mkdir(parents=True, exist_ok=True)
    write_json(run / "run.json", _plain(found.run))
    if found.evidence:
        write_json(run / EVIDENCE_FILE, _plain(found.evidence))
    if found.picture is None or found.picture.suffix not in _PICTURES:
        return ""
    name = f"explanation{found.picture.suffix}"
    (run / name).write_bytes(found.picture.data)
    return name


def _row(found: Found, run_folder: str, picture: str) -> dict[str, Any]:
    known = {column.name for column in COLUMNS}
    row = {name: value for name, value in found.run.get("row", {}).items() if name in known}
    explanation = f"{run_folder}/{picture}" if picture else ""
    named = {"experiment": found.experiment, "run_id": found.run_id, "explanation": explanation, ORIGIN: found.origin}
    return row | named


def _plain(value: Any) -> Any:
    """As JSON that write_json takes: a server may have kept a NaN."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)
