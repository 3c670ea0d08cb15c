"""Upright crops by numpy alone: the least-squares transform, and the same pixels as OpenCV's."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pytest

from pipeline.data.face_crops.cropping import crop_face
from pipeline.tasks import face_alignment as module
from pipeline.tasks.face_alignment import align_crop, samples_per_pixel, similarity
from pipeline.tasks.face_finder import Face

FACE = np.array([[40, 50], [80, 50], [60, 72], [44, 96], [77, 96]], dtype=np.float32)


def picture(height: int, width: int) -> np.ndarray:
    """Smooth, and different everywhere."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9 + k) * np.cos(y / (7 + k)) for k in range(3)]
    return np.clip(127 + 120 * np.stack(waves, axis=2), 0, 255).astype(np.uint8)


def moved(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T * scale + shift


@pytest.mark.parametrize("degrees", [0, 12, -90, 179])
@pytest.mark.parametrize("scale", [0.2, 1, 7])
def test_turn_scale_and_shift_of_a_face_are_undone(degrees: float, scale: float) -> None:
    there = similarity(FACE, 160, 0.2) @ np.vstack([FACE.T, np.ones(5)])
    other = moved(FACE, degrees, scale, (31, -8))
    again = similarity(other, 160, 0.2) @ np.vstack([other.T, np.ones(5)])
    np.testing.assert_allclose(again, there, atol=1e-4)


def test_a_mirrored_face_is_turned_or_shrunk_but_never_mirrored() -> None:
    matrix = similarity(FACE * [-1, 1] + [200, 0], 160, 0.2)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_a_margin_shrinks_the_face_about_the_middle_of_the_crop() -> None:
    tight, loose = (similarity(FACE, 100, margin) for margin in (0.0, 1.0))
    assert np.hypot(*tight[:, 0]) == pytest.approx(2 * np.hypot(*loose[:, 0]))
    middle = np.linalg.solve(tight[:, :2], [49.5, 49.5] - tight[:, 2])
    np.testing.assert_allclose(loose[:, :2] @ middle + loose[:, 2], [49.5, 49.5])


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_landmarks_that_are_one_point_are_refused(landmarks: np.ndarray) -> None:
    with pytest.raises(ValueError, match="different"):
        similarity(landmarks, 160, 0.2)


@pytest.mark.parametrize(
    ("landmarks", "size", "margin", "samples"),
    [
        (FACE, 160, 0.2, 1),
        (moved(FACE, 25, 1.3, (10, -20)), 112, 0.0, 1),
        (moved(FACE, -140, 0.3, (60, 60)), 96, 0.4, 1),
        (moved(FACE, 5, 1, (-60, -70)), 160, 0.2, 1),  # far over the border
        (moved(FACE, 10, 2.4, (0, -30)), 64, 0.2, 5),
    ],
)
def test_the_crop_is_opencvs(landmarks: np.ndarray, size: int, margin: float, samples: int) -> None:
    frame = picture(240, 320)
    assert samples_per_pixel(landmarks, size, margin) == samples
    face = Face(np.array([0, 0, 9, 9], dtype=np.float32), 1.0, landmarks)
    ours, opencvs = align_crop(frame, landmarks, size, margin), crop_face(frame, face, size, margin)
    assert ours.shape == opencvs.shape == (size, size, 3)
    assert ours.dtype == np.uint8
    difference = np.abs(ours.astype(int) - opencvs)
    assert ours.std() > 20, "a crop of nothing proves nothing"
    assert difference.max() <= 2
    assert difference.mean() < 0.1


def test_a_frame_smaller_than_the_crop_is_mirrored_again_and_again() -> None:
    frame = picture(6, 5)
    crop = align_crop(frame, FACE / 30, 160, 3.0)
    assert crop.min() >= frame.min()
    assert crop.max() <= frame.max()


def test_fine_stripes_of_a_large_face_become_grey_not_coarse_stripes() -> None:
    frame = np.zeros((700, 900, 3), dtype=np.uint8)
    frame[:, ::2] = 200
    crop = align_crop(frame, FACE * 6, 64, 0.2)
    assert samples_per_pixel(FACE * 6, 64, 0.2) > 4
    assert crop[8:-8, 8:-8].std() < 12
    assert crop.mean() == pytest.approx(100, abs=3)


def test_the_board_needs_numpy_alone_and_python_3_6() -> None:
    tree = ast.parse(inspect.getsource(module), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"numpy", "typing"}
