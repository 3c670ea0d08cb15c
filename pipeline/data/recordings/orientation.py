"""The display matrix of a video: how its frames must be turned before they are upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int32]


def upright(rgb: NDArray[np.uint8], matrix: Matrix | None) -> NDArray[np.uint8]:
    """`[H, W, 3]` as it is shown; `matrix` is `[3, 3]` as in ISO/IEC 14496-12, 6.2.2 (FFmpeg's display matrix).

    Quarter turns and mirrors are honoured; an angle between them is taken as the quarter turn next to it.
    """
    if matrix is None:
        return rgb
    (right_x, right_y), (down_x, down_y) = matrix[:2, :2].astype(np.int64).tolist()
    if abs(right_x) + abs(down_y) >= abs(right_y) + abs(down_x):
        flips_x, flips_y = right_x < 0, down_y < 0
    else:
        rgb = rgb.transpose(1, 0, 2)
        flips_x, flips_y = down_x < 0, right_y < 0
    return np.ascontiguousarray(rgb[:: -1 if flips_y else 1, :: -1 if flips_x else 1])
