"""`source: synthetic`: recordings of drawn people who move (pipeline.data.movers), split by who acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clip_data_options import ClipData
from pipeline.data.clips.planned import Plan, PlannedVideo
from pipeline.data.clips.videos import nearest
from pipeline.data.clips.windows import Window
from pipeline.data.dataset import SPLITS
from pipeline.errors import EdgeboardError

CLASS_NAMES = ("walk", "fast_walk", "run", "fall", "fight", "stand")
_ASPECT = 3 / 4


def draw_recording(
    seed: int, actor: int, label: str, index: int, fps: float, n_frames: int, height: int, width: int, n_before: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """uint8 RGB `[k, height, width, 3]`, up to `n_before` frames just before recording `index` of the actor doing
    `label`, and the recording `[n_frames, height, width, 3]` itself."""
    from pipeline.data.movers import draw_with_past

    return draw_with_past(seed, actor, index, label, fps, n_frames, height, width, n_before)


@dataclass
class DrawnClip:
    """One recording of drawn people, as long as a clip; `n_before`: frames to be drawn before it.

    The pixels depend on these fields only, and those of the clip not on n_before.
    """

    seed: int
    actor: int
    label: str
    index: int
    fps: float
    n_frames: int
    max_side: int
    n_before: int = 0
    damage: str | None = None

    def __iter__(self) -> Iterator[Window]:
        size_hw = round(self.max_side * _ASPECT), self.max_side
        before, clip = draw_recording(
            self.seed, self.actor, self.label, self.index, self.fps, self.n_frames, *size_hw, self.n_before
        )
        yield Window(clip, 0.0, before_khwc=before if len(before) else None)


def plan_drawn(params: ClipData, seed: int, task: str) -> Plan:
    """`clips_per_actor_and_class` recordings of each class by each actor.

    An actor's number is never used by two splits, and more training actors leave the test clips as they were.
    """
    class_names = list(CLASS_NAMES) if params.classes is None else params.classes
    unknown = [name for name in class_names if name not in CLASS_NAMES]
    if unknown:
        raise EdgeboardError(
            "There are no drawn people who do this",
            where=f"data.{task}.classes",
            value="; ".join(f"{name}{nearest(name, CLASS_NAMES)}" for name in unknown),
            allowed=", ".join(CLASS_NAMES),
        )
    planned = []
    for number, split in enumerate(SPLITS):
        for i in range(getattr(params.actors, split)):
            actor = i * len(SPLITS) + number
            for label in class_names:
                for index in range(params.clips_per_actor_and_class):
                    length = params.clip_frames
                    n_before = length if split == "test" else 0
                    source = DrawnClip(seed, actor, label, index, params.fps, length, params.max_side, n_before)
                    name = f"{label}/actor_{actor:05d}_{index:03d}"
                    planned.append(PlannedVideo(name, label, f"actor_{actor:05d}", split, source))
    findings: dict[str, object] = {"actors": params.actors.model_dump(), "skipped": []}
    return Plan("synthetic", class_names, planned, findings)
