"""The section data.<task> of an identification task: people, drawn or in folders of videos and photos."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.options import Section, SplitFractions


class People(Section):
    """How many drawn people are known, and how many are strangers that validation and test alone see."""

    known: Annotated[int, Field(ge=2, le=10_000)]
    strangers_val: Annotated[int, Field(ge=1, le=10_000)]
    strangers_test: Annotated[int, Field(ge=1, le=10_000)]


class Recordings(Section):
    """How many drawn recordings of each known person a split gets."""

    train: Annotated[int, Field(ge=1, le=1000)]
    val: Annotated[int, Field(ge=1, le=1000)]
    test: Annotated[int, Field(ge=1, le=1000)]


# Of the longer side of a frame. MTCNN finds faces from 12 pixels on, in frames that are shrunk to 480 to 959 pixels.
_SMALLEST = 0.02
# The finder looks for faces from this fraction of min_face on; smaller ones are then refused with that reason.
_SOUGHT = 0.8
_DRAWN_HEIGHT = 320


class FaceData(Section):
    """source: synthetic, or a folder with a sub-folder of videos and photos for each person.

    strangers: a folder of the same form with people who stay strangers; None holds some people of `source` back.
    frames_per_val_stranger: how many of the frames of each recording of a drawn stranger of validation are taken. What
    a threshold tells of strangers grows with the people, not with their frames (see choose_threshold).
    share: whether pictures, names and templates of people may leave this machine, to MLflow, the board or a bundle.
    """

    source: str
    strangers: str | None = None
    people: People
    recordings: Recordings
    frames_per_recording: Annotated[int, Field(ge=1, le=1000)]
    frames_per_val_stranger: Annotated[int, Field(ge=1, le=1000)]
    stranger_fraction: Annotated[float, Field(gt=0, lt=1)]
    split: SplitFractions
    group_pattern: str | None = None
    video_fps: Annotated[float, Field(gt=0, le=120)]
    near_duplicate_bits: Annotated[int, Field(ge=0, le=32)]
    max_side: Annotated[int, Field(ge=64, le=8192)]
    max_megapixels: Annotated[int, Field(ge=1, le=1000)]
    face: Literal["largest", "central"]
    margin: Annotated[float, Field(ge=0, le=1)]
    min_probability: Annotated[float, Field(ge=0, lt=1)]
    min_face: Annotated[int, Field(ge=10, le=2000)]
    crop_size: Annotated[int, Field(ge=32, le=1024)]
    share: bool

    @property
    def is_synthetic(self) -> bool:
        return self.source == "synthetic"

    @property
    def test_source(self) -> str | None:
        """As the other tasks call what is not in `source`: its files are watched as well."""
        return self.strangers

    @property
    def smallest_face(self) -> float:
        """Side of the smallest face that is sought, as a fraction of the longest side that a frame can have."""
        return _SOUGHT * self.min_face / self._longest

    @property
    def _longest(self) -> int:
        return _DRAWN_HEIGHT if self.is_synthetic else self.max_side

    @model_validator(mode="after")
    def _makes_sense(self) -> FaceData:
        folders = (("source", None if self.is_synthetic else self.source), ("strangers", self.strangers))
        for name, folder in folders:
            if folder is not None and not Path(folder).is_dir():
                raise ValueError(f"{name}: the folder {folder!r} does not exist")
        if self.is_synthetic and self.strangers is not None:
            raise ValueError("strangers: needs people in source too, which is synthetic")
        least = math.ceil(round(_SMALLEST / _SOUGHT * self._longest, 6))
        if not least <= self.min_face <= self._longest:
            raise ValueError(
                f"min_face: a face of {self.min_face} pixels cannot be found in a frame whose longer side is "
                f"{self._longest}; one of {least} to {self._longest} can. For others set max_side"
            )
        if self.group_pattern is not None:
            try:
                re.compile(self.group_pattern)
            except re.error as error:
                raise ValueError(f"group_pattern: {self.group_pattern!r} is no regular expression: {error}") from None
        return self
