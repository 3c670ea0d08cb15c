"""Building blocks of the sections of params.yaml."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

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


class Training(Section):
    """What the training of every kind of network needs. `_DOWNLOADED`: the weights that are offered by name."""

    _DOWNLOADED: ClassVar[tuple[str, ...]] = ("imagenet",)

    architecture: str
    pretrained: str = "none"
    frame_size: Annotated[int, Field(ge=32, le=1024)]
    epochs: Epochs
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    learning_rate: LearningRate
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    patience: Annotated[int, Field(ge=1)]

    def network_form(self) -> dict[str, Any]:
        """What an artifact has to keep, beside the architecture, to build the network again: fields of Meta."""
        return {}

    def mistake_with(self, data: Any) -> str | None:  # noqa: ARG002
        """Why networks cannot be trained so on data made with the section data.<task>."""
        return None

    @model_validator(mode="after")
    def _weights_exist(self) -> Training:
        if self.pretrained in ("none", *self._DOWNLOADED):
            return self
        path = Path(self.pretrained)
        if path.suffix not in (".pth", ".pt", ".safetensors"):
            by_name = ", ".join(("none", *self._DOWNLOADED))
            raise ValueError(
                f"pretrained: {self.pretrained!r} is neither {by_name} nor a .pth, .pt or .safetensors file"
            )
        if not path.is_file():
            raise ValueError(f"pretrained: the file {self.pretrained!r} does not exist")
        return self


class ClassifierTraining(Training):
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]


class DetectorTraining(Training):
    """warm_up_epochs: of the backbone alone, on crops of the objects of warm_up_size pixels. small_epochs: of the whole
    detector, on frames of small_size pixels, before those of frame_size.

    smallest_anchor: the side of the smallest anchors of an SSD as a fraction of the frame's; None: 0.2, as SSDLite's.

    score_threshold, nms_iou, max_detections: how boxes are made from the heads (see pipeline.tasks.boxes).
    """

    _DOWNLOADED: ClassVar[tuple[str, ...]] = ("coco",)

    architecture: Literal[
        "ssdlite320_mobilenet_v3_large",
        "ssd320_resnet8",
        "ssd300_vgg16",
        "retinanet_resnet50_fpn",
        "retinanet_resnet50_fpn_v2",
        "fcos_resnet50_fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_resnet50_fpn",
        "fasterrcnn_resnet50_fpn_v2",
    ]
    warm_up_epochs: Annotated[int, Field(ge=0, le=10_000)]
    warm_up_size: Annotated[int, Field(ge=32, le=512)]
    small_epochs: Annotated[int, Field(ge=0, le=10_000)]
    small_size: Annotated[int, Field(ge=64, le=1024)]
    smallest_anchor: Annotated[float, Field(ge=0.01, le=0.5)] | None = None
    score_threshold: Annotated[float, Field(gt=0, lt=1)]
    nms_iou: Annotated[float, Field(gt=0, lt=1)]
    max_detections: Annotated[int, Field(ge=1, le=1000)]

    def network_form(self) -> dict[str, Any]:
        return {"smallest_anchor": self.smallest_anchor}

    def can_teach(self, teacher: str, student: str) -> bool:
        """Whether the heads of the two architectures can be compared."""
        return _heads_of(teacher) == _heads_of(student)

    def can_lose_channels(self, architecture: str) -> bool:
        """Whether structured pruning knows what to do with all its layers."""
        return _heads_of(architecture) not in ("retinanet", "fcos")


def _heads_of(architecture: str) -> str:
    """The same for architectures whose heads speak of the same places, so that one can learn from the other's."""
    if architecture in ("ssdlite320_mobilenet_v3_large", "ssd320_resnet8"):
        return "ssdlite"
    return architecture.split("_")[0]


class EmbedderTraining(Training):
    """small_epochs: on frames of small_size pixels, before those of frame_size.

    loss: how embeddings are pulled to the direction of their person: cross_entropy of the cosines times `scale`, or
    with a `margin` to be kept to all others: of the cosine (cosface) or of the angle in radians (arcface).
    contrastive_weight: of the supervised contrastive loss beside it, which looks at pairs and needs no directions.
    false_accept_rate: which share of the strangers may be taken for somebody, wished of the threshold.
    """

    _DOWNLOADED: ClassVar[tuple[str, ...]] = ("imagenet", "vggface2", "casia-webface")

    small_epochs: Annotated[int, Field(ge=0, le=10_000)]
    small_size: Annotated[int, Field(ge=32, le=1024)]
    embedding_size: Annotated[int, Field(ge=8, le=4096)]
    loss: Literal["cross_entropy", "cosface", "arcface"]
    margin: Annotated[float, Field(ge=0, lt=1)]
    scale: Annotated[float, Field(ge=1, le=256)]
    contrastive_weight: Annotated[float, Field(ge=0, le=100)]
    false_accept_rate: Annotated[float, Field(gt=0, lt=1)]

    def network_form(self) -> dict[str, Any]:
        return {"embedding_size": self.embedding_size}


class ClipTraining(Training):
    """small_epochs: on frames of small_size pixels, before those of frame_size.

    clip_frames: how many frames of a clip the network sees. shift: where a temporal shift takes its channels from: only
    the frames before (`causal`, which a live stream needs) or those after as well (`both`). modality: what the network
    sees, the frames or what changed since the frame before.
    """

    _DOWNLOADED: ClassVar[tuple[str, ...]] = ()

    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    small_epochs: Annotated[int, Field(ge=0, le=10_000)]
    small_size: Annotated[int, Field(ge=32, le=1024)]
    clip_frames: Annotated[int, Field(ge=1, le=64)]
    shift: Literal["causal", "both"]
    modality: Literal["rgb", "difference"]

    def network_form(self) -> dict[str, Any]:
        return {"clip_frames": self.clip_frames, "shift": self.shift, "modality": self.modality}

    def mistake_with(self, data: Any) -> str | None:
        too_short: str | None = data.too_short_for(self.clip_frames)
        return too_short and f"clip_frames: {too_short}"
