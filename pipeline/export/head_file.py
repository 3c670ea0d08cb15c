"""How the heads of a detector are to be read, beside the model: head.json, and anchors.npy for the long part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import read_json, write_json

HEAD_FILE = "head.json"
ANCHORS_FILE = "anchors.npy"


def write_head(folder: Path, head: dict[str, Any]) -> Path:
    """Write `head` (see pipeline.tasks.boxes) into a folder that exists; give the path of head.json."""
    np.save(folder / ANCHORS_FILE, np.asarray(head["anchors_xyxy"], dtype=np.float32), allow_pickle=False)
    write_json(folder / HEAD_FILE, {key: value for key, value in head.items() if key != "anchors_xyxy"})
    return folder / HEAD_FILE


def read_head(path: Path) -> dict[str, Any]:
    """The head of a head.json, with its anchors `[A, 4]`."""
    head: dict[str, Any] = read_json(path, made_by="dvc repro export")
    return {**head, "anchors_xyxy": np.load(path.with_name(ANCHORS_FILE), allow_pickle=False)}
