"""What is measured after every epoch, and that a detector trained on easy pictures is measured to have learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.answers import BoxAnswers
from pipeline.data.frames import Frames, load_frames
from pipeline.detectors import Detector
from pipeline.params import Params
from pipeline.tasks import TASKS
from pipeline.training.detection_batches import plain_batches
from pipeline.training.fit import Hardware, Schedule, fit
from pipeline.training.kinds import head_of, task_loss, validation_of
from pipeline.training.validation import ClassificationValidation, DetectionValidation
from tests.detection_folder import CLASS_NAMES, SIZE, detection_params, new_detector, write_detection_folder

SUSPECT = TASKS["suspect"]


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Params:
    return detection_params(tmp_path_factory.mktemp("params"))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    folder = write_detection_folder(tmp_path_factory.mktemp("data"), {"train": 8})
    return load_frames(folder, "train", SIZE, CLASS_NAMES)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return new_detector()


def perfect_heads(detector: Detector, objects: list[np.ndarray]) -> torch.Tensor:
    """Heads that answer with the true boxes, each at the anchor that overlaps most with it, and are sure of it."""
    anchors = detector.anchors_xyxy
    heads = torch.zeros(len(objects), len(anchors), detector.n_logits + 4)
    heads[..., 0] = 12
    taken: set[int] = set()
    for place, one in enumerate(objects):
        for label, *box in one.tolist():
            true = torch.tensor([box])
            centres, sizes = true.reshape(2, 2).mean(0), true[0, 2:] - true[0, :2]
            anchor = int((anchors.reshape(-1, 2, 2).mean(1) - centres).norm(dim=1).add(_taken(anchors, taken)).argmin())
            taken.add(anchor)
            own_sizes = anchors[anchor, 2:] - anchors[anchor, :2]
            shift = (centres - anchors[anchor].reshape(2, 2).mean(0)) / own_sizes
            weights = torch.tensor(detector.model.box_coder.weights)
            heads[place, anchor, 0], heads[place, anchor, 1 + int(label)] = 0, 12
            heads[place, anchor, -4:] = torch.cat([shift, (sizes / own_sizes).log()]) * weights
        taken.clear()
    return heads


def _taken(anchors: torch.Tensor, taken: set[int]) -> torch.Tensor:
    return torch.tensor([1e6 if place in taken else 0.0 for place in range(len(anchors))])


def measured(validation: DetectionValidation, heads: torch.Tensor, objects: torch.Tensor, sizes: list[int]) -> list:  # type: ignore[type-arg]
    validation.begin()
    for part, true in zip(heads.split(sizes), objects.split(sizes), strict=True):
        validation.add(part, true)
    return validation.sums().tolist()


@pytest.fixture(scope="module")
def objects(frames: Frames) -> torch.Tensor:
    ((_, objects),) = list(plain_batches(frames, len(frames)))
    return objects


def test_perfect_answers_have_the_metric_one(
    params: Params, frames: Frames, detector: Detector, objects: torch.Tensor
) -> None:
    assert frames.objects is not None
    validation = validation_of(detector, CLASS_NAMES, params.train.suspect)
    assert isinstance(validation, DetectionValidation)
    heads = perfect_heads(detector, frames.objects)
    _, metric, n = measured(validation, heads, objects, [8])
    assert (metric / n, n) == (pytest.approx(1), 8)
    silent = torch.zeros_like(heads)
    silent[..., 0] = 12
    assert measured(validation, silent, objects, [8])[1] == 0
    half = heads.clone()
    half[4:] = silent[4:]
    assert 0 < measured(validation, half, objects, [8])[1] < 8


def test_the_metric_does_not_depend_on_the_batches_and_the_loss_is_a_mean_over_frames(
    params: Params, frames: Frames, detector: Detector, objects: torch.Tensor
) -> None:
    """mAP is no mean of the mAPs of batches."""
    assert frames.objects is not None
    validation = DetectionValidation(detector, _answers(params, detector))
    heads = perfect_heads(detector, frames.objects)
    heads += torch.randn(heads.shape, generator=torch.Generator().manual_seed(0)) * 2
    whole = measured(validation, heads, objects, [8])
    parts = measured(validation, heads, objects, [3, 1, 4])
    assert 0.05 < whole[1] / 8 < 0.999
    assert parts[1:] == whole[1:]
    losses = [float(detector.loss(h, o)) for h, o in zip(heads.split([3, 1, 4]), objects.split([3, 1, 4]), strict=True)]
    assert parts[0] == pytest.approx(3 * losses[0] + losses[1] + 4 * losses[2], rel=1e-5)
    assert measured(validation, heads, objects, [8]) == whole, "begin() forgets what was measured before"


def test_padding_is_no_object(params: Params, frames: Frames, detector: Detector, objects: torch.Tensor) -> None:
    assert frames.objects is not None
    wider = torch.cat([objects, torch.full((8, 3, 5), -1.0)], dim=1)
    validation = DetectionValidation(detector, _answers(params, detector))
    heads = perfect_heads(detector, frames.objects)
    assert measured(validation, heads, wider, [8]) == measured(validation, heads, objects, [8])


def test_half_precision_outputs_are_measured(
    params: Params, frames: Frames, detector: Detector, objects: torch.Tensor
) -> None:
    """numpy knows no bfloat16."""
    assert frames.objects is not None
    validation = DetectionValidation(detector, _answers(params, detector))
    heads = perfect_heads(detector, frames.objects).bfloat16()
    assert measured(validation, heads, objects, [8])[1] == pytest.approx(8)


def test_classification_sums_loss_and_hits() -> None:
    validation = ClassificationValidation()
    logits, labels = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    validation.begin()
    for part in (slice(0, 4), slice(4, 7)):
        validation.add(logits[part], labels[part])
    loss, hits, n = validation.sums().tolist()
    assert n == 7
    assert hits == (logits.argmax(1) == labels).sum()
    assert loss / n == pytest.approx(float(nn.functional.cross_entropy(logits, labels)), rel=1e-6)


def test_the_kind_of_task_decides_what_is_measured(params: Params, detector: Detector) -> None:
    assert head_of(nn.Linear(1, 1), params.train.fire) is None
    of_classes = validation_of(nn.Linear(1, 1), ["a"], params.train.fire)
    assert isinstance(of_classes, ClassificationValidation)
    head = head_of(detector, params.train.suspect)
    assert head is not None
    options = params.train.suspect
    assert (head["score_threshold"], head["nms_iou"], head["max_detections"]) == (
        options.score_threshold, options.nms_iou, options.max_detections,
    )  # fmt: skip


@pytest.mark.slow
def test_a_detector_learns_coloured_squares(tmp_path: Path, params: Params, frames: Frames) -> None:
    """The same few frames again and again, until it finds them: loss, batches, decoding and metric fit together."""
    network = new_detector()
    batches = plain_batches(frames, len(frames))
    own_loss = task_loss(SUSPECT, network, params.train.suspect)
    history = fit(
        network,
        batches,
        batches,
        lambda _frames, heads, objects: own_loss(heads, objects),
        validation_of(network, CLASS_NAMES, params.train.suspect),
        Schedule(epochs=45, learning_rate=0.004, weight_decay=0.0005, patience=99),
        Hardware("cpu", 1, "32-true"),
        0,
        tmp_path / "checkpoints",
        "test",
    )
    metrics = [epoch["val_accuracy"] for epoch in history["epochs"]]
    assert metrics[0] < 0.1
    assert metrics[-1] > 0.6


def _answers(params: Params, detector: Detector) -> BoxAnswers:
    head = head_of(detector, params.train.suspect)
    assert head is not None
    return BoxAnswers(head, len(CLASS_NAMES))
