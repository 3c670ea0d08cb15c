"""What is to be written: every video with its split, before its frames are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeline.data.clips.windows import Window


class ClipSource(Protocol):
    """Where the clips of a video come from; `damage` is said after iterating. Picklable, for worker processes.

    Iterating raises UnusableVideoError where there is no clip to give.
    """

    damage: str | None

    def __iter__(self) -> Iterator[Window]: ...


@dataclass(frozen=True)
class PlannedVideo:
    """name: as reports show it. group: videos of the same group are in the same split. split: train, val or test."""

    name: str
    label: str
    group: str
    split: str
    source: ClipSource


@dataclass(frozen=True)
class Plan:
    """source: the name of the folder or list, or synthetic. findings: further entries of the report."""

    source: str
    class_names: list[str]
    videos: list[PlannedVideo]
    findings: dict[str, object]
