"""The features that a surrogate speaks of: patches of like colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import MEAN_RGB, STD_RGB
from pipeline.errors import EdgeboardError

SEGMENTS = 40
_FEWEST = 4


def superpixels(frame_nchw: NDArray[np.float32], count: int = SEGMENTS) -> NDArray[np.int64]:
    """Labels `[S, S]` 0..K-1 with K near `count`, by scikit-image's SLIC.

    Achanta et al. 2012, doi:10.1109/TPAMI.2012.120.
    frame_nchw: `[1, 3, S, S]` normalised, or a clip `[1, T, 3, S, S]`, whose patches `[T, S, S]` last over frames. A
    frame without colours to tell apart, such as a constant one, is cut into a grid.
    Raises EdgeboardError for fewer than 4 patches.
    """
    if count < _FEWEST:
        raise EdgeboardError("A surrogate needs some patches to speak of", value=count, allowed=f"{_FEWEST} or more")
    from skimage.segmentation import slic

    picture = np.moveaxis(frame_nchw[0], -3, -1) * STD_RGB + MEAN_RGB
    picture = np.clip(picture, 0, 1)
    if np.ptp(picture) > 0:
        labels = slic(picture, n_segments=count, compactness=10, start_label=0, channel_axis=-1)
        found = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
        if found.max() + 1 >= _FEWEST:
            return np.asarray(found, dtype=np.int64)
    return _grid(picture.shape[:-1], count)


def _grid(shape: tuple[int, ...], count: int) -> NDArray[np.int64]:
    """Even cells, as many along each axis; a clip's lie over all its frames."""
    cells = max(2, round(count**0.5))
    rows, columns = (np.arange(n) * cells // n for n in shape[-2:])
    return np.broadcast_to(rows[:, None] * cells + columns, shape).astype(np.int64)
