"""Which of the faces of a frame is the person's, or why none can be taken: the same on host and board.

This file is copied to the board, so it needs numpy alone and keeps to the syntax of Python 3.6. A face is what
face_finder.Face says; the options are those that stand as `crop` in face_finder.json.
"""

from typing import Any, Optional, Sequence, Tuple

import numpy as np

RULES = ("largest", "central")


def choose_face(
    faces: Sequence[Any],
    frame_hw: Tuple[int, int],
    rule: str = "largest",
    min_probability: float = 0.9,
    min_side: float = 40,
    similar: float = 0.5,
) -> Tuple[Optional[Any], str]:
    """The largest or the most central of the faces that are good enough, and "", or None and the reason.

    min_probability: in [0, 1]; min_side: least longer side of the box, in pixels of the frame; similar: of "largest"
    the second face's area, as a fraction of the first's, from which on it cannot be told whose face is meant. Of
    "central" two faces are told apart when their distances from the middle differ by a tenth of the shorter side.
    Raises ValueError for another rule.
    """
    if rule not in RULES:
        raise ValueError("rule must be one of %s, not %r" % (", ".join(RULES), rule))
    if not faces:
        return None, "no face was found"
    certain = [face for face in faces if face.probability >= min_probability]
    if not certain:
        best = max(face.probability for face in faces)
        return None, f"no face is certain: probability {best:.2f}; at least {min_probability:g} (min_probability)"
    large = [face for face in certain if _side(face) >= min_side]
    if not large:
        most = max(_side(face) for face in certain)
        return None, f"the face is too small: {most:.0f} pixels; at least {min_side:g} (min_face)"
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
        return None, f"{1 + len(rivals)} faces {words}: it cannot be told whose is meant"
    if not _is_within(first, frame_hw):
        return None, "the face is cut off by the border of the picture"
    return first, ""


def _side(face: Any) -> float:
    return float((face.box_xyxy[2:] - face.box_xyxy[:2]).max())


def _area(face: Any) -> float:
    return float((face.box_xyxy[2:] - face.box_xyxy[:2]).prod())


def _distance(face: Any, frame_hw: Tuple[int, int]) -> float:
    centre = (face.box_xyxy[:2] + face.box_xyxy[2:]) / 2
    return float(np.hypot(*(centre - np.array([frame_hw[1], frame_hw[0]]) / 2)))


def _is_within(face: Any, frame_hw: Tuple[int, int]) -> bool:
    """Whether eyes, nose and mouth are all seen."""
    return bool((face.landmarks_xy >= 0).all() and (face.landmarks_xy <= [frame_hw[1] - 1, frame_hw[0] - 1]).all())
