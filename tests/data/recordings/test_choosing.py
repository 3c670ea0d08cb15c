from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.recordings.choosing import choose_frames
from pipeline.data.recordings.looks import look, sharpness
from pipeline.data.recordings.video import Frame
from pipeline.errors import EdgeboardError
from tests.data.photo_cases import a_photo


def picture(seed: int, blur: float = 0) -> NDArray[np.uint8]:
    """Coarse patches with fine grain: patches make the look, the grain the sharpness."""
    rgb = np.asarray(a_photo(seed, 96)).astype(np.int16)
    rgb = np.clip(rgb + np.random.default_rng(seed).integers(-20, 21, rgb.shape), 0, 255).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), blur)) if blur else rgb


def frames(pictures: Sequence[NDArray[np.uint8]], rate: float = 10) -> list[Frame]:
    return [Frame(rgb, i / rate, i) for i, rgb in enumerate(pictures)]


def chosen(pictures: Sequence[NDArray[np.uint8]], most: int, bits: int = 6) -> list[int]:
    return [frame.index for frame in choose_frames(frames(pictures), most, bits)]


BLACK = np.zeros((96, 96, 3), dtype=np.uint8)
CASES: dict[str, tuple[list[NDArray[np.uint8]], int, list[int]]] = {
    "no frame": ([], 5, []),
    "one frame": ([picture(0)], 5, [0]),
    "one black frame": ([BLACK], 5, [0]),
    "a black video": ([BLACK] * 30, 5, [0]),
    "all different": ([picture(i) for i in range(5)], 5, [0, 1, 2, 3, 4]),
    "one still picture": ([picture(0)] * 30, 5, [0]),
    "the sharpest of a still picture": ([picture(0, 1), picture(0, 0.5), picture(0), picture(0, 1)], 5, [2]),
    "blurred ones are dropped": ([picture(i, 3 if i % 2 else 0) for i in range(5)], 5, [0, 2, 4]),
    "of a blurred video all stay": ([picture(i, 3) for i in range(3)], 5, [0, 1, 2]),
    "black ones are dropped": ([BLACK, picture(1), picture(2), picture(3), BLACK], 5, [1, 2, 3]),
    "the same again much later": ([picture(0), *(picture(i) for i in (1, 2, 3)), picture(0)], 5, [0, 1, 2, 3]),
}


@pytest.mark.parametrize(("pictures", "most", "taken"), CASES.values(), ids=CASES.keys())
def test_sharp_and_different_frames_are_chosen(pictures: list[NDArray[np.uint8]], most: int, taken: list[int]) -> None:
    assert chosen(pictures, most) == taken


def test_they_come_from_all_over_a_long_video() -> None:
    indices = chosen([picture(i) for i in range(400)], 8)
    assert len(indices) == 8
    for fifth in range(5):
        assert any(80 * fifth <= index < 80 * (fifth + 1) for index in indices)


def test_two_alike_in_looks_and_time_give_way_to_one_that_differs() -> None:
    """The patches of two frames are mixed: nearly, but by the least difference not quite, the same picture."""
    near = cv2.addWeighted(picture(0), 0.75, picture(1), 0.25, 0)
    taken = chosen([picture(0), np.asarray(near), picture(2), picture(3)], 3, bits=1)
    assert 2 in taken
    assert 3 in taken
    assert len(taken) == 3


@pytest.mark.parametrize("seed", range(6))
def test_of_those_that_crowd_in_time_one_stays(seed: int) -> None:
    times = (0.0, 0.1, 0.2, 5.0, 10.0)
    shots = [Frame(picture(10 * seed + i), time, i) for i, time in enumerate(times)]
    taken = [frame.time_s for frame in choose_frames(shots, 3, 6)]
    assert len(taken) == 3
    assert taken[1:] == [5.0, 10.0]


@pytest.mark.parametrize("bits", [1, 6, 20])
def test_no_two_chosen_are_nearer_than_asked(bits: int) -> None:
    mixed = [
        np.asarray(cv2.addWeighted(picture(i), 1 - part, picture(i + 1), part, 0))
        for i in range(6)
        for part in (0, 0.25, 0.5, 0.75)
    ]
    looks = [look(frame.rgb) for frame in choose_frames(frames(mixed), 24, bits)]
    distances = [(a ^ b).bit_count() for i, a in enumerate(looks) for b in looks[:i]]  # type: ignore[operator]
    assert len(looks) >= 5
    assert min(distances) >= bits


@pytest.mark.parametrize("most", [1, 3])
def test_of_a_long_video_only_few_frames_are_held(most: int) -> None:
    alive: weakref.WeakSet[Frame] = weakref.WeakSet()
    highest = 0

    def long_video() -> Iterator[Frame]:
        nonlocal highest
        for i in range(300):
            frame = Frame(picture(i), i / 5, i)
            alive.add(frame)
            highest = max(highest, len(alive))
            yield frame

    gc.disable()
    try:
        assert len(choose_frames(long_video(), most, 6)) == most
    finally:
        gc.enable()
    # Those of the slots, and the few that a loop here or there still names.
    assert highest <= 2 * most + 3


def test_the_same_frames_are_chosen_again() -> None:
    pictures = [picture(i % 40, blur=(i * 7 % 5) / 3) for i in range(120)]
    assert chosen(pictures, 10) == chosen(pictures, 10)


def test_no_frame_at_all_may_not_be_asked_for() -> None:
    with pytest.raises(EdgeboardError, match="max_frames must be at least 1"):
        choose_frames([], 0, 6)


def test_less_blur_is_sharper_at_any_size() -> None:
    for side in (96, 700):
        rgb = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        values = [sharpness(np.asarray(cv2.GaussianBlur(rgb, (0, 0), blur))) for blur in (0.5, 2, 8)]
        assert values == sorted(values, reverse=True)
        assert values[0] > 10 * values[2] > 0
    assert sharpness(BLACK) == 0


def test_a_picture_of_one_colour_has_no_look() -> None:
    assert look(BLACK) is None
    assert look(picture(0)) != look(picture(1))
