"""Which function makes the data folder of which task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.data.clips.generate import generate_clips
from pipeline.data.faces.generate import generate_face
from pipeline.data.fire import generate_fire
from pipeline.data.suspect import generate_suspect

# (data.<task>, seed, out, progress=...) -> the report of the folder
GENERATORS: dict[str, Callable[..., dict[str, Any]]] = {
    "face": generate_face,
    "fire": generate_fire,
    "movement": generate_clips,
    "suspect": generate_suspect,
}
