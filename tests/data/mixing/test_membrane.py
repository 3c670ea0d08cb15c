"""The fast stand-in for Poisson blending, beside OpenCV's solver."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.data.mixing.layers import Layer, paint
from pipeline.data.mixing.membrane import paint_joined

SIDE = 96


def _scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A striped disc, premultiplied, its alpha, and a background that grows bright from left to right."""
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(alpha, (SIDE // 2, SIDE // 2), 34, 255, -1, cv2.LINE_AA)
    stripes = np.where(np.arange(SIDE)[:, None] // 6 % 2, 90, 130).astype(np.float32)
    colour = np.dstack([stripes + np.zeros((SIDE, SIDE), np.float32)] * 3)
    behind = np.dstack([np.tile(np.linspace(60, 220, SIDE), (SIDE, 1))] * 3).astype(np.uint8)
    return np.rint(colour * (alpha[..., None] / 255)).astype(np.uint8), alpha, behind


def _joined(sprite: np.ndarray, alpha: np.ndarray, behind: np.ndarray, strength: float) -> np.ndarray:
    canvas = behind.copy()
    paint_joined(canvas, Layer(sprite, alpha), strength)
    return canvas


def _ring(low: int, high: int) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    distance = np.hypot(x, y)
    return (distance >= low) & (distance < high)


def test_seam_is_gone_and_detail_stays() -> None:
    sprite, alpha, behind = _scene()
    joined = _joined(sprite, alpha, behind, 1.0)
    # The two colours of the stripes have a mean of 110; along the edge their mean becomes that of the background.
    ring = _ring(29, 33)
    jump_before = np.abs(cv2.blur(sprite, (1, 12))[ring].astype(int) - behind[ring]).mean()
    jump_after = np.abs(cv2.blur(joined, (1, 12))[ring].astype(int) - behind[ring]).mean()
    assert jump_after < 0.4 * jump_before
    middle = joined[40:56, 48, 0].astype(int)
    assert 30 <= np.ptp(middle) <= 50, "the stripes differ by 40"


def test_it_is_near_to_the_solver() -> None:
    sprite, alpha, behind = _scene()
    joined = _joined(sprite, alpha, behind, 1.0)
    solid = np.where(alpha > 250, 255, 0).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(solid)
    solved = cv2.seamlessClone(
        sprite, behind, solid, (left + width // 2, top + height // 2), cv2.NORMAL_CLONE
    )  # fmt: skip
    inside = _ring(0, 30)
    plain = np.abs(sprite[inside].astype(int) - solved[inside]).mean()
    ours = np.abs(joined[inside].astype(int) - solved[inside]).mean()
    assert ours < 0.5 * plain


def test_strength_zero_and_whole_rectangles_are_only_painted() -> None:
    sprite, alpha, behind = _scene()
    painted = behind.copy()
    paint(painted, Layer(sprite, alpha))
    assert np.array_equal(_joined(sprite, alpha, behind, 0.0), painted)
    assert not np.array_equal(_joined(sprite, alpha, behind, 1.0), painted)
    full = np.full_like(alpha, 255)
    assert np.array_equal(_joined(sprite, full, behind, 1.0), sprite), "there is no edge to join"


def test_outside_of_the_object_nothing_changes() -> None:
    sprite, alpha, behind = _scene()
    joined = _joined(sprite, alpha, behind, 1.0)
    assert np.array_equal(joined[alpha == 0], behind[alpha == 0])


def test_tiny_objects_do_not_fail() -> None:
    for side in (1, 2, 3, 5):
        sprite, alpha = np.full((side, side, 3), 60, np.uint8), np.full((side, side), 120, np.uint8)
        joined = _joined(sprite, alpha, np.full((side, side, 3), 200, np.uint8), 1.0)
        assert 150 <= joined.min() <= joined.max() <= 210, "128 of the object, 200 behind it, which it moves towards"
