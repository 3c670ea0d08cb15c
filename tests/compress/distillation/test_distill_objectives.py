from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pipeline.compress.distillation.objectives import (
    attention_transfer,
    detection_distance,
    embedding_distance,
    hint_distance,
    relational_distance,
    soft_targets,
)

LN3 = math.log(3)
# Teacher 3 : 1, student 1 : 1.
KL = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)


def map_of(*channels: list[list[float]]) -> Tensor:
    return torch.tensor([channels])


@pytest.mark.parametrize(
    ("student", "teacher", "temperature", "expected"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], 1.0, 0.0),
        ([[5.0, 5.0]], [[LN3, 0.0]], 1.0, KL),
        ([[0.0, 0.0]], [[4 * LN3, 0.0]], 4.0, 16 * KL),
        ([[0.0, 0.0], [LN3, 0.0]], [[LN3, 0.0], [LN3, 0.0]], 1.0, KL / 2),
    ],
)
def test_soft_targets(
    student: list[list[float]], teacher: list[list[float]], temperature: float, expected: float
) -> None:
    loss = soft_targets(torch.tensor(student), torch.tensor(teacher), temperature)
    assert float(loss) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        # Attention is of one length: ten times the activation looks at the same places.
        pytest.param(map_of([[1.0, 2.0]]), map_of([[10.0, -20.0]]), 0.0, id="scale and sign"),
        # Squares 3 and 4 of length 5, against 1 and 0.
        pytest.param(map_of([[3**0.5, 2.0]]), map_of([[7.0, 0.0]]), (0.4**2 + 0.8**2) / 2, id="by hand"),
        pytest.param(map_of([[1.0, 2.0]], [[2**0.5, 0.0]]), map_of([[1.0, 0.0]]), 0.4, id="channels add up"),
        # Halved, each of the teacher's maps of squares is the mean of two by two.
        pytest.param(
            map_of([[3**0.5, 2.0], [0.0, 0.0]]),
            torch.tensor([[[[3.0, 1, 0, 0]] * 2 + [[0.0] * 4] * 2]]),
            0.2,
            id="size",
        ),
        # A layer that answers nothing must not divide by zero.
        pytest.param(map_of([[0.0, 0.0]]), map_of([[1.0, 0.0]]), 0.5, id="silent"),
    ],
)
def test_attention_transfer(student: Tensor, teacher: Tensor, expected: float) -> None:
    assert float(attention_transfer([student], [teacher])) == pytest.approx(expected, abs=1e-6)
    assert float(attention_transfer([student] * 2, [teacher] * 2)) == pytest.approx(2 * expected, abs=1e-6)


def test_hints_are_what_the_regressor_makes_of_the_students_map() -> None:
    regress = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        regress.weight.copy_(torch.tensor([2.0, 0.0]).reshape(2, 1, 1, 1))
        regress.bias.copy_(torch.tensor([0.0, 1.0]))
    student, teacher = map_of([[3.0]]), map_of([[6.0]], [[4.0]])
    # (6 - 6)² and (1 - 4)² of 6² and 4².
    assert hint_distance([student], [teacher], [regress]).item() == pytest.approx(9 / 52)
    two = hint_distance([student] * 2, [teacher, map_of([[6.0]], [[1.0]])], [regress] * 2)
    assert two.item() == pytest.approx(9 / 52 / 2)
    twice_as_large = teacher.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert hint_distance([student], [twice_as_large], [regress]).item() == pytest.approx(9 / 52)
    silent = hint_distance([student], [torch.zeros(1, 2, 1, 1)], [regress])
    assert torch.isfinite(silent), "a silent map must not divide by zero"
    hint_distance([student], [teacher], [regress]).backward()
    assert regress.weight.grad is not None
    assert regress.weight.grad.abs().sum() > 0


def boxes(*offsets: float) -> Tensor:
    return torch.tensor([[[offset] * 4 for offset in offsets]])


OBJECT_AND_NONE = torch.tensor([[[0.0, LN3], [LN3, 0.0]]])  # probability of an object 0.75 and 0.25


@pytest.mark.parametrize(
    ("teacher_logits", "student_offsets", "expected"),
    [
        # Smooth L1 of 2 is 1.5, of 0.5 is 0.125, four numbers each.
        (OBJECT_AND_NONE, (2.0, 0.5), 0.75 * 6 + 0.25 * 0.5),
        (OBJECT_AND_NONE, (0.0, 0.0), 0.0),
        (torch.tensor([[[0.0, 200.0], [200.0, 0.0]]]), (2.0, 9.0), 6.0),
        (torch.tensor([[[200.0, 0.0], [200.0, 0.0]]]), (2.0, 9.0), 0.0),
    ],
)
def test_boxes_count_where_the_teacher_sees_an_object(
    teacher_logits: Tensor, student_offsets: tuple[float, float], expected: float
) -> None:
    _, term = detection_distance(teacher_logits, teacher_logits, boxes(*student_offsets), boxes(0, 0), 2.0)
    assert float(term) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("class_weights", "temperature", "logits", "expected"),
    [
        (None, 1.0, OBJECT_AND_NONE, KL),
        (None, 3.0, 3 * OBJECT_AND_NONE, 9 * KL),
        # The background counts 1.5 times: in the first anchor it is the rare class, in the second the common one.
        (torch.tensor([1.5, 1.0]), 1.0, OBJECT_AND_NONE, 1.25 * KL),
    ],
)
def test_the_class_term_is_that_of_each_anchor(
    class_weights: Tensor | None, temperature: float, logits: Tensor, expected: float
) -> None:
    student = torch.zeros(1, 2, 2)
    term, _ = detection_distance(student, logits, boxes(0, 0), boxes(0, 0), temperature, class_weights)
    assert float(term) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [([[3.0, 0.0]], 0.0), ([[0.0, 0.1]], 1.0), ([[-2.0, 0.0]], 2.0), ([[1.0, 1.0]], 1 - 0.5**0.5)],
)
def test_embeddings_are_compared_by_their_angle(teacher: list[list[float]], expected: float) -> None:
    assert float(embedding_distance(torch.tensor([[5.0, 0.0]]), torch.tensor(teacher))) == pytest.approx(expected)


# Distances 1, 3, 2 over their mean 2, against 2, 4, 2 over their mean 8/3: two of three differ by a quarter.
ON_A_LINE = torch.tensor([[0.0], [1.0], [3.0]])
IN_A_PLANE = torch.tensor([[0.0, 0.0], [0.0, 2.0], [0.0, 4.0]])


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        (ON_A_LINE[:1], IN_A_PLANE[:1], 0.0),
        (ON_A_LINE[:2], IN_A_PLANE[:2], 0.0),
        (ON_A_LINE, IN_A_PLANE, 2 * 0.5 * 0.25**2 / 3),
        (ON_A_LINE, 100 + 7 * ON_A_LINE, 0.0),
        (torch.zeros(3, 1), IN_A_PLANE, (0.5 * 0.75**2 * 2 + (1.5 - 0.5)) / 3),
    ],
)
def test_relational_distance(student: Tensor, teacher: Tensor, expected: float) -> None:
    student = student.clone().requires_grad_()
    loss = relational_distance(student, teacher)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-6)
    loss.backward()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_half_precision_is_computed_in_full() -> None:
    """Squares of ordinary activations leave float16, and its differences of probabilities vanish."""
    large = torch.full((1, 4, 2, 2), 200.0, dtype=torch.float16)
    assert float(attention_transfer([large], [large])) == 0.0
    assert soft_targets(torch.zeros(1, 2).bfloat16(), torch.zeros(1, 2).bfloat16(), 4.0).dtype == torch.float32
