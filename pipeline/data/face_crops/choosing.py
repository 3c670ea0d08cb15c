"""Which of the faces of a frame is the person's, or why none can be taken: as boards choose, with our own errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import EdgeboardError
from pipeline.tasks import face_choosing
from pipeline.tasks.face_finder import Face

Rule = Literal["largest", "central"]


@dataclass(frozen=True)
class Problem:
    """Why a frame gives no crop, in words that are the same on every machine."""

    reason: str


def choose_face(
    faces: Sequence[Face], frame_hw: tuple[int, int], rule: Rule = "largest", *,
    min_probability: float = 0.9, min_side: float = 40, similar: float = 0.5,
) -> Face | Problem:  # fmt: skip
    """See pipeline.tasks.face_choosing.choose_face. Raises EdgeboardError for another rule."""
    if rule not in face_choosing.RULES:
        raise EdgeboardError(
            "There is no such rule to choose a face", where="rule", value=rule, allowed=list(face_choosing.RULES)
        )
    face, reason = face_choosing.choose_face(faces, frame_hw, rule, min_probability, min_side, similar)
    return Problem(reason) if face is None else face
