"""What is to be cropped: every recording with its split, before any of its frames is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ReadFrames:
    """frames: names and uint8 RGB `[h, w, 3]`; note: what was wrong with the recording, though it gave frames."""

    frames: list[tuple[str, NDArray[np.uint8]]]
    note: str | None = None


class FrameSource(Protocol):
    """Where the frames of a recording come from. Picklable, for worker processes."""

    def read(self) -> ReadFrames | str:
        """The frames, or the reason why there are none."""
        ...


@dataclass(frozen=True)
class PlannedRecording:
    """name: as reports show it. person: of known people and strangers alike; is_known: in the training split too.

    group: recordings of the same group are in the same split. split: train, val or test.
    """

    name: str
    person: str
    is_known: bool
    group: str
    split: str
    source: FrameSource


@dataclass(frozen=True)
class Plan:
    """source: the name of the folder, or synthetic. known: sorted. findings: further entries of the report."""

    source: str
    known: list[str]
    recordings: list[PlannedRecording]
    findings: dict[str, object]
