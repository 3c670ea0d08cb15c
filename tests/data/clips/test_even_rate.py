from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.clips.even_rate import at_even_rate
from pipeline.data.recordings.video import Frame


def indices(times_s: list[float], rate_fps: float, most_repeats: int = 1000) -> list[int]:
    pixel = np.zeros((1, 1, 3), dtype=np.uint8)
    frames = [Frame(pixel, time, i) for i, time in enumerate(times_s)]
    return [frame.index for frame in at_even_rate(frames, rate_fps, most_repeats)]


@pytest.mark.parametrize(
    ("times_s", "rate_fps", "expected"),
    [
        pytest.param([], 8, [], id="no frame"),
        pytest.param([0.0], 8, [0], id="one frame"),
        pytest.param([0.0, 0.5], 2, [0, 1], id="the same rate"),
        pytest.param([0.0, 0.5], 4, [0, 0, 1, 1], id="half the rate: each twice"),
        pytest.param([0.0, 0.25, 0.5, 0.75], 2, [0, 2], id="twice the rate: every second"),
        pytest.param([0.0, 1.0, 1.1], 2, [0, 0, 1], id="a frame shown for long; of two equally near the earlier"),
        pytest.param([0.0, 0.04, 0.08, 0.12], 25, [0, 1, 2, 3], id="moments that no fraction hits"),
    ],
)
def test_each_moment_has_the_nearest_frame(times_s: list[float], rate_fps: float, expected: list[int]) -> None:
    assert indices(times_s, rate_fps) == expected


@pytest.mark.parametrize("rate", [5, 12, 15, 23.976, 25, 29.97, 30, 60, 120])
@pytest.mark.parametrize("seconds", [1, 2, 5])
def test_any_rate_gives_as_many_frames_as_the_video_is_long(rate: float, seconds: int) -> None:
    count = round(rate * seconds)
    times = [i / rate for i in range(count)]
    chosen = indices(times, 8)
    assert len(chosen) == pytest.approx(8 * seconds, abs=1)
    for moment, index in enumerate(chosen[:-1]):
        assert abs(times[index] - moment / 8) <= min(abs(time - moment / 8) for time in times) + 1e-6


def test_a_gap_of_hours_does_not_become_hours_of_one_frame() -> None:
    assert indices([0.0, 10_000.0, 10_000.5], 2, most_repeats=4) == [0] * 4 + [1] * 4 + [2]
