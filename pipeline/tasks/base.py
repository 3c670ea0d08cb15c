"""What a task declares. Everything else in the pipeline works from this declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.options import Section
from pipeline.tasks.boxes import Detections, decode_detections

if TYPE_CHECKING:
    from torch import Tensor, nn

Kind = Literal["classification", "detection", "identification", "action"]


@dataclass(frozen=True)
class Metric:
    name: str
    direction: Literal["higher", "lower"]


@dataclass(frozen=True)
class Decision:
    """What a classifier says of one frame: index of the class and its probability in [0, 1]."""

    label: int
    probability: float


@dataclass(frozen=True)
class ClassificationTask:
    """One frame in, one class out.

    data_options, train_options: the sections data.<name> and train.<name> of params.yaml.
    """

    name: str
    data_options: type[Section]
    train_options: type[Section]
    metric: Metric = Metric("top-1", "higher")
    kind: Kind = "classification"

    def loss(self, logits_nc: Tensor, labels_n: Tensor, label_smoothing: float) -> Tensor:
        """Mean cross-entropy of logits `[N, C]` against class indices `[N]`."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits_nc, labels_n, label_smoothing=label_smoothing)

    def decode(self, logits_1c: NDArray[np.float32], head: dict[str, Any] | None = None) -> Decision:  # noqa: ARG002
        """Logits `[1, C]` to the most likely class."""
        logits = logits_1c[0] - logits_1c[0].max()
        exponentials = np.exp(logits)
        label = int(exponentials.argmax())
        return Decision(label, float(exponentials[label] / exponentials.sum()))


@dataclass(frozen=True)
class ActionTask(ClassificationTask):
    """One clip in, one class out."""

    kind: Kind = "action"


@dataclass(frozen=True)
class DetectionTask:
    """One frame in, boxes with classes out."""

    name: str
    data_options: type[Section]
    train_options: type[Section]
    metric: Metric = Metric("mAP@50", "higher")
    kind: Kind = "detection"

    def loss(self, network: nn.Module, heads_nak: Tensor, objects_nm5: Tensor) -> Tensor:
        """The loss that belongs to the architecture; objects as pipeline.detectors.Detector.loss takes them."""
        loss: Tensor = network.loss(heads_nak, objects_nm5)  # type: ignore[operator]
        return loss

    def decode(self, heads_1ak: NDArray[np.float32], head: dict[str, Any]) -> Detections:
        """Heads `[1, A, K]` to boxes in pixels of the frame, best first."""
        return decode_detections(heads_1ak[0], head)


@dataclass(frozen=True)
class IdentificationTask:
    """One face in, an embedding out, which a gallery of embeddings gives a name, or none."""

    name: str
    data_options: type[Section]
    train_options: type[Section]
    metric: Metric = Metric("top-1", "higher")
    kind: Kind = "identification"
