"""face_finder.json: how boards find, choose and cut faces; see pipeline.export.face_finder_export, which writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError
from pipeline.files import read_json

FINDER_FILE = "face_finder.json"


def read_face_finder(path: Path) -> dict[str, Any]:
    """What stands in a face_finder.json. Raises EdgeboardError for one that is missing, damaged or of an older form."""
    described: dict[str, Any] = read_json(path, made_by="dvc repro export")
    if "crop" not in described:
        raise EdgeboardError(
            "The description of the face finder is of an older form", where=path, mend="dvc repro --force export"
        )
    return described
