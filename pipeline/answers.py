"""What a network's outputs say, and whether two networks say the same: one class for each kind of task.

All works on numpy arrays, whatever engine computed them; N is the number of frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import Frames
from pipeline.metrics.average_precision import mean_average_precision
from pipeline.tasks.boxes import Detections, class_scores, decode_detections, iou_matrix
from pipeline.tasks.proposal_rows import has_own_proposals, rows_of_the_same

Outputs = NDArray[np.float32]
_SAME_BOX = 0.5  # intersection over union
# Boxes that one would act on; the many weak ones come and go with every rounding.
_CERTAIN = 0.3
# A box of which one network is a little more and the other a little less certain is seen by both.
_SEEN = 0.15
# An anchor that sees an object with less belongs to the background, on which all networks agree.
_SEES_SOMETHING = 0.05


class Answers(Protocol):
    def truth(self, frames: Frames) -> Any:
        """What `score` wants to know of the frames."""
        ...

    def score(self, outputs: Outputs, truth: Any) -> float:
        """The task's metric, in [0, 1]."""
        ...

    def agreement(self, outputs: Outputs, reference: Outputs) -> float:
        """How far the decisions are those of the reference, in [0, 1]."""
        ...

    def n_changed(self, outputs: Outputs, reference: Outputs) -> int:
        """Frames whose decision is not that of the reference."""
        ...

    def divergence(self, outputs: Outputs, reference: Outputs) -> float:
        """Mean KL divergence from the probabilities of the reference, in nats."""
        ...


class ClassAnswers:
    """Of a classifier: outputs are logits `[N, C]`."""

    def truth(self, frames: Frames) -> NDArray[np.int64]:
        return frames.labels

    def score(self, outputs: Outputs, truth: NDArray[np.int64]) -> float:
        return float((outputs.argmax(1) == truth).mean())

    def agreement(self, outputs: Outputs, reference: Outputs) -> float:
        return float((outputs.argmax(1) == reference.argmax(1)).mean())

    def n_changed(self, outputs: Outputs, reference: Outputs) -> int:
        return int((outputs.argmax(1) != reference.argmax(1)).sum())

    def divergence(self, outputs: Outputs, reference: Outputs) -> float:
        exact, other = _log_softmax(reference), _log_softmax(outputs)
        return float((np.exp(exact) * (exact - other)).sum(1).mean())


class BoxAnswers:
    """Of a detector: outputs are heads `[N, A, K]`, to be read by `head` (see pipeline.tasks.boxes)."""

    def __init__(self, head: dict[str, Any], n_classes: int) -> None:
        self.head = head
        self._n_classes = n_classes

    def decode(self, outputs: Outputs) -> list[Detections]:
        return [decode_detections(heads_ak, self.head) for heads_ak in outputs]

    def truth(self, frames: Frames) -> list[NDArray[np.float32]]:
        assert frames.objects is not None, "frames of a detector have boxes"
        return frames.objects

    def score(self, outputs: Outputs, truth: Sequence[NDArray[np.float32]]) -> float:
        return mean_average_precision(
            self.decode(outputs),
            [one[:, 1:] for one in truth],
            [one[:, 0].astype(np.int64) for one in truth],
            self._n_classes,
        )

    def agreement(self, outputs: Outputs, reference: Outputs) -> float:
        """Mean over the frames of the share of certain boxes, of both, that the other sees too; 1 without any."""
        return float(np.mean(self._overlaps(outputs, reference)))

    def n_changed(self, outputs: Outputs, reference: Outputs) -> int:
        return int((self._overlaps(outputs, reference) < 1).sum())

    def divergence(self, outputs: Outputs, reference: Outputs) -> float:
        """Over the anchors at which the reference sees something; 0 where it sees nothing in any frame.

        Each proposal of two stages is compared with the nearest of the other's.
        """
        total, n = 0.0, 0
        for heads, exact_heads in zip(outputs, reference, strict=True):
            if has_own_proposals(self.head):
                heads = heads[rows_of_the_same(heads, exact_heads)[0]]
            exact, other = class_scores(exact_heads, self.head), class_scores(heads, self.head)
            seen = exact.max(axis=1) > _SEES_SOMETHING
            total += float(_bernoulli_divergence(exact[seen], other[seen]).sum())
            n += int(seen.sum())
        return total / n if n else 0.0

    def _overlaps(self, outputs: Outputs, reference: Outputs) -> NDArray[np.float64]:
        head = {**self.head, "score_threshold": _SEEN}
        pairs = zip(outputs, reference, strict=True)
        return np.array([_overlap(decode_detections(a, head), decode_detections(b, head)) for a, b in pairs])


