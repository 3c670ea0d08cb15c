"""A detector that learns from another: per object that the teacher sees, class and box."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.artifact import load_artifact
from pipeline.compress.distillation.distill import run
from pipeline.compress.distillation.objectives import detection_distance, object_probability
from pipeline.compress.distillation.teaching import _require_same_anchors, boxes_of_teacher
from pipeline.compress_options import Distill
from pipeline.detectors import Detector, build_detector
from pipeline.errors import EdgeboardError
from pipeline.files import read_json
from tests.compress.sections import planned
from tests.detection_folder import SIZE, SSDLITE, detection_context, new_detector, save_detector

N_CLASSES = 3


@pytest.fixture(scope="module", params=[SSDLITE, "retinanet_resnet50_fpn", "fcos_resnet50_fpn"])
def student(request: pytest.FixtureRequest) -> Detector:
    return build_detector(request.param, N_CLASSES, SIZE)


def heads_of(student: Detector, seed: int, n_seen: int | None = None) -> Tensor:
    """`[2, A, K]`; n_seen: so many anchors see an object, the others hardly anything."""
    generator = torch.Generator().manual_seed(seed)
    n_numbers = student.n_logits + 4 + ("FCOS" in type(student.model).__name__)
    heads = torch.randn(2, len(student.anchors_xyxy), n_numbers, generator=generator)
    if n_seen is not None:
        if student.n_logits > N_CLASSES:
            heads[:, n_seen:, 0] += 20
        else:
            heads[:, n_seen:, : student.n_logits] -= 20
    return heads


def test_equal_heads_are_no_distance_apart(student: Detector) -> None:
    heads = heads_of(student, 0)
    assert float(boxes_of_teacher(heads, heads.clone(), student, 4)) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("part", ["logits", "boxes"])
def test_other_heads_are_a_distance_apart_that_has_a_gradient(student: Detector, part: str) -> None:
    taught = heads_of(student, 0)
    heads, n = taught.clone(), student.n_logits
    changed = slice(0, n) if part == "logits" else slice(n, n + 4)
    heads[..., changed] += torch.randn(heads[..., changed].shape, generator=torch.Generator().manual_seed(1))
    heads.requires_grad_()
    loss = boxes_of_teacher(heads, taught, student, 2)
    loss.backward()
    assert loss > 0.01
    assert heads.grad is not None
    assert torch.isfinite(heads.grad).all()
    assert heads.grad[..., changed].abs().max() > 0
    rest = torch.ones(heads.shape[2], dtype=torch.bool)
    rest[changed] = False
    assert heads.grad[..., rest].abs().max() < 1e-6
    # A step against the gradient brings the student nearer to its teacher.
    with torch.no_grad():
        nearer = heads - 0.1 * heads.grad / heads.grad.norm()
    assert boxes_of_teacher(nearer, taught, student, 2) < loss


def test_a_teacher_that_sees_nothing_teaches_the_background_and_no_box(student: Detector) -> None:
    taught, heads = heads_of(student, 0, n_seen=0), heads_of(student, 1)
    heads.requires_grad_()
    loss = boxes_of_teacher(heads, taught, student, 1)
    loss.backward()
    assert torch.isfinite(loss)
    assert heads.grad is not None
    assert torch.isfinite(heads.grad).all()
    moved = heads.detach().clone()
    moved[..., student.n_logits : student.n_logits + 4] += 3
    # Boxes weigh as much as the teacher sees in them: they are averages over what is hardly there.
    class_only = boxes_of_teacher(moved, moved.clone(), student, 1)
    assert float(class_only) == pytest.approx(0, abs=1e-4)


def test_boxes_count_where_the_teacher_sees_an_object(student: Detector) -> None:
    taught = heads_of(student, 0, n_seen=5)
    n, seen, unseen = student.n_logits, taught.clone(), taught.clone()
    seen[:, :5, n : n + 4] += 2
    unseen[:, 5:, n : n + 4] += 2
    assert boxes_of_teacher(seen, taught, student, 1) > 1
    assert boxes_of_teacher(unseen, taught, student, 1) < 0.01


def test_the_class_term_is_per_object_that_the_teacher_sees(student: Detector) -> None:
    """Twice the anchors that see nothing, and on which both agree, change nothing."""
    taught, heads = heads_of(student, 0, n_seen=6), heads_of(student, 0, n_seen=6)
    heads[:, :6, : student.n_logits] += torch.randn(2, 6, student.n_logits, generator=torch.Generator().manual_seed(2))
    once = boxes_of_teacher(heads, taught, student, 1)
    twice = boxes_of_teacher(*(torch.cat([one, one[:, 6:]], dim=1) for one in (heads, taught)), student, 1)
    torch.testing.assert_close(once, twice, rtol=1e-3, atol=1e-3)


def test_sigmoid_classes_are_coins_of_their_own() -> None:
    """By hand: the sum over classes of KL(Bernoulli), as with T = 1; mean over anchors and batch."""
    logits, taught = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    boxes = torch.zeros(2, 5, 4)
    class_term, box_term = detection_distance(logits, taught, boxes, boxes, 1, background=None)
    p, q = taught.double().sigmoid(), logits.double().sigmoid()
    by_hand = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).sum(-1).mean()
    assert float(class_term) == pytest.approx(float(by_hand), rel=1e-4)
    assert float(box_term) == 0
    assert torch.equal(object_probability(taught, None), taught.amax(-1).sigmoid())
    torch.testing.assert_close(object_probability(taught, 0), taught.softmax(-1)[..., 1:].sum(-1))


def test_a_teacher_of_other_anchors_or_classes_is_refused() -> None:
    student = build_detector(SSDLITE, N_CLASSES, SIZE)
    _require_same_anchors(student, build_detector(SSDLITE, N_CLASSES, SIZE), "itself")
    for teacher in (
        build_detector("retinanet_resnet50_fpn", N_CLASSES, SIZE),
        build_detector(SSDLITE, N_CLASSES, 128),
        build_detector(SSDLITE, N_CLASSES + 1, SIZE),
    ):
        with pytest.raises(EdgeboardError, match="belong to other anchors") as caught:
            _require_same_anchors(student, teacher, "another")
        assert "teacher: baseline" in str(caught.value)


def test_other_anchors_are_told_before_the_teacher_is_trained(tmp_path: Path) -> None:
    context = detection_context(tmp_path)
    made = tmp_path / "made"
    made.mkdir()
    step = planned("distill", teacher="retinanet_resnet50_fpn", alpha=0.5, epochs=1)
    with pytest.raises(EdgeboardError, match="retinanet_resnet50_fpn with"):
        run(context.baseline, made, step, context)
    assert not context.checkpoints.exists()


def test_a_new_student_warms_up_before_it_is_taught(tmp_path: Path) -> None:
    context = detection_context(tmp_path, train__suspect__warm_up_epochs=1, train__suspect__small_epochs=1)
    source = save_detector(tmp_path / "source", build_detector(SSDLITE, N_CLASSES, SIZE, 0.1), smallest_anchor=0.1)
    context = replace(context, baseline=source)
    made = tmp_path / "made"
    made.mkdir()
    run(source, made, planned("distill", student="ssd320_resnet8", epochs=1), context)
    report = read_json(made / "report.json")
    assert [len(report["warm_up"][part]["epochs"]) for part in ("crops", "small_frames")] == [1, 1]
    student, meta = load_artifact(made)
    assert (meta.architecture, meta.smallest_anchor) == ("ssd320_resnet8", 0.1)
    assert torch.equal(student.anchors_xyxy, load_artifact(source)[0].anchors_xyxy)
    assert not list(context.checkpoints.glob("warm-up-*")), "kept for a killed training only"


def test_a_teacher_by_name_warms_up_too(tmp_path: Path) -> None:
    context = detection_context(tmp_path, train__suspect__warm_up_epochs=1)
    made = tmp_path / "made"
    made.mkdir()
    run(context.baseline, made, planned("distill", teacher="ssd320_resnet8", epochs=1), context)
    [teacher] = (context.checkpoints / "teachers").iterdir()
    assert len(read_json(teacher / "report.json")["warm_up"]["crops"]["epochs"]) == 1


def test_the_step_teaches_a_detector(tmp_path: Path) -> None:
    context = detection_context(tmp_path)
    source, made = save_detector(tmp_path / "source", new_detector(seed=4)), tmp_path / "made"
    made.mkdir()
    step = planned("distill", teacher="baseline", student="same", features="none", alpha=0.9, epochs=1)
    assert isinstance(step.options, Distill)
    run(source, made, step, context)
    report = read_json(made / "report.json")
    assert report["teacher"]["architecture"] == SSDLITE
    assert len(report["training"]["epochs"]) == 1
    taught, before = load_artifact(made)[0], load_artifact(source)[0]
    layer = "model.backbone.features.0.0.0.weight"
    assert not torch.equal(taught.state_dict()[layer], before.state_dict()[layer])
