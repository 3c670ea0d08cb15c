"""MTCNN's driver: its parts equal to facenet-pytorch's, by numpy alone, and unmoved by what makes that one fail."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate
from torchvision.ops import nms

from pipeline.data.face_crops.networks import load_networks, runnable
from pipeline.tasks import face_finder as module
from pipeline.tasks.face_finder import (
    _averages,
    _overlaps,
    _squared,
    _summed,
    _suppress,
    find_faces,
    in_batches,
    make_mosaic,
    plan_finder,
)


def noise(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def nothing(values: int) -> Any:
    return lambda pictures: np.zeros((len(pictures), values), dtype=np.float32)


@pytest.mark.parametrize("min_face", [1.0, 0.9, 0.5, 0.333, 0.1, 0.05, 0.02])
def test_the_tiles_of_a_pyramid_fill_their_mosaic_without_touching(min_face: float) -> None:
    finder = plan_finder(min_face)
    height, width = finder["mosaic_hw"]
    covered = np.zeros((height, width), dtype=int)
    for side, top, left in finder["tiles"]:
        assert side % 2 == top % 2 == left % 2 == 0
        assert top + side <= height
        assert left + side <= width
        covered[top : top + side, left : left + side] += 1
    assert covered.max() == 1
    sides = [side for side, _, _ in finder["tiles"]]
    assert sides == sorted(sides, reverse=True)
    # The first level shows the smallest face, the last one a face as large as the frame, as large as the window.
    assert sides[0] == pytest.approx(12 / min_face, abs=1)
    assert 12 <= sides[-1] < 12 / 0.709 + 1


@pytest.mark.parametrize("min_face", [0, -0.1, 1.1, float("nan")])
def test_a_smallest_face_outside_the_frame_is_refused(min_face: float) -> None:
    with pytest.raises(ValueError, match="min_face"):
        plan_finder(min_face)


@pytest.mark.parametrize(("height", "width", "rows", "columns"), [(1, 1, 24, 24), (7, 300, 24, 24), (48, 48, 48, 48),
    (101, 53, 24, 24), (20, 30, 48, 48), (240, 320, 90, 120)])  # fmt: skip
def test_cells_are_averaged_as_facenet_pytorch_resizes(height: int, width: int, rows: int, columns: int) -> None:
    frame = noise(1, height + 5, width + 3)
    part = frame[2 : 2 + height, 1 : 1 + width]
    expected = interpolate(torch.from_numpy(part).permute(2, 0, 1)[None].float(), (rows, columns), mode="area")
    expected = (expected - 127.5) * 0.0078125
    corners = np.array([[1, 2, 1 + width, 2 + height]])
    found = _averages(_summed(frame), corners, rows, columns)[0]
    np.testing.assert_allclose(found.transpose(2, 0, 1), expected[0].numpy(), atol=1e-5)


def test_sums_that_overflow_change_nothing() -> None:
    frame = noise(2, 40, 50)
    corners = np.array([[0, 0, 50, 40], [3, 5, 20, 30]])
    with np.errstate(all="raise"):
        overflown = _summed(frame) + np.uint32(2**32 - 1000)
        np.testing.assert_array_equal(_averages(overflown, corners, 24, 24), _averages(_summed(frame), corners, 24, 24))


@pytest.mark.parametrize(("height", "width"), [(96, 128), (128, 96), (100, 100)])
def test_the_network_sees_in_the_mosaic_what_it_sees_in_each_level_by_itself(height: int, width: int) -> None:
    finder = plan_finder(0.2)
    mosaic = make_mosaic(_summed(noise(3, height, width)), finder)
    run_pnet = runnable(load_networks())[0]
    (whole,) = run_pnet(mosaic[None])
    for side, top, left in finder["tiles"]:
        (alone,) = run_pnet(np.ascontiguousarray(mosaic[None, :, top : top + side, left : left + side]))
        cells = side // 2 - 5
        there = whole[:, top // 2 : top // 2 + cells, left // 2 : left // 2 + cells]
        np.testing.assert_allclose(there, alone, atol=1e-4)


@pytest.mark.parametrize("most", [0.5, 0.7])
def test_suppression_keeps_what_torchvision_keeps(most: float) -> None:
    generator = np.random.default_rng(4)
    low = generator.uniform(0, 60, (150, 2))
    boxes = np.concatenate([low, low + generator.uniform(10, 50, (150, 2))], axis=1)
    scores = np.sort(generator.random(150))[::-1].copy()
    kept = _suppress(_overlaps(boxes), most)
    assert 2 < len(kept) < 150
    np.testing.assert_array_equal(kept, nms(torch.from_numpy(boxes), torch.from_numpy(scores), most))


def test_a_small_box_inside_a_large_one_counts_as_overlap_of_the_smaller() -> None:
    boxes = np.array([[0, 0, 99, 99], [10, 10, 29, 29]], dtype=float)
    assert _overlaps(boxes)[0, 1] < 0.05
    assert _overlaps(boxes, 1, of_smaller=True)[0, 1] == pytest.approx(1)


def test_a_box_grows_to_a_square_about_its_centre() -> None:
    np.testing.assert_allclose(_squared(np.array([[10.0, 20, 30, 60]])), [[0, 20, 40, 60]])


@pytest.mark.parametrize(("items", "calls"), [(1, 1), (3, 1), (4, 2), (7, 3)])
def test_the_last_batch_is_filled_up_and_its_filling_dropped(items: int, calls: int) -> None:
    seen: list[int] = []

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(len(batch))
        return batch * 2

    values = np.arange(items * 2, dtype=np.float32).reshape(items, 2)
    np.testing.assert_array_equal(in_batches(run, 3)(values), values * 2)
    assert seen == [3] * calls


def corner_cell(finder: dict[str, Any], numbers: list[float]) -> Any:
    """A first network that sees one face, in the first cell of the largest level, with these box numbers."""

    def run(mosaics: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = finder["mosaic_hw"]
        answer = np.zeros((len(mosaics), 5, height // 2 - 5, width // 2 - 5), dtype=np.float32)
        answer[:, :, 0, 0] = [0.9, *numbers]
        return answer

    return run


@pytest.mark.parametrize(
    ("numbers", "reaches"), [([0, 0, 0, 0], True), ([-3, 0, -3, 0], False), ([0, -9, 0, -9], False)]
)
def test_a_candidate_outside_the_frame_is_dropped_and_does_not_fail(numbers: list[float], reaches: bool) -> None:
    finder = plan_finder(0.2)
    sizes: list[int] = []

    def run_rnet(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        sizes.append(len(pictures))
        return np.zeros((len(pictures), 5), dtype=np.float32)

    assert find_faces([noise(5, 60, 80)], finder, corner_cell(finder, numbers), run_rnet, nothing(15)) == [[]]
    assert sizes == ([1] if reaches else [])


def test_boxes_and_landmarks_come_back_in_pixels_of_a_large_frame() -> None:
    finder = plan_finder(0.2)

    def certain(values: int) -> Any:
        answer = np.zeros(values, dtype=np.float32)
        answer[0], answer[5:] = 0.99, 0.5
        return lambda pictures: np.tile(answer, (len(pictures), 1))

    runs = (corner_cell(finder, [0, 0, 0, 0]), certain(5), certain(15))
    frames = [noise(6, 240, 320), noise(6, 960, 1280)]
    (small,), (large,) = find_faces(frames, finder, *runs)
    assert small.probability == pytest.approx(0.99)
    # 1280 is shrunk by 2 to 640, twice 320.
    np.testing.assert_allclose(large.box_xyxy[2:], small.box_xyxy[2:] * 4, rtol=0.05)
    np.testing.assert_allclose(small.landmarks_xy, np.tile(small.box_xyxy.reshape(2, 2).mean(0), (5, 1)), atol=1)
    assert small.box_xyxy.dtype == small.landmarks_xy.dtype == np.float32


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (3, 400), (400, 3), (64, 64)])
def test_frames_too_small_or_thin_for_a_face_have_none(height: int, width: int) -> None:
    runs = runnable(load_networks())
    assert find_faces([np.full((height, width, 3), 90, dtype=np.uint8)], plan_finder(), *runs) == [[]]


def test_no_frames_have_no_faces() -> None:
    assert find_faces([], plan_finder(), nothing(5), nothing(5), nothing(15)) == []


def test_the_number_of_candidates_and_so_the_time_has_a_bound() -> None:
    finder = plan_finder(0.05, most_candidates=10)
    height, width = finder["mosaic_hw"]
    generator = np.random.default_rng(8)
    answer = np.zeros((1, 5, height // 2 - 5, width // 2 - 5), dtype=np.float32)
    answer[:, 0] = generator.uniform(0.6, 1, answer[:, 0].shape)
    sizes: list[int] = []

    def run_rnet(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        sizes.append(len(pictures))
        return np.zeros((len(pictures), 5), dtype=np.float32)

    find_faces([noise(9, 300, 400)], finder, lambda _: answer, run_rnet, nothing(15))
    assert sizes == [10]


def test_the_board_needs_numpy_alone_and_python_3_6() -> None:
    tree = ast.parse(inspect.getsource(module), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"numpy", "typing"}
