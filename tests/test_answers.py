"""Whether two networks say the same: figures on outputs made by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pipeline.answers import BoxAnswers, ClassAnswers, answers_of
from pipeline.tasks.boxes import class_scores

CLASSES = ["knife", "gun"]
# Three anchors that lie apart; heads of zero deltas answer with them.
ANCHORS = np.array([[0, 0, 10, 10], [20, 0, 40, 20], [50, 50, 90, 90]], dtype=np.float32)
FAR = 12.0


def head(activation: str = "softmax") -> dict[str, Any]:
    return {
        "activation": activation,
        "n_classes": 2,
        "box_coding": "deltas",
        "box_weights": [1.0] * 4,
        "centerness": False,
        "anchors_xyxy": ANCHORS,
        "frame_size": 100,
        "score_threshold": 0.02,
        "nms_iou": 0.5,
        "max_detections": 10,
    }


def seen(*labels: int | None, score: float = 0.9, deltas: dict[int, list[float]] | None = None) -> np.ndarray:
    """Softmax heads `[3, 7]` in which anchor i sees class labels[i] with this score, or nothing."""
    heads = np.zeros((3, 7), dtype=np.float32)
    heads[:, 0] = FAR
    for place, label in enumerate(labels):
        if label is not None:
            heads[place, :3] = np.log([1 - score, 1e-4, 1e-4])
            heads[place, 1 + label] = math.log(score)
    for place, numbers in (deltas or {}).items():
        heads[place, 3:] = numbers
    return heads


def stacked(*frames: np.ndarray) -> np.ndarray:
    return np.stack(frames)


def true(*rows: tuple[int, int]) -> np.ndarray:
    """Objects `[m, 5]`: a class at an anchor."""
    return np.array([[label, *ANCHORS[place]] for label, place in rows], dtype=np.float32).reshape(-1, 5)


NONE = seen(None, None, None)


@pytest.mark.parametrize(
    ("mine", "reference", "agreement", "n_changed"),
    [
        ([NONE], [NONE], 1, 0),
        ([seen(0, 1)], [seen(0, 1)], 1, 0),
        ([seen(0)], [NONE], 0, 1),
        ([NONE], [seen(0)], 0, 1),
        ([seen(0)], [seen(1)], 0, 1),  # the same place, another class
        ([seen(0)], [seen(None, 0)], 0, 1),  # the same class, another place
        ([seen(0, 1)], [seen(0, None)], 2 / 3, 1),
        ([seen(0, 1), NONE], [seen(0, None), NONE], (2 / 3 + 1) / 2, 1),
        ([seen(0, score=0.6)], [seen(0, score=0.95)], 1, 0),  # how sure it is changes no decision ...
        ([seen(0, score=0.29)], [seen(0, score=0.31)], 1, 0),  # ... nor on which side of certain it is ...
        ([seen(0, score=0.14)], [seen(0, score=0.9)], 0, 1),  # ... unless it is hardly seen
        ([seen(0, score=0.25)], [NONE], 1, 0),
        # Shifted by a third of its width a box overlaps by half, by more of it less.
        ([seen(0, deltas={0: [0.3, 0, 0, 0]})], [seen(0)], 1, 0),
        ([seen(None, 0, deltas={1: [0.4, 0, 0, 0]})], [seen(None, 0)], 0, 1),
    ],
)
def test_boxes_agree_where_class_and_place_do(
    mine: list[np.ndarray], reference: list[np.ndarray], agreement: float, n_changed: int
) -> None:
    answers = BoxAnswers(head(), 2)
    assert answers.agreement(stacked(*mine), stacked(*reference)) == pytest.approx(agreement)
    assert answers.agreement(stacked(*reference), stacked(*mine)) == pytest.approx(agreement)
    assert answers.n_changed(stacked(*mine), stacked(*reference)) == n_changed


def test_each_box_is_met_once() -> None:
    """Two boxes of the reference that one box overlaps with are not both found by it."""
    near = {0: [2.5, 0.4, math.log(2), math.log(2)]}  # anchor 0 moves over anchor 1, a little above it
    twice = seen(0, 0, deltas=near)
    answers = BoxAnswers({**head(), "nms_iou": 0.99}, 2)
    assert len(answers.decode(stacked(twice))[0].labels) == 2
    assert answers.agreement(stacked(twice), stacked(seen(None, 0))) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("outputs", "objects", "score"),
    [
        ([seen(0, 1)], [true((0, 0), (1, 1))], 1.0),
        ([seen(0)], [true((0, 0), (1, 1))], 0.5),  # the other class is never found
        ([seen(1)], [true((0, 0))], 0.0),
        ([NONE], [true((0, 0))], 0.0),
        ([seen(0)], [true()], 0.0),  # nothing there, nothing to be measured
        ([seen(0), NONE], [true((0, 0)), true()], 1.0),
    ],
)
def test_the_score_of_boxes_is_map50(outputs: list[np.ndarray], objects: list[np.ndarray], score: float) -> None:
    assert BoxAnswers(head(), 2).score(stacked(*outputs), objects) == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_divergence_of_boxes_counts_what_the_reference_sees(activation: str) -> None:
    reads = head(activation)
    answers = BoxAnswers(reads, 2)
    n_logits = 2 + (activation == "softmax")
    generator = np.random.default_rng(0)
    reference = generator.normal(0, 2, (2, 3, n_logits + 4)).astype(np.float32)
    other = reference + generator.normal(0, 1, reference.shape).astype(np.float32)
    assert answers.divergence(reference, reference) == pytest.approx(0, abs=1e-9)

    # By hand: a coin for each class, at the anchors where the reference sees anything with 5 %.
    total, n = 0.0, 0
    for mine, exact in zip(other.reshape(-1, n_logits + 4), reference.reshape(-1, n_logits + 4), strict=True):
        p, q = class_scores(exact[None], reads)[0], class_scores(mine[None], reads)[0]
        if max(p) > 0.05:
            n += 1
            total += sum(a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b)) for a, b in zip(p, q, strict=True))
    assert n > 0
    assert answers.divergence(other, reference) == pytest.approx(total / n, rel=1e-4)
    moved = reference.copy()
    moved[..., n_logits:] += 5
    assert answers.divergence(moved, reference) == 0, "where a box lies is no matter of probabilities"


def test_divergence_is_finite_where_one_is_certain_and_zero_where_nothing_is_seen() -> None:
    answers = BoxAnswers(head(), 2)
    certain, wrong = np.zeros((1, 3, 7), dtype=np.float32), np.zeros((1, 3, 7), dtype=np.float32)
    certain[..., 1], wrong[..., 2] = 500, 500
    assert 1 < answers.divergence(wrong, certain) < math.inf
    assert answers.divergence(wrong, NONE[None]) == 0


LOGITS = np.array([[2, 0, 0], [0, 3, 0], [0, 0, 1], [5, 0, 4]], dtype=np.float32)


def test_the_figures_of_classes() -> None:
    answers = ClassAnswers()
    other = LOGITS.copy()
    other[3] = [4, 0, 5]
    assert answers.score(LOGITS, np.array([0, 1, 2, 2])) == 0.75
    assert (answers.agreement(other, LOGITS), answers.n_changed(other, LOGITS)) == (0.75, 1)
    assert (answers.agreement(LOGITS, LOGITS), answers.n_changed(LOGITS, LOGITS)) == (1, 0)
    p, q = (np.exp(row) / np.exp(row).sum() for row in (LOGITS[3].astype(float), other[3].astype(float)))
    assert answers.divergence(other, LOGITS) == pytest.approx((p * np.log(p / q)).sum() / 4)
    assert answers.divergence(LOGITS + 100, LOGITS) == pytest.approx(0, abs=1e-6)
    assert math.isfinite(answers.divergence(LOGITS * 1000, -LOGITS * 1000))


def test_what_a_task_asks_is_chosen_by_its_head() -> None:
    assert isinstance(answers_of(CLASSES, None), ClassAnswers)
    made = answers_of(CLASSES, head())
    assert isinstance(made, BoxAnswers)
    assert made.score(stacked(seen(0)), [true((0, 0), (1, 1))]) == pytest.approx(0.5, abs=1e-6)