class EmbeddingAnswers:
    """Of a network that gives embeddings `[N, D]`: the nearest of the directions that it was trained with.

    Not what a gallery says, which has a threshold: a decision that changes shows how an embedding has moved.
    class_weights: `[D, C]`.
    """

    def __init__(self, class_weights: NDArray[np.float32]) -> None:
        self._directions = class_weights / np.linalg.norm(class_weights, axis=0, keepdims=True)

    def truth(self, frames: Frames) -> NDArray[np.int64]:
        return frames.labels

    def score(self, outputs: Outputs, truth: NDArray[np.int64]) -> float:
        """Top-1 among the known people."""
        known = truth >= 0
        return float((self._nearest(outputs)[known] == truth[known]).mean())

    def agreement(self, outputs: Outputs, reference: Outputs) -> float:
        return float((self._nearest(outputs) == self._nearest(reference)).mean())

    def n_changed(self, outputs: Outputs, reference: Outputs) -> int:
        return int((self._nearest(outputs) != self._nearest(reference)).sum())

    def divergence(self, outputs: Outputs, reference: Outputs) -> float:
        """Mean of 1 - cosine; an embedding has no probabilities."""
        return 1 - self.cosine(outputs, reference)

    def cosine(self, outputs: Outputs, reference: Outputs) -> float:
        """Mean cosine, in [-1, 1], of the embeddings and those of the reference."""
        return float(cosines(outputs, reference).mean())

    def _nearest(self, outputs: Outputs) -> NDArray[np.int64]:
        return (outputs @ self._directions).argmax(1)


def cosines(outputs: Outputs, reference: Outputs) -> NDArray[np.float64]:
    """`[N]`: of each embedding and its counterpart."""
    mine, others = (one.astype(np.float64) for one in (outputs, reference))
    lengths = np.linalg.norm(mine, axis=1) * np.linalg.norm(others, axis=1)
    return (mine * others).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)


def answers_of(class_names: Sequence[str], head: dict[str, Any] | None) -> Answers:
    """head: how the outputs of a detector or of an embedder are to be read; None for a classifier."""
    if head is None:
        return ClassAnswers()
    return EmbeddingAnswers(head["class_weights"]) if "class_weights" in head else BoxAnswers(head, len(class_names))


def _overlap(mine: Detections, others: Detections) -> float:
    n_certain = int((mine.scores > _CERTAIN).sum() + (others.scores > _CERTAIN).sum())
    return (_met(mine, others) + _met(others, mine)) / n_certain if n_certain else 1.0


def _met(certain: Detections, seen: Detections) -> int:
    """How many certain boxes of the first are among the boxes of the second, each of which is met once."""
    is_same = iou_matrix(certain.boxes_xyxy, seen.boxes_xyxy) >= _SAME_BOX
    is_same &= certain.labels[:, None] == seen.labels[None]
    met = 0
    for place in np.flatnonzero(certain.scores > _CERTAIN):
        free = np.flatnonzero(is_same[place])
        if len(free):
            met += 1
            is_same[:, free[0]] = False
    return met


def _bernoulli_divergence(exact_ac: NDArray[Any], other_ac: NDArray[Any]) -> NDArray[np.float64]:
    """Each class by itself, so that it means the same for softmax and sigmoid heads; summed over the classes."""
    tiny = 1e-6
    p = np.clip(exact_ac.astype(np.float64), tiny, 1 - tiny)
    q = np.clip(other_ac.astype(np.float64), tiny, 1 - tiny)
    return (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum(axis=1)


def _log_softmax(logits: Outputs) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
