"""What a task declares. Everything else in the pipeline works from this declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.options import Section

if TYPE_CHECKING:
    from torch import Tensor


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

    def loss(self, logits_nc: Tensor, labels_n: Tensor, label_smoothing: float) -> Tensor:
        """Mean cross-entropy of logits `[N, C]` against class indices `[N]`."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits_nc, labels_n, label_smoothing=label_smoothing)

    def decode(self, logits_1c: NDArray[np.float32]) -> Decision:
        """Logits `[1, C]` to the most likely class."""
        logits = logits_1c[0] - logits_1c[0].max()
        exponentials = np.exp(logits)
        label = int(exponentials.argmax())
        return Decision(label, float(exponentials[label] / exponentials.sum()))
