"""live.json beside a model: the file of its live form and what that needs, see pipeline.tasks.live_clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.files import read_json, write_json

LIVE_FILE = "live.json"
LIVE_FOLDER = "live"  # of an artifact that is quantized: the graphs of its live form


def write_live(folder: Path, file: str, description: dict[str, Any]) -> Path:
    """file: name of the ONNX file in `folder`; description: of export_live. Gives the path of live.json."""
    path = folder / LIVE_FILE
    write_json(path, {"file": file, **description})
    return path


def read_live(path: Path) -> dict[str, Any]:
    return read_json(path, made_by="dvc repro export")
