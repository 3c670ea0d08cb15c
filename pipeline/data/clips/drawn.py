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
    seed: int, actor: int, label: str, index: int, fps: float, n_frames: int, height: int, width: int
) -> NDArray[np.uint8]:
    """uint8 RGB `[n_frames, height, width, 3]`: recording `index` of the actor doing `label`."""
    from pipeline.data.movers import draw_action

    return draw_action(seed, actor, index, label, fps, n_frames, height, width)


@dataclass
class DrawnClip:
    """One recording of drawn people, as long as a clip. The pixels depend on these fields only."""

    seed: int
    actor: int
    label: str
    index: int
    fps: float
    n_frames: int
    max_side: int
    damage: str | None = None

    def __iter__(self) -> Iterator[Window]:
        height = round(self.max_side * _ASPECT)
        yield Window(
            draw_recording(
                self.seed, self.actor, self.label, self.index, self.fps, self.n_frames, height, self.max_side
            ),
            0.0,
        )


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
                    source = DrawnClip(seed, actor, label, index, params.fps, params.clip_frames, params.max_side)
                    name = f"{label}/actor_{actor:05d}_{index:03d}"
                    planned.append(PlannedVideo(name, label, f"actor_{actor:05d}", split, source))
    findings: dict[str, object] = {"actors": params.actors.model_dump(), "skipped": []}
    return Plan("synthetic", class_names, planned, findings)
