"""Batched finding: what the plain call of facenet-pytorch finds, whatever other frames are given with a frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.data.face_crops.finding import FaceFinder, find_faces
from pipeline.data.face_crops.networks import load_networks, runnable
from pipeline.errors import EdgeboardError
from pipeline.tasks.face_finder import find_faces as find_in_frames
from pipeline.tasks.face_finder import plan_finder
from tests.conftest import REAL_DATA
from tests.data.face_crops.cases import agreement, drawn_frames, plain_faces


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def test_a_frame_is_answered_the_same_alone_and_among_others_of_any_size(finder: FaceFinder) -> None:
    frames = list(drawn_frames(5))
    others = [frames[1][:, 40:280], cv2.resize(frames[2], (150, 112)), np.zeros((90, 40, 3), dtype=np.uint8)]
    frames = [*frames, *others, *frames[::-1]]
    together = finder.find(frames)
    assert sum(map(len, together)) >= 10
    for frame, faces in zip(frames, together, strict=True):
        (alone,) = finder.find([frame])
        assert len(alone) == len(faces)
        for one, other in zip(alone, faces, strict=True):
            np.testing.assert_array_equal(one.box_xyxy, other.box_xyxy)
            np.testing.assert_array_equal(one.landmarks_xy, other.landmarks_xy)


def test_a_frame_of_a_4k_camera_gives_the_face_of_the_small_one(finder: FaceFinder) -> None:
    large = cv2.resize(drawn_frames(5)[0], (3840, 2880), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, (480, 360), interpolation=cv2.INTER_AREA)
    (of_small,), (of_large,) = finder.find([small, large])
    # The middle of 8 x 8 pixels lies between the fourth and the fifth.
    np.testing.assert_allclose(of_large.box_xyxy, of_small.box_xyxy * 8 + 3.5, atol=1e-3)
    np.testing.assert_allclose(of_large.landmarks_xy, of_small.landmarks_xy * 8 + 3.5, atol=1e-3)


def test_opencv_shrinks_a_large_frame_as_the_driver_does_for_the_board(finder: FaceFinder) -> None:
    large = cv2.resize(drawn_frames(5)[0], (1440, 1083), interpolation=cv2.INTER_CUBIC)
    (of_host,) = finder.find([large])
    (of_driver,) = find_in_frames([large], plan_finder(), *runnable(load_networks()))
    assert len(of_host) == len(of_driver) > 0
    np.testing.assert_allclose(of_host[0].box_xyxy, of_driver[0].box_xyxy, atol=3)
    np.testing.assert_allclose(of_host[0].landmarks_xy, of_driver[0].landmarks_xy, atol=3)


def test_nothing_given_and_nothing_seen(finder: FaceFinder) -> None:
    assert finder.find([]) == []
    assert finder.find([np.full((240, 320, 3), 128, dtype=np.uint8)]) == [[]]


@pytest.mark.parametrize("min_face", [0, 1.5, -1])
def test_a_smallest_face_that_is_no_fraction_is_refused(min_face: float) -> None:
    with pytest.raises(EdgeboardError, match="fraction"):
        find_faces([], min_face)


@pytest.mark.parametrize("frame", [np.zeros((40, 40), np.uint8), np.zeros((40, 40, 4), np.uint8),
    np.zeros((40, 40, 3), np.float32), np.zeros((0, 40, 3), np.uint8)])  # fmt: skip
def test_what_is_no_colour_picture_is_refused(finder: FaceFinder, frame: np.ndarray) -> None:
    with pytest.raises(EdgeboardError, match=r"frames\[0\]"):
        finder.find([frame])


@pytest.mark.slow
@pytest.mark.real_data
def test_real_faces_are_those_of_the_plain_call(finder: FaceFinder) -> None:
    folder = REAL_DATA / "faces"
    if not folder.is_dir():
        pytest.skip(f"the real faces are not here: {folder}")
    paths = sorted(Path(folder).glob("*/*.jpg"))[::6]
    frames = tuple(np.asarray(Image.open(path).convert("RGB")) for path in paths)
    ious, apart = agreement(finder.find(frames), plain_faces(frames))
    assert len(ious) >= 40
    assert (ious > 0.8).mean() >= 0.95
    # MTCNN with another smallest face agrees with itself no better: 0.83 to 0.93 of the pictures.
    assert (ious > 0.9).mean() >= 0.8
    assert np.median(apart) < 0.02
