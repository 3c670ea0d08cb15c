"""Frames with objects on their way into a training: what happens to a frame happens to its boxes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pipeline.data.frames import MEAN_RGB, STD_RGB, Frames, load_frames, normalise
from pipeline.detectors import NO_OBJECT
from pipeline.params import check_params
from pipeline.tasks import TASKS, Task
from pipeline.training import kinds
from pipeline.training.detection_batches import AugmentedObjects, PlainObjects, plain_batches, training_batches
from tests.conftest import REPOSITORY
from tests.detection_folder import CLASS_NAMES, write_detection_folder

SIZE = 64


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    folder = write_detection_folder(tmp_path_factory.mktemp("data"), {"train": 12, "val": 3})
    return load_frames(folder, "train", SIZE, CLASS_NAMES)


def with_objects(*objects: list[list[float]]) -> Frames:
    n = len(objects)
    return Frames(
        np.zeros((n, SIZE, SIZE, 3), dtype=np.uint8), np.zeros(n, dtype=np.int64), [Path(f"{i}.jpg") for i in range(n)],
        CLASS_NAMES, [np.array(one, dtype=np.float32).reshape(-1, 5) for one in objects],
    )  # fmt: skip


def pixels(frame_chw: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """`[S, S, 3]` 0..255 of a normalised frame."""
    return np.asarray(255 * (frame_chw.permute(1, 2, 0).numpy() * STD_RGB + MEAN_RGB))


def is_coloured(frame_chw: torch.Tensor) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """`[S, S]`: where the squares are, whatever light was made of their colours; what is around them is grey."""
    return np.asarray(np.ptp(pixels(frame_chw), axis=2) > 30)


def everything(loader: Any, epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    if hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(epoch)
    return list(loader)


def same(first: list[tuple[torch.Tensor, torch.Tensor]], second: list[tuple[torch.Tensor, torch.Tensor]]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(first, second, strict=True)
    )


def test_batches_depend_on_seed_and_epoch_alone(frames: Frames) -> None:
    loader, other = training_batches(frames, 5, seed=3), training_batches(frames, 5, seed=3)
    epochs = [everything(loader, epoch) for epoch in (0, 1, 2)]
    torch.manual_seed(99)  # what else draws random numbers is no matter
    assert same(everything(other, 2), epochs[2]), "a resumed run sees what the whole one saw"
    assert same(everything(training_batches(frames, 5, seed=3, first_epoch=2), 0), epochs[2])
    assert not same(epochs[0], epochs[1])
    assert not same(everything(training_batches(frames, 5, seed=4), 0), epochs[0])


def test_an_augmentation_depends_on_the_frame_and_its_seed_not_on_the_batch(frames: Frames) -> None:
    augmented = AugmentedObjects(frames)
    first = augmented[3, 17]
    augmented[5, 1]
    again = augmented[3, 17]
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(augmented[3, 18][0], first[0])


def test_boxes_follow_the_augmentation(frames: Frames) -> None:
    """Nearly all that is inside of a box is coloured, and next to nothing outside of all boxes."""
    augmented = AugmentedObjects(frames)
    assert frames.objects is not None
    n_boxes, widths = 0, []
    for index, seed in itertools.product(range(len(frames)), range(8)):
        frame, objects = augmented[index, seed]
        assert set(objects[:, 0].tolist()) <= set(frames.objects[index][:, 0])
        coloured, around = is_coloured(frame), np.zeros((SIZE, SIZE), dtype=bool)
        for _, xmin, ymin, xmax, ymax in objects.tolist():
            assert 0 <= xmin < xmax <= SIZE
            assert 0 <= ymin < ymax <= SIZE
            around[max(0, int(ymin) - 2) : int(ymax) + 3, max(0, int(xmin) - 2) : int(xmax) + 3] = True
            inside = coloured[int(ymin) + 2 : int(ymax) - 1, int(xmin) + 2 : int(xmax) - 1]
            if inside.size:
                n_boxes += 1
                assert inside.mean() > 0.95, (index, seed)
            widths.append(xmax - xmin)
        # A sliver whose box was dropped is all that may lie outside.
        assert (coloured & ~around).sum() <= 5 * SIZE, (index, seed)
    assert n_boxes > 60
    assert max(widths) - min(widths) > 15, "zooms and crops change sizes"


def test_places_are_mirrored() -> None:
    """In half of the augmentations the square lies on the other side, so that no place can be learned by heart."""
    left = with_objects([[1, 0, 16, 16, 48]])
    augmented = AugmentedObjects(left)
    found = [augmented[0, seed][1] for seed in range(40)]
    centres = [float(objects[0, 1] + objects[0, 3]) / 2 for objects in found if len(objects)]
    assert sum(centre < SIZE / 2 for centre in centres) > 5
    assert sum(centre > SIZE / 2 for centre in centres) > 5


def test_plain_frames_are_those_of_the_evaluation(frames: Frames) -> None:
    (batch, objects), *rest = list(plain_batches(frames, 8))
    assert [len(one) for one, _ in rest] == [4]
    np.testing.assert_allclose(batch, normalise(frames.frames_nhwc[:8]), atol=1e-5)
    assert frames.objects is not None
    for place in range(8):
        true = frames.objects[place]
        np.testing.assert_array_equal(objects[place, : len(true)], true)


def test_the_shorter_lists_are_filled_up() -> None:
    given = with_objects([[0, 1, 1, 30, 30]], [], [[1, 2, 2, 9, 9], [2, 20, 20, 60, 60], [0, 5, 5, 50, 50]])
    ((batch, objects),) = list(plain_batches(given, 3))
    assert batch.shape == (3, 3, SIZE, SIZE)
    assert objects.shape == (3, 3, 5)
    assert (objects == NO_OBJECT).all(dim=2).sum(dim=1).tolist() == [2, 3, 0]
    assert objects.dtype == torch.float32


@pytest.mark.parametrize("n_frames", [1, 3])
def test_frames_without_any_object_are_batched(n_frames: int) -> None:
    given = with_objects(*[[]] * n_frames)
    batches = [*everything(plain_batches(given, 3), 0), *everything(training_batches(given, 3, seed=0), 0)]
    assert batches
    for batch, objects in batches:
        assert objects.shape == (len(batch), 1, 5)
        assert (objects == NO_OBJECT).all()


@pytest.mark.parametrize(
    ("box", "is_kept"),
    [
        ([10, 10, 20, 20], True),
        ([10, 10, 11, 11], True),
        ([10, 10, 10.9, 40], False),
        ([10, 10, 40, 10.5], False),
        ([10, 10, 10, 10], False),
    ],
)
def test_a_box_of_less_than_a_pixel_is_dropped(box: list[float], is_kept: bool) -> None:
    """In a large picture it was one; the losses take the logarithm of its sides."""
    given = with_objects([[0, *box], [1, 5, 5, 60, 60]])
    _, objects = PlainObjects(given)[0]
    assert objects[:, 0].tolist() == ([0, 1] if is_kept else [1])


def test_an_augmented_box_is_never_a_sliver() -> None:
    augmented = AugmentedObjects(with_objects([[0, 0, 0, 20, 20], [1, 44, 44, 64, 64]]))
    sides = torch.cat([augmented[0, seed][1][:, 3:] - augmented[0, seed][1][:, 1:3] for seed in range(60)])
    assert sides.min() >= 4
    assert len(sides) < 120, "crops lose some"


def test_a_last_batch_of_one_is_left_out_of_training(frames: Frames) -> None:
    """Batch normalisation needs two; the evaluation needs every frame."""
    assert [len(batch) for batch, _ in training_batches(frames, 11, seed=0)] == [11]
    assert [len(batch) for batch, _ in training_batches(frames, 5, seed=0)] == [5, 5, 2]
    assert [len(batch) for batch, _ in plain_batches(frames, 11)] == [11, 1]


def test_the_kind_of_task_decides_between_boxes_and_classes(frames: Frames) -> None:
    train = check_params(yaml.safe_load((REPOSITORY / "params.yaml").read_text())).train

    def for_training(task: Task, frames: Frames, batch_size: int) -> Any:
        options = train.of(task.name).model_copy(update={"batch_size": batch_size})
        return kinds.batches_for_training(task, frames, options, 0)

    for make in (kinds.plain_batches_of, for_training):
        (_, objects), *_ = make(TASKS["suspect"], frames, 6)
        (_, labels), *_ = make(TASKS["fire"], frames, 6)
        assert objects.ndim == 3
        assert objects.shape[2] == 5
        assert labels.shape == (6,)
        assert labels.dtype == torch.int64
