"""Colour and light of an object, as one matrix over its premultiplied pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Bgr = tuple[float, float, float]
# How far an object's light may be moved towards that of its background: a lamp is not made into a shadow.
_DARKEST, _BRIGHTEST = 0.5, 1.8
_CAST = 0.4  # the share of a difference in colour, beside that in lightness, that is taken over


def tone_matrix(hue_degrees: float, saturation: float, gains_bgr: Bgr) -> NDArray[np.float32]:
    """`[3, 3]` for BGR columns: turn the hue, scale the saturation (1: as it is), then multiply each channel.

    The turn about the grey axis that keeps luminance is feColorMatrix of SVG 1.1 (W3C 2011, section 15.10). Linear,
    and so the same on premultiplied colours.
    """
    c = saturation * math.cos(math.radians(hue_degrees))
    s = saturation * math.sin(math.radians(hue_degrees))
    b, g, r = gains_bgr
    # Written out, since it is made for every object: a tenth of the time of the same with matrices.
    return np.array(
        (
            b * (0.072 + 0.928 * c + 0.072 * s), b * (0.715 - 0.715 * c + 0.715 * s),
            b * (0.213 - 0.213 * c - 0.787 * s),
            g * (0.072 - 0.072 * c - 0.283 * s), g * (0.715 + 0.285 * c + 0.140 * s),
            g * (0.213 - 0.213 * c + 0.143 * s),
            r * (0.072 - 0.072 * c + 0.928 * s), r * (0.715 - 0.715 * c - 0.715 * s),
            r * (0.213 + 0.787 * c - 0.213 * s),
        ),
        dtype=np.float32,
    ).reshape(3, 3)  # fmt: skip


def matching_gains(object_bgr: Bgr, around_bgr: Bgr, strength: float) -> Bgr:
    """What to multiply an object's channels by so that its mean moves towards that around it; strength 0: nothing.

    >>> matching_gains((100, 100, 100), (150, 150, 150), 1.0)
    (1.5, 1.5, 1.5)
    """
    if strength == 0:
        return 1.0, 1.0, 1.0
    lightness = _ratio(_luma(object_bgr), _luma(around_bgr))
    cast = strength * _CAST
    common: float = lightness ** (strength - cast)
    return (
        common * _ratio(object_bgr[0], around_bgr[0]) ** cast,
        common * _ratio(object_bgr[1], around_bgr[1]) ** cast,
        common * _ratio(object_bgr[2], around_bgr[2]) ** cast,
    )


def _luma(bgr: Bgr) -> float:
    return 0.072 * bgr[0] + 0.715 * bgr[1] + 0.213 * bgr[2]


def _ratio(one: float, other: float) -> float:
    return min(_BRIGHTEST, max(_DARKEST, other / max(one, 1.0)))
