"""What comes out of explaining one clip, and what time adds to the numbers of one variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores
from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.temporal import TimeDependence, frame_importance, time_dependence
from pipeline.explain.drift import drift
from pipeline.explain.localisation import energy_in_mask
from pipeline.explain.metrics.registry import with_interval
from pipeline.explain.subject import JudgedMap
from pipeline.explain.summary import spread

_DEPENDENCES = {"order": "order_dependence", "direction": "direction_dependence", "motion": "motion_dependence"}


@dataclass(frozen=True, eq=False)
class InTime:
    """What one variant says of one clip when its frames are left out, shuffled or turned around.

    decision: index of its own class, probability: of that class; frame_importance: `[T]`.
    """

    decision: int
    probability: float
    frame_importance: NDArray[np.float64]
    time: TimeDependence


@dataclass(frozen=True, eq=False)
class ClipExplanation:
    """explained: the class that the baseline decides; judged: the space-time RISE map with its scores."""

    explained: int
    in_time: InTime
    judged: JudgedMap


def ask_in_time(answers: BatchScores, clip: ExplainedClip, class_index: int, shuffles: NDArray[np.int64]) -> InTime:
    """answers: class probabilities of `[N, T, 3, S, S]`."""
    clip_ntchw = clip.clip_ntchw
    probabilities = answers(clip_ntchw)[0]
    return InTime(
        int(probabilities.argmax()),
        float(probabilities.max()),
        frame_importance(answers, clip_ntchw, class_index),
        time_dependence(answers, clip_ntchw, class_index, shuffles),
    )


def numbers_of_time(moving: Sequence[NDArray[np.bool_]], found: Sequence[ClipExplanation], seed: int) -> dict[str, Any]:
    """What the report of a variant of clips has beside that of pictures.

    moving: `[T, S, S]` of each clip, see moving_pixels. energy_in_motion: share of a map's energy that lies there,
    beside motion_area, the share of the clip that it is; both None where nothing moves. order_dependence,
    direction_dependence and motion_dependence: see TimeDependence.
    """
    areas = [float(mask.mean()) for mask in moving if mask.any()]
    result: dict[str, Any] = {
        **with_interval("energy_in_motion", _energies(moving, found), seed),
        "motion_area": float(np.mean(areas)) if areas else None,
        "n_moving": len(areas),
    }
    for field, name in _DEPENDENCES.items():
        result |= spread(name, [getattr(one.in_time.time, field) for one in found], seed)
    return result


def rows_of(
    clips: Sequence[ExplainedClip],
    moving: Sequence[NDArray[np.bool_]],
    found: Sequence[ClipExplanation],
    found_baseline: Sequence[ClipExplanation],
    class_names: Sequence[str],
) -> list[dict[str, Any]]:
    """Every explanation for the report."""
    energies = _energies(moving, found)
    return [
        {
            "frame": clip.name,
            "true_class": class_names[clip.label],
            "explained_class": class_names[one.explained],
            "decision": class_names[one.in_time.decision],
            "probability": one.in_time.probability,
            **one.judged.areas,
            "drift": drift(base.judged.importance, one.judged.importance),
            "energy_in_motion": energies[i],
            **{name: getattr(one.in_time.time, field) for field, name in _DEPENDENCES.items()},
            "frame_importance": one.in_time.frame_importance.tolist(),
        }
        for i, (clip, one, base) in enumerate(zip(clips, found, found_baseline, strict=True))
    ]


def _energies(moving: Sequence[NDArray[np.bool_]], found: Sequence[ClipExplanation]) -> list[float | None]:
    return [
        energy_in_mask(one.judged.importance, mask) if mask.any() else None
        for one, mask in zip(found, moving, strict=True)
    ]
