from __future__ import annotations

import pytest
import torch

from pipeline.compress.distill import soft_target_objective
from pipeline.tasks import TASKS

FIRE = TASKS["fire"]
FRAMES = torch.randn(4, 5)
LABELS = torch.tensor([0, 1, 2, 0])


@pytest.fixture
def teacher() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(5, 3)


def test_alpha_0_is_the_loss_of_the_task(teacher: torch.nn.Module) -> None:
    logits = torch.randn(4, 3)
    loss = soft_target_objective(teacher, FIRE, temperature=4, alpha=0, label_smoothing=0)(FRAMES, logits, LABELS)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits, LABELS))


def test_a_student_that_is_the_teacher_has_no_soft_loss(teacher: torch.nn.Module) -> None:
    objective = soft_target_objective(teacher, FIRE, temperature=4, alpha=1, label_smoothing=0)
    assert float(objective(FRAMES, teacher(FRAMES), LABELS)) == pytest.approx(0, abs=1e-6)


def test_the_soft_loss_is_that_of_hinton(teacher: torch.nn.Module) -> None:
    logits, temperature = torch.randn(4, 3), 3.0
    p = torch.softmax(teacher(FRAMES) / temperature, 1)
    q = torch.softmax(logits / temperature, 1)
    expected = temperature**2 * (p * (p / q).log()).sum(1).mean()
    loss = soft_target_objective(teacher, FIRE, temperature, alpha=1, label_smoothing=0)(FRAMES, logits, LABELS)
    torch.testing.assert_close(loss, expected)


def test_the_teacher_is_not_trained(teacher: torch.nn.Module) -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    soft_target_objective(teacher, FIRE, 4, 1, 0)(FRAMES, logits, LABELS).backward()
    assert logits.grad is not None
    assert all(parameter.grad is None for parameter in teacher.parameters())
