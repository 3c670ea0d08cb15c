"""The fast stand-in for Poisson blending, beside OpenCV's solver."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.data.mixing.membrane import blend_into_surroundings

SIDE = 96


def _scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A striped disc, its alpha in three channels, and a background that grows bright from left to right."""
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(alpha, (SIDE // 2, SIDE // 2), 34, 255, -1, cv2.LINE_AA)
    stripes = np.where(np.arange(SIDE)[:, None] // 6 % 2, 90, 130).astype(np.float32)
    colour = np.dstack([stripes + np.zeros((SIDE, SIDE), np.float32)] * 3)
    behind = np.dstack([np.tile(np.linspace(60, 220, SIDE), (SIDE, 1))] * 3).astype(np.uint8)
    alpha3 = cv2.merge((alpha, alpha, alpha))
    return np.rint(colour * (alpha3 / 255)).astype(np.uint8), alpha3, behind


def _ring(low: int, high: int) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    distance = np.hypot(x, y)
    return (distance >= low) & (distance < high)


def test_seam_is_gone_and_detail_stays() -> None:
    sprite, alpha3, behind = _scene()
    joined = blend_into_surroundings(sprite, alpha3, behind, 1.0)
    # The two colours of the stripes have a mean of 110; along the edge their mean becomes that of the background.
    ring = _ring(29, 33)
    jump_before = np.abs(cv2.blur(sprite, (1, 12))[ring].astype(int) - behind[ring]).mean()
    jump_after = np.abs(cv2.blur(joined, (1, 12))[ring].astype(int) - behind[ring]).mean()
    assert jump_after < 0.4 * jump_before
    middle = joined[40:56, 48, 0].astype(int)
    assert 30 <= np.ptp(middle) <= 50, "the stripes differ by 40"


def test_it_is_near_to_the_solver() -> None:
    sprite, alpha3, behind = _scene()
    joined = blend_into_surroundings(sprite, alpha3, behind, 1.0)
    solid = np.where(alpha3[..., 0] > 250, 255, 0).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(solid)
    solved = cv2.seamlessClone(
        sprite, behind, solid, (left + width // 2, top + height // 2), cv2.NORMAL_CLONE
    )  # fmt: skip
    inside = _ring(0, 30)
    plain = np.abs(sprite[inside].astype(int) - solved[inside]).mean()
    ours = np.abs(joined[inside].astype(int) - solved[inside]).mean()
    assert ours < 0.5 * plain


def test_strength_zero_and_whole_rectangles_change_nothing() -> None:
    sprite, alpha3, behind = _scene()
    assert np.array_equal(blend_into_surroundings(sprite, alpha3, behind, 0.0), sprite)
    full = np.full_like(alpha3, 255)
    assert np.array_equal(blend_into_surroundings(sprite, full, behind, 1.0), sprite), "there is no edge to join"


def test_outside_of_the_object_nothing_is_added() -> None:
    sprite, alpha3, behind = _scene()
    assert not blend_into_surroundings(sprite, alpha3, behind, 1.0)[alpha3[..., 0] == 0].any()


def test_tiny_objects_do_not_fail() -> None:
    for side in (1, 2, 3, 5):
        sprite, alpha3 = np.full((side, side, 3), 60, np.uint8), np.full((side, side, 3), 120, np.uint8)
        behind = np.full((side, side, 3), 200, np.uint8)
        assert blend_into_surroundings(sprite, alpha3, behind, 1.0).shape == (side, side, 3)
