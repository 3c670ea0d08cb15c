"""The two controls: one sees a frame and no movement, the other what changes and no frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.clips.film_strip import film_strip
from pipeline.data.clips.motion_control import changes, motion_control
from pipeline.data.clips.one_frame_control import middle_shapes, one_frame_control
from pipeline.data.dataset import SPLITS, Row

CLASSES = ["a", "b"]
_FRAMES, _SIDE = 9, 48


def by_shape(rng: np.random.Generator, label: str) -> NDArray[np.uint8]:
    """A bar that stands still: upright or lying, with noise."""
    clip = rng.normal(60, 6, (_FRAMES, _SIDE, _SIDE, 3))
    if label == "a":
        clip[:, 8:40, 20:28] += 120
    else:
        clip[:, 20:28, 8:40] += 120
    return np.clip(clip, 0, 255).astype(np.uint8)


def by_movement(rng: np.random.Generator, label: str) -> NDArray[np.uint8]:
    """A block that moves up or down, or to a side; in the middle frame it is at the same place."""
    clip = rng.normal(60, 6, (_FRAMES, _SIDE, _SIDE, 3))
    way = rng.choice([-3, 3])
    for i in range(_FRAMES):
        shift = way * (i - _FRAMES // 2)
        top, left = (18 + shift, 18) if label == "a" else (18, 18 + shift)
        clip[i, top : top + 10, left : left + 10] += 120
    return np.clip(clip, 0, 255).astype(np.uint8)


def write_clips(folder: Path, draw: object) -> list[Row]:
    rng = np.random.default_rng(0)
    rows = []
    for split in SPLITS:
        for i in range(40):
            label = CLASSES[i % 2]
            (folder / f"{split}{i}.jpg").write_bytes(film_strip(draw(rng, label)))  # type: ignore[operator]
            rows.append(Row(f"{split}{i}.jpg", label, split, str(i), "", _SIDE, _SIDE, ""))
    return rows


@pytest.mark.parametrize(
    ("draw", "one_frame", "motion"),
    [
        pytest.param(by_shape, (0.95, 1.0), (0.25, 0.75), id="shapes that stand still"),
        pytest.param(by_movement, (0.25, 0.75), (0.95, 1.0), id="movements of one shape"),
    ],
)
def test_each_control_sees_its_half(
    tmp_path: Path, draw: object, one_frame: tuple[float, float], motion: tuple[float, float]
) -> None:
    rows = write_clips(tmp_path, draw)
    for control, (low, high) in (
        (one_frame_control(tmp_path, rows, CLASSES, _FRAMES), one_frame),
        (motion_control(tmp_path, rows, CLASSES, _FRAMES), motion),
    ):
        assert low <= control["value"] <= high
        assert control["n"] == 40
        assert control["low"] <= control["value"] <= control["high"]


def test_one_frame_sees_the_middle_only() -> None:
    rng = np.random.default_rng(0)
    clip = by_movement(rng, "a")
    others = by_movement(rng, "b")
    others[_FRAMES // 2] = clip[_FRAMES // 2]
    assert np.array_equal(middle_shapes(clip), middle_shapes(others))
    assert not np.array_equal(middle_shapes(clip), middle_shapes(others[1:]))


def test_nothing_changes_in_a_still() -> None:
    still = np.repeat(by_shape(np.random.default_rng(0), "a")[:1], _FRAMES, axis=0)
    assert not changes(still).any()
    assert changes(by_movement(np.random.default_rng(0), "a")).shape == ((_FRAMES - 1) * 64 + 1764,)
