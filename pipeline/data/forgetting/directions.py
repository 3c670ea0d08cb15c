"""What the files of a network hold of one person beside the name: the direction of the person's class.

A classifier's weight vector of a class lies where the embeddings of that person do, so that it serves as a template of
the face. What the rest of the weights learned from the face is in no place of its own; only training again removes it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.forgetting.names import NameSearch
from pipeline.errors import EdgeboardError

# As embedders, and what is exported of them, call the `[D, C]` weights with one column for each person.
TENSOR = "class_weights"
WEIGHTS_FILE, ARRAY_FILE = "weights.safetensors", f"{TENSOR}.npy"
META_FILE = "meta.json"


def without_direction(path: Path, data: bytes, search: NameSearch) -> bytes | None:
    """The bytes of a file of weights without the columns of the person; None: it has none (any more).

    Whose column is whose stands in `class_names` of the meta.json beside the weights, or of the report.json of the
    folder above. Raises EdgeboardError where the file has another number of columns than there are names.
    """
    if path.name not in (WEIGHTS_FILE, ARRAY_FILE):
        return None
    names = _class_names(path)
    mine = [column for column, name in enumerate(names) if search.in_text(name)]
    if not mine:
        return None
    if path.name == ARRAY_FILE:
        left = _left(path, np.load(io.BytesIO(data), allow_pickle=False), names, mine)
        if left is None:
            return None
        out = io.BytesIO()
        np.save(out, left)
        return out.getvalue()
    from safetensors.numpy import load, save

    tensors = load(data)
    left = _left(path, tensors[TENSOR], names, mine) if TENSOR in tensors else None
    return None if left is None else save(tensors | {TENSOR: left})


def fitting_meta(meta: bytes) -> bytes:
    """The meta.json of an artifact, whose names are fewer now, with as many columns as names where it says how many."""
    value = json.loads(meta)
    shape = value.get("layers", {}).get(TENSOR)
    if shape is None:
        return meta
    shape["dim1"] = len(value["class_names"])
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def has_directions(path: Path) -> bool:
    """Whether a file of weights or a checkpoint holds a direction for each person."""
    with path.open("rb") as file:
        return any(TENSOR.encode() in block for block in _overlapping(file))


def _left(path: Path, weights_dc: NDArray[np.float32], names: list[str], mine: list[int]) -> NDArray[np.float32] | None:
    if weights_dc.shape[1] == len(names) - len(mine):
        return None  # a removal that was interrupted got as far as this
    if weights_dc.shape[1] != len(names):
        raise EdgeboardError(
            "A file of weights does not fit the names beside it, so whose is whose cannot be told",
            where=path,
            value=f"{weights_dc.shape[1]} columns, {len(names)} names",
            mend="delete the file, then run the same command again",
        )
    return np.ascontiguousarray(np.delete(weights_dc, mine, axis=1))


def _class_names(path: Path) -> list[str]:
    for described in (path.with_name(META_FILE), path.parent.parent / "report.json"):
        try:
            names = json.loads(described.read_text(encoding="utf-8"))["class_names"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return [str(name) for name in names]
    return []


def _overlapping(file: io.BufferedReader, size: int = 1 << 24) -> Iterator[bytes]:
    """Blocks that share an end, so that a word across two of them is seen."""
    tail = b""
    while block := file.read(size):
        yield tail + block
        tail = block[-len(TENSOR) :]
