"""Which of the faces of a frame is the person's, or why none can be taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.errors import EdgeboardError
from pipeline.tasks.face_finder import Face

Rule = Literal["largest", "central"]
RULES: tuple[Rule, ...] = ("largest", "central")


@dataclass(frozen=True)
class Problem:
    """Why a frame gives no crop, in words that are the same on every machine."""

    reason: str


def choose_face(
    faces: Sequence[Face], frame_hw: tuple[int, int], rule: Rule = "largest", *,
    min_probability: float = 0.9, min_side: float = 40, similar: float = 0.5,
) -> Face | Problem:  # fmt: skip
    """The largest or the most central of the faces that are good enough.

    min_probability: in [0, 1]; min_side: least longer side of the box, in pixels of the frame; similar: of "largest"
    the second face's area, as a fraction of the first's, from which on it cannot be told whose face is meant. Of
    "central" two faces are told apart when their distances from the middle differ by a tenth of the shorter side.
    """
    if rule not in RULES:
        raise EdgeboardError("There is no such rule to choose a face", where="rule", value=rule, allowed=list(RULES))
    if not faces:
        return Problem("no face was found")
    certain = [face for face in faces if face.probability >= min_probability]
    if not certain:
        best = max(face.probability for face in faces)
        return Problem(f"no face is certain: probability {best:.2f}; at least {min_probability:g} (min_probability)")
    large = [face for face in certain if _side(face) >= min_side]
    if not large:
        most = max(_side(face) for face in certain)
        return Problem(f"the face is too small: {most:.0f} pixels; at least {min_side:g} (min_side)")
    ranked = sorted(large, key=lambda face: -_area(face) if rule == "largest" else _distance(face, frame_hw))
    first, others = ranked[0], ranked[1:]
    if rule == "largest":
        rivals = [face for face in others if _area(face) >= similar * _area(first)]
        words = "of similar size"
    else:
        near = _distance(first, frame_hw) + 0.1 * min(frame_hw)
        rivals = [face for face in others if _distance(face, frame_hw) < near]
        words = "about as near to the middle"
    if rivals:
        return Problem(f"{1 + len(rivals)} faces {words}: it cannot be told whose is meant")
    if not _is_within(first, frame_hw):
        return Problem("the face is cut off by the border of the picture")
    return first


def _side(face: Face) -> float:
    return float((face.box_xyxy[2:] - face.box_xyxy[:2]).max())


def _area(face: Face) -> float:
    return float((face.box_xyxy[2:] - face.box_xyxy[:2]).prod())


def _distance(face: Face, frame_hw: tuple[int, int]) -> float:
    centre = (face.box_xyxy[:2] + face.box_xyxy[2:]) / 2
    return float(np.hypot(*(centre - np.array([frame_hw[1], frame_hw[0]]) / 2)))


def _is_within(face: Face, frame_hw: tuple[int, int]) -> bool:
    """Whether eyes, nose and mouth are all seen."""
    return bool((face.landmarks_xy >= 0).all() and (face.landmarks_xy <= [frame_hw[1] - 1, frame_hw[0] - 1]).all())
