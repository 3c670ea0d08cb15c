"""Building blocks of the sections of params.yaml."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def _no_boolean(value: Any) -> Any:
    # YAML's `yes` and `true` are numbers to Python.
    if isinstance(value, bool):
        raise PydanticCustomError("boolean", "not a number")
    return value


NoBoolean = BeforeValidator(_no_boolean)
Fraction = Annotated[float, Field(ge=0, le=1)]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]


class Section(BaseModel):
    """A section of params.yaml: unknown keys are mistakes, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitCounts(Section):
    """How many generated frames each split gets, over all classes."""

    train: Annotated[int, Field(ge=8)]
    val: Annotated[int, Field(ge=4)]
    test: Annotated[int, Field(ge=4)]


class SplitFractions(Section):
    """Which fraction of the sources each split gets."""

    train: Annotated[float, Field(gt=0, lt=1)]
    val: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _sum_to_one(self) -> SplitFractions:
        total = self.train + self.val + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"train + val + test must be 1, they are {total:g}")
        return self


class PhotoData(Section):
    """Frames that are generated, or photos in class folders."""

    source: str
    test_source: str | None = None
    count: SplitCounts
    split: SplitFractions
    near_duplicate_bits: Annotated[int, Field(ge=0, le=32)]
    max_side: Annotated[int, Field(ge=32, le=8192)]
    max_megapixels: Annotated[int, Field(ge=1, le=1000)]

    @property
    def is_synthetic(self) -> bool:
        return self.source == "synthetic"

    @model_validator(mode="after")
    def _folders_exist(self) -> PhotoData:
        for name, folder in (("source", None if self.is_synthetic else self.source), ("test_source", self.test_source)):
            if folder is not None and not Path(folder).is_dir():
                raise ValueError(f"{name}: the folder {folder!r} does not exist")
        if self.is_synthetic and self.test_source is not None:
            raise ValueError("test_source: needs photos in source too, which is synthetic")
        return self


class ClassifierTraining(Section):
    architecture: str
    pretrained: str = "none"
    frame_size: Annotated[int, Field(ge=32, le=1024)]
    epochs: Epochs
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    learning_rate: LearningRate
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    patience: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _weights_exist(self) -> ClassifierTraining:
        if self.pretrained in ("none", "imagenet"):
            return self
        path = Path(self.pretrained)
        if path.suffix not in (".pth", ".pt", ".safetensors"):
            raise ValueError(
                f"pretrained: {self.pretrained!r} is neither none, imagenet nor a .pth, .pt or .safetensors file"
            )
        if not path.is_file():
            raise ValueError(f"pretrained: the file {self.pretrained!r} does not exist")
        return self
