"""What a picture looks like in two numbers: how sharp it is, and its perceptual hash."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Sharpness is judged at one size, so that the noise of a large picture does not count as detail.
_JUDGED_SIDE = 320
_FEATURELESS = 2.0  # standard deviation of grey values, of 255


def sharpness(rgb: NDArray[np.uint8]) -> float:
    """The variance of the Laplacian of `[H, W, 3]`, in squared grey values: more is sharper, 0 has no edge.

    Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy, ICPR. It compares pictures of one scene.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    scale = _JUDGED_SIDE / max(grey.shape)
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in grey.shape[::-1])
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def look(rgb: NDArray[np.uint8]) -> int | None:
    """The 64-bit perceptual hash; None for a picture of one colour, whose hash would be that of any other such one."""
    import imagehash  # SciPy behind it costs half a second, which listing a folder need not pay

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if float(grey.std()) < _FEATURELESS:
        return None
    return int(str(imagehash.phash(Image.fromarray(grey))), 16)
