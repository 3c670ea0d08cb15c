"""Colour and light as matrices."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from pipeline.data.mixing.light import matching_gains, tone_matrix

NO_GAIN = (1.0, 1.0, 1.0)
LUMA_BGR = np.array([0.072, 0.715, 0.213])


def test_nothing_asked_nothing_changed() -> None:
    assert np.abs(tone_matrix(0, 1, NO_GAIN) - np.eye(3)).max() < 1e-6


@pytest.mark.parametrize("degrees", [-180, -30, 10, 90, 180])
@pytest.mark.parametrize("saturation", [0, 0.7, 1.3])
def test_grey_stays_grey_and_lightness_stays(degrees: float, saturation: float) -> None:
    turned = tone_matrix(degrees, saturation, NO_GAIN)
    assert np.abs(turned @ [77, 77, 77] - 77).max() < 0.2
    colour = np.array([40, 90, 200])
    assert abs(LUMA_BGR @ (turned @ colour) - LUMA_BGR @ colour) < 0.5


def test_no_saturation_is_grey() -> None:
    assert np.ptp(tone_matrix(40, 0, NO_GAIN) @ [10, 100, 250]) < 1e-3


def test_hue_turns_from_red_towards_yellow() -> None:
    b, g, r = tone_matrix(30, 1, NO_GAIN) @ [60, 60, 200]
    assert 0.02 < colorsys.rgb_to_hsv(r / 255, g / 255, b / 255)[0] < 0.17


def test_gains_come_last() -> None:
    grey = tone_matrix(50, 0, (2.0, 1.0, 0.5)) @ [100, 100, 100]
    assert np.abs(grey - [200, 100, 50]).max() < 0.2


@pytest.mark.parametrize(
    ("of_object", "around", "strength", "low", "high"),
    [
        ((100, 100, 100), (150, 150, 150), 0.0, 1, 1),
        ((100, 100, 100), (150, 150, 150), 0.5, 1.2, 1.25),
        ((100, 100, 100), (50, 50, 50), 1.0, 0.5, 0.5),
        ((200, 200, 200), (1, 1, 1), 1.0, 0.5, 0.5),
        ((0, 0, 0), (255, 255, 255), 1.0, 1.8, 1.8),
    ],
)
def test_light_moves_towards_that_around_within_limits(
    of_object: tuple[float, float, float], around: tuple[float, float, float], strength: float, low: float, high: float
) -> None:
    assert all(low - 1e-9 <= gain <= high + 1e-9 for gain in matching_gains(of_object, around, strength))


def test_a_cast_is_taken_over_in_part() -> None:
    blue, green, red = matching_gains((100, 100, 100), (140, 100, 80), 1.0)
    assert blue > green > red
    assert blue / red < 140 / 80
