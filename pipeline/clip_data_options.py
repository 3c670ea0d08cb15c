"""The section data.<task> of a task of actions: clips, drawn, in folders of videos or in an annotation list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.options import Section, SplitFractions

LIST_SUFFIXES = (".txt", ".csv")
# What JPEG as libjpeg writes it can hold: the frames of a clip lie below each other in one picture.
_LONGEST_STRIP = 65_500
_LEAST_FRAMES = 2

ActorCount = Annotated[int, Field(ge=1, le=100_000)]


class Actors(Section):
    """How many drawn people act in each split; nobody acts in two."""

    train: ActorCount = 24
    val: ActorCount = 6
    test: ActorCount = 12


class ClipData(Section):
    """source: synthetic, a folder of videos, or an annotation list (see pipeline.data.clips.layouts for their forms).

    test_source: of the same form, used for testing only; None: what the source says, or a part of it.
    fps, seconds: every clip has round(fps * seconds) frames, whatever rate its video has.
    stride_seconds: from the start of one clip to that of the next in a long training video; of a validation or test
    video the middle is taken. max_side: longer side of a frame in pixels; smaller videos are not enlarged.
    sampling: which frames of a clip a network sees: one of each of equal segments (Wang et al. 2016, Temporal segment
    networks, ECCV), or, `dense`, frames that are sampling_stride apart (Carreira & Zisserman 2017, Quo vadis, CVPR).
    split: of the groups of videos of each class, where the source does not say which video is for what.
    near_duplicate_bits: of 64, between the perceptual hashes of videos of one scene (see pipeline.data.clips.scenes).
    group_pattern: videos in whose names it finds the same text (that of its first brackets, if any) are of one split.
    groups: a table, video,group, of videos that are of one split; None: looks and names tell which.
    video_root: what the paths of an annotation list start from; None: the folder of the list.
    classes: those to use, in the order of the class numbers; None: all.
    """

    source: str = "synthetic"
    test_source: str | None = None
    video_root: str | None = None
    classes: Annotated[list[str], Field(min_length=2)] | None = None
    actors: Actors = Actors()
    clips_per_actor_and_class: Annotated[int, Field(ge=1, le=1000)] = 4
    fps: Annotated[float, Field(ge=1, le=60)] = 8.0
    seconds: Annotated[float, Field(ge=0.1, le=60)] = 2.0
    stride_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    sampling: Literal["segments", "dense"] = "segments"
    sampling_stride: Annotated[int, Field(ge=1, le=64)] = 1
    max_side: Annotated[int, Field(ge=32, le=2048)] = 160
    max_megapixels: Annotated[int, Field(ge=1, le=1000)] = 100
    split: SplitFractions = SplitFractions(train=0.64, val=0.16, test=0.2)
    near_duplicate_bits: Annotated[int, Field(ge=0, le=32)] = 10
    group_pattern: str | None = None
    groups: str | None = None

    @property
    def is_synthetic(self) -> bool:
        return self.source == "synthetic"

    @property
    def clip_frames(self) -> int:
        """How many frames each clip has."""
        return round(self.fps * self.seconds)

    def too_short_for(self, n_taken: int) -> str | None:
        """Why a network cannot see `n_taken` different frames of each clip; None where it can."""
        needed = self.sampling_stride * (n_taken - 1) + 1
        if needed <= self.clip_frames:
            return None
        return (
            f"clips of {self.clip_frames} frames (fps * seconds) are too short; to see {n_taken} frames,"
            f" {needed} are needed"
        )

    @model_validator(mode="after")
    def _sources_exist(self) -> ClipData:
        if self.is_synthetic:
            if self.test_source is not None:
                raise ValueError("test_source: needs videos in source too, which is synthetic")
        else:
            _check_source("source", self.source)
            if self.test_source is not None:
                _check_source("test_source", self.test_source)
                if Path(self.source).is_dir() != Path(self.test_source).is_dir():
                    raise ValueError("test_source: must be of the same kind as source, a folder or a list")
        if self.video_root is not None:
            if self.is_synthetic or Path(self.source).is_dir():
                raise ValueError("video_root: belongs to annotation lists only; set it to null")
            if not Path(self.video_root).is_dir():
                raise ValueError(f"video_root: the folder {self.video_root!r} does not exist")
        return self

    @model_validator(mode="after")
    def _groups_are_there(self) -> ClipData:
        if self.groups is not None:
            if self.is_synthetic:
                raise ValueError("groups: names real videos; set it to null")
            if not Path(self.groups).is_file():
                raise ValueError(f"groups: there is no file {self.groups!r}")
        return self

    @model_validator(mode="after")
    def _clips_can_be_kept(self) -> ClipData:
        frames = self.clip_frames
        if frames < _LEAST_FRAMES:
            raise ValueError(
                f"seconds: {self.seconds:g} s at {self.fps:g} fps are {frames} frames; at least 2 are needed"
            )
        if frames * self.max_side > _LONGEST_STRIP:
            raise ValueError(
                f"max_side: {frames} frames of {self.max_side} pixels are too much for one strip;"
                f" allowed: up to {_LONGEST_STRIP // frames}"
            )
        return self

    @model_validator(mode="after")
    def _stride_is_used(self) -> ClipData:
        if self.sampling == "segments" and self.sampling_stride != 1:
            raise ValueError("sampling_stride: belongs to sampling: dense; set it to 1")
        return self

    @model_validator(mode="after")
    def _classes_named_once(self) -> ClipData:
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: a class is named twice")
        return self

    @model_validator(mode="after")
    def _pattern_compiles(self) -> ClipData:
        if self.group_pattern is not None:
            try:
                re.compile(self.group_pattern)
            except re.error as error:
                raise ValueError(f"group_pattern: {self.group_pattern!r} is no regular expression: {error}") from None
        return self


def _check_source(name: str, source: str) -> None:
    path = Path(source)
    if path.is_dir():
        return
    if not path.exists():
        raise ValueError(f"{name}: there is no folder or list {source!r}")
    if not path.is_file() or path.suffix.lower() not in LIST_SUFFIXES:
        raise ValueError(f"{name}: {source!r} is neither a folder nor an annotation list ({', '.join(LIST_SUFFIXES)})")
