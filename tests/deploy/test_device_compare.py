from __future__ import annotations

import math

import pytest
from edgeboard_device.compare import compare

LOGITS = [2.0, -1.0, 0.5]


@pytest.mark.parametrize(
    ("answer", "precision", "outputs", "words"),
    [
        (LOGITS, "fp32", "logits", None),
        ([2.001, -1.0, 0.5], "fp32", "logits", None),
        ([2.1, -1.0, 0.5], "fp32", "logits", "outputs differ by"),
        ([2.05, -1.0, 0.5], "fp16", "logits", None),
        ([2.4, -1.2, 0.6], "int8", "logits", None),
        ([2.4, -1.2, 0.6], "fp16", "embedding", "outputs differ by"),
        ([2.0, -1.0], "fp32", "logits", "2 output values in place of 3"),
        ([2.0, -1.0, math.nan], "fp16", "logits", "NaN or infinite outputs: fp16 overflows"),
        ([2.0, -1.0, math.inf], "int8", "heads", "NaN or infinite"),
        ([-2.0, 1.0, -0.5], "int8", "logits", "outputs differ by"),
    ],
)
def test_outputs(answer: list[float], precision: str, outputs: str, words: str | None) -> None:
    result = compare([LOGITS, answer], [LOGITS, LOGITS], precision, outputs)
    assert result["passed"] is (words is None)
    assert result["n"] == 2
    assert (words or "") in result.get("words", "")


def test_another_class_counts_only_where_it_was_no_tie() -> None:
    tie, clear = [1.0, 1.01, -3.0], [1.0, 1.9, -3.0]
    assert compare([[1.02, 1.0, -3.0]], [tie], "fp16", "logits")["passed"]
    assert compare([[1.02, 1.0, -3.0]], [tie], "fp16", "logits")["agreement"] == 0
    swapped = compare([[1.9, 1.0, -3.0]], [clear], "int8", "logits")
    assert not swapped["passed"]


def test_a_detectors_heads_have_no_class_of_a_frame() -> None:
    assert "agreement" not in compare([LOGITS], [LOGITS], "fp16", "heads")


def test_all_zero_outputs_are_compared_too() -> None:
    assert compare([[0.0, 0.0]], [[0.0, 0.0]], "fp32", "embedding")["passed"]
    assert not compare([[0.0, 1.0]], [[0.0, 0.0]], "int8", "embedding")["passed"]


# A score, and the place that it is for.
FIRST, SECOND, THIRD = [3.0, 0.1, 0.1, 0.4, 0.4], [2.0, 0.5, 0.5, 0.9, 0.9], [1.0, 0.0, 0.0, 0.1, 0.1]


def _flat(*rows: list[float]) -> list[float]:
    return [value for row in rows for value in row]


@pytest.mark.parametrize(
    ("answer", "precision", "words"),
    [
        (_flat(FIRST, SECOND, THIRD), "fp32", None),
        (_flat(SECOND, THIRD, FIRST), "fp32", None),
        (_flat([3.0, 0.101, 0.1, 0.4, 0.4], SECOND, THIRD), "fp16", None),
        (_flat([1.0, 0.1, 0.1, 0.4, 0.4], SECOND, THIRD), "fp16", "outputs differ by"),
        (_flat(FIRST, SECOND, SECOND), "fp16", "33 % of the proposals are others; allowed for fp16: 10 %"),
        (_flat(*[[9.0, 0.6, 0.1, 0.7, 0.2]] * 3), "int8", "100 % of the proposals are others"),
    ],
    ids=["the same", "in another order", "moved a little", "another score", "one is missing", "none is there"],
)
def test_proposals_are_compared_by_their_place(answer: list[float], precision: str, words: str | None) -> None:
    result = compare([answer], [_flat(FIRST, SECOND, THIRD)], precision, "proposals", row=5)
    assert result["passed"] is (words is None)
    assert (words or "") in result.get("words", "")
    assert 0 <= result["other_proposals"] <= 1
