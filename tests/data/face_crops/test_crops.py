"""From named pictures to crops: upright and alike in every roll, and one answer for each picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.data.face_crops.cropping import crop_face
from pipeline.data.face_crops.crops import Crop, CropOptions, Rejected, crop_faces
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.tasks.face_finder import Face
from tests.data.face_crops.cases import Frame, drawn_frames, turned


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def only_crops(pictures: list[tuple[str, Frame]], finder: FaceFinder, options: CropOptions) -> list[Crop]:
    crops = list(crop_faces(pictures, finder, options))
    assert all(isinstance(crop, Crop) for crop in crops), crops
    return crops  # type: ignore[return-value]


def distance(one: Frame, other: Frame) -> float:
    """Mean difference of the middle of two crops, where the face is, once each has the same mean."""
    first, second = (pixels[30:-30, 30:-30].astype(float) for pixels in (one, other))
    return float(np.abs((first - first.mean()) - (second - second.mean())).mean())


@pytest.mark.parametrize("degrees", [-15, 15])
def test_a_person_in_another_roll_gives_a_crop_alike(finder: FaceFinder, degrees: float) -> None:
    frames = drawn_frames(5)
    pictures = [(f"{i}", frame) for i, frame in enumerate(frames)]
    rolled = [(f"{i}", turned(frame, degrees)) for i, frame in enumerate(frames)]
    apart = {}
    for align in (True, False):
        options = CropOptions(align=align, min_probability=0.5)
        pairs = zip(only_crops(pictures, finder, options), only_crops(rolled, finder, options), strict=True)
        apart[align] = np.array([distance(one.pixels, other.pixels) for one, other in pairs])
    # Not of each: the landmarks of a face that looks aside move when it is rolled.
    assert np.median(apart[True] / apart[False]) < 0.65, apart


def test_every_picture_is_answered_in_its_order_and_few_are_held(finder: FaceFinder) -> None:
    frames, asked = drawn_frames(5), []

    def pictures() -> Iterator[tuple[str, Frame]]:
        for i in range(40):
            asked.append(i)
            yield f"{i}.jpg", frames[0] if i % 20 == 3 else np.full((60, 80, 3), 99, dtype=np.uint8)

    answers = crop_faces(pictures(), finder)
    first = next(answers)
    assert first == Rejected("0.jpg", "no face was found")
    assert len(asked) == 16
    rest = list(answers)
    assert [answer.name for answer in (first, *rest)] == [f"{i}.jpg" for i in range(40)]
    assert [answer.name for answer in rest if isinstance(answer, Crop)] == ["3.jpg", "23.jpg"]


def test_two_people_in_one_picture_are_refused(finder: FaceFinder) -> None:
    frames = drawn_frames(5)
    (answer,) = crop_faces([("pair.jpg", np.hstack(frames[:2]))], finder, CropOptions(min_probability=0.5, similar=0.2))
    assert isinstance(answer, Rejected)
    assert "2 faces" in answer.reason


@pytest.mark.parametrize(("size", "margin"), [(160, 0.2), (96, 0.0), (33, 0.5)])
def test_a_crop_as_it_stands_is_the_square_about_the_box(size: int, margin: float) -> None:
    frame = np.zeros((200, 300, 3), dtype=np.uint8)
    frame[60:140, 90:150] = 255  # a box of 60 x 80
    face = Face(np.array([89.5, 59.5, 149.5, 139.5], dtype=np.float32), 1.0, np.zeros((5, 2), dtype=np.float32))
    crop = crop_face(frame, face, size, margin, align=False)
    assert crop.shape == (size, size, 3)
    share = (crop[..., 0] > 127).mean()
    assert share == pytest.approx(60 * 80 / (80 * (1 + margin)) ** 2, abs=0.03)
    np.testing.assert_allclose(crop, crop[:, ::-1], atol=2)


def test_beyond_the_border_the_picture_is_mirrored() -> None:
    frame = np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (100, 1, 3))
    face = Face(np.array([-50.5, -0.5, 49.5, 99.5], dtype=np.float32), 1.0, np.zeros((5, 2), dtype=np.float32))
    crop = crop_face(frame, face, 100, 0.0, align=False)
    np.testing.assert_allclose(crop[50, :50, 0], crop[50, 50:, 0][::-1], atol=1)
