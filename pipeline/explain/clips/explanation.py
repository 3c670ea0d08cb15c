"""What comes out of explaining one clip, and the numbers of one variant over all clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.temporal import TimeDependence, frame_importance, time_dependence
from pipeline.explain.clips.volume import as_volume, blurred_volume, of_volume
from pipeline.explain.drift import drift
from pipeline.explain.faithfulness import Faithfulness, faithfulness
from pipeline.explain.localisation import energy_in_mask
from pipeline.explain.probabilities import Scores
from pipeline.explain.rise import Masks, rise_map
from pipeline.explain.summary import spread, summary

_DEPENDENCES = {"order": "order_dependence", "direction": "direction_dependence", "motion": "motion_dependence"}


@dataclass(frozen=True, eq=False)
class ClipExplanation:
    """What one variant says of one clip, explained for the class `explained` that the baseline decides.

    decision: index of the variant's own class, probability: of that class; rise: `[T, S, S]`; frame_importance: `[T]`.
    """

    explained: int
    decision: int
    probability: float
    rise: NDArray[np.float32]
    faithfulness: Faithfulness
    frame_importance: NDArray[np.float64]
    time: TimeDependence


def explain_clip(
    scores: Scores, clip: ExplainedClip, class_index: int, masks: Masks, shuffles: NDArray[np.int64], steps: int
) -> ClipExplanation:
    """scores: class probabilities of `[1, T, 3, S, S]`; steps: points of the deletion and insertion curves."""
    clip_ntchw = clip.clip_ntchw
    probabilities = scores(clip_ntchw)
    decision = int(probabilities.argmax())
    volume, volume_scores = as_volume(clip_ntchw), of_volume(scores)
    importance = rise_map(volume_scores, volume, class_index, masks)
    return ClipExplanation(
        class_index,
        decision,
        float(probabilities[decision]),
        importance,
        faithfulness(volume_scores, volume, class_index, importance, steps, blurred_volume),
        frame_importance(scores, clip_ntchw, class_index),
        time_dependence(scores, clip_ntchw, class_index, shuffles),
    )


def scores_of_variant(
    clips: Sequence[ExplainedClip],
    moving: Sequence[NDArray[np.bool_]],
    found: Sequence[ClipExplanation],
    found_baseline: Sequence[ClipExplanation],
    class_names: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """The numbers of explain_task, and those of time.

    moving: `[T, S, S]` of each clip, see moving_pixels. energy_in_motion: share of a map's energy that lies there,
    beside motion_area, the share of the clip that it is; both None where nothing moves. order_dependence,
    direction_dependence and motion_dependence: see TimeDependence.
    """
    drifts = [drift(base.rise, one.rise) for base, one in zip(found_baseline, found, strict=True)]
    energies = [energy_in_mask(one.rise, mask) if mask.any() else None for one, mask in zip(found, moving, strict=True)]
    known = [one for one in energies if one is not None]
    dependences = {name: [getattr(one.time, field) for one in found] for field, name in _DEPENDENCES.items()}
    rows = [
        {
            "frame": clip.name,
            "true_class": class_names[clip.label],
            "explained_class": class_names[one.explained],
            "decision": class_names[one.decision],
            "probability": one.probability,
            "deletion_auc": one.faithfulness.deletion_auc,
            "insertion_auc": one.faithfulness.insertion_auc,
            "drift": drifts[i],
            "energy_in_motion": energies[i],
            **{name: values[i] for name, values in dependences.items()},
            "frame_importance": one.frame_importance.tolist(),
        }
        for i, (clip, one) in enumerate(zip(clips, found, strict=True))
    ]
    nothing = dict.fromkeys(["energy_in_motion", "energy_in_motion_low", "energy_in_motion_high"])
    motion: dict[str, Any] = spread("energy_in_motion", known, seed, None) if known else nothing
    result: dict[str, Any] = {
        **summary([one.faithfulness for one in found], drifts, [], seed),
        **motion,
        "motion_area": float(np.mean([mask.mean() for mask in moving if mask.any()])) if known else None,
        "n_moving": len(known),
    }
    for name, values in dependences.items():
        result |= spread(name, values, seed, None)
    agrees = sum(one.decision == base.decision for base, one in zip(found_baseline, found, strict=True))
    return {**result, "agrees": agrees, "frames": rows}
