"""The section data.<task> of a detection task: annotated pictures, or cut-out objects mixed onto backgrounds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from pipeline.options import Fraction, Section, SplitFractions

ImageSide = Annotated[int, Field(ge=64, le=4096)]
ImageCount = Annotated[int, Field(ge=1, le=999_999)]


class ImageCounts(Section):
    """How many mixed images each split gets."""

    train: ImageCount = 600
    val: ImageCount = 120
    test: ImageCount = 240


class PoolSizes(Section):
    """How many drawn objects of each class a split is mixed from; of backgrounds there are half as many again."""

    train: Annotated[int, Field(ge=1, le=10_000)] = 40
    val: Annotated[int, Field(ge=1, le=10_000)] = 12
    test: Annotated[int, Field(ge=1, le=10_000)] = 20


class Between(Section):
    """A number of things, drawn anew for every image."""

    min: Annotated[int, Field(ge=0, le=50)]
    max: Annotated[int, Field(ge=0, le=50)]

    @model_validator(mode="after")
    def _ordered(self) -> Between:
        if self.min > self.max:
            raise ValueError(f"min: {self.min} is more than max, {self.max}")
        return self


class Scale(Section):
    """The longer side of an object as a fraction of the shorter side of the image."""

    min: Annotated[float, Field(ge=0.02, le=1)]
    max: Annotated[float, Field(ge=0.02, le=1)]

    @model_validator(mode="after")
    def _ordered(self) -> Scale:
        if self.min > self.max:
            raise ValueError(f"min: {self.min:g} is more than max, {self.max:g}")
        return self


class Quality(Section):
    min: Annotated[int, Field(ge=10, le=100)]
    max: Annotated[int, Field(ge=10, le=100)]

    @model_validator(mode="after")
    def _ordered(self) -> Quality:
        if self.min > self.max:
            raise ValueError(f"min: {self.min} is more than max, {self.max}")
        return self


class Seams(Section):
    """How often an object is joined to its background in which way, relative to each other."""

    none: Annotated[float, Field(ge=0, le=1000)] = 0.4
    feather: Annotated[float, Field(ge=0, le=1000)] = 0.5
    poisson: Annotated[float, Field(ge=0, le=1000)] = 0.1

    @model_validator(mode="after")
    def _not_all_zero(self) -> Seams:
        if self.none + self.feather + self.poisson == 0:
            raise ValueError("at least one of none, feather and poisson must be above 0")
        return self


class Mixing(Section):
    """What a mixed image looks like. Amounts are largest amounts, shares are shares of the images or objects."""

    width: ImageSide = 480
    height: ImageSide = 360
    objects: Between = Between(min=1, max=3)
    scale: Scale = Scale(min=0.08, max=0.45)
    rotation: Annotated[float, Field(ge=0, le=180)] = 30.0
    flip: Fraction = 0.5
    brightness: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    contrast: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    hue: Annotated[float, Field(ge=0, le=180)] = 10.0
    saturation: Fraction = 0.3
    match_light: Fraction = 0.6
    blurred: Fraction = 0.2
    blur: Annotated[float, Field(ge=0, le=10)] = 1.0
    noisy: Fraction = 0.35
    noise: Annotated[float, Field(ge=0, le=64)] = 8.0
    occluded: Fraction = 0.2
    truncated: Fraction = 0.15
    visible_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    max_overlap: Fraction = 0.2
    seams: Seams = Seams()
    distractors: Between = Between(min=0, max=1)
    empty: Fraction = 0.1
    jpeg_quality: Quality = Quality(min=80, max=95)

    @model_validator(mode="after")
    def _has_objects(self) -> Mixing:
        if self.objects.max == 0 and self.empty < 1:
            raise ValueError("objects.max: must be at least 1; images without objects are asked for by empty")
        return self


class DetectionData(Section):
    """`source`: synthetic, a folder with objects/ and backgrounds/, or one with annotations.csv."""

    source: str = "synthetic"
    test_source: str | None = None
    classes: Annotated[list[str], Field(min_length=1)] | None = None
    distractor_classes: list[str] = Field(default_factory=list)
    count: ImageCounts = ImageCounts()
    pool: PoolSizes = PoolSizes()
    split: SplitFractions = SplitFractions(train=0.64, val=0.16, test=0.2)
    near_duplicate_bits: Annotated[int, Field(ge=0, le=32)] = 6
    group_pattern: str | None = None
    max_side: Annotated[int, Field(ge=32, le=8192)] = 640
    max_megapixels: Annotated[int, Field(ge=1, le=1000)] = 100
    mix: Mixing = Mixing()

    @property
    def is_synthetic(self) -> bool:
        return self.source == "synthetic"

    @model_validator(mode="after")
    def _folders_exist(self) -> DetectionData:
        for name, folder in (("source", None if self.is_synthetic else self.source), ("test_source", self.test_source)):
            if folder is not None and not Path(folder).is_dir():
                raise ValueError(f"{name}: the folder {folder!r} does not exist")
        return self

    @model_validator(mode="after")
    def _classes_named_once(self) -> DetectionData:
        named = self.classes or []
        if len(set(named)) != len(named):
            raise ValueError("classes: a class is named twice")
        if both := sorted(set(named) & set(self.distractor_classes)):
            raise ValueError(f"distractor_classes: {', '.join(both)} is named in classes too")
        return self

    @model_validator(mode="after")
    def _pattern_compiles(self) -> DetectionData:
        if self.group_pattern is not None:
            try:
                re.compile(self.group_pattern)
            except re.error as error:
                raise ValueError(f"group_pattern: {self.group_pattern!r} is no regular expression: {error}") from None
        return self
