"""How the outputs of a network are to be read, beside the model: head.json, and a .npy file for each of its arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import read_json, write_json

HEAD_FILE = "head.json"
_ARRAYS = {"anchors_xyxy": "anchors.npy", "class_weights": "class_weights.npy"}


def write_head(folder: Path, head: dict[str, Any]) -> Path:
    """Write `head` (of a detector: see pipeline.tasks.boxes) into a folder that exists; give the path of head.json."""
    for key in head.keys() & _ARRAYS.keys():
        np.save(folder / _ARRAYS[key], np.asarray(head[key], dtype=np.float32), allow_pickle=False)
    write_json(folder / HEAD_FILE, {key: value for key, value in head.items() if key not in _ARRAYS})
    return folder / HEAD_FILE


def read_head(path: Path) -> dict[str, Any]:
    """The head of a head.json, with its arrays."""
    head: dict[str, Any] = read_json(path, made_by="dvc repro export")
    there = {key: path.with_name(name) for key, name in _ARRAYS.items() if path.with_name(name).is_file()}
    return {**head, **{key: np.load(file, allow_pickle=False) for key, file in there.items()}}
