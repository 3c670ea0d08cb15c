"""What a linear model reaches on simple features of a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.controls import Control
from pipeline.data.dataset import Row
from pipeline.data.frames import resize

_SIDE = 64


def linear_control(
    data_folder: Path,
    rows: Sequence[Row],
    class_names: Sequence[str],
    n_frames: int,
    features: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
) -> Control:
    """Test accuracy 0..1 of a logistic regression on `features` of each clip `[L, H, W, 3]`, trained on train."""
    from scipy.stats import binomtest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    def of(row: Row) -> NDArray[np.float32]:
        return features(read_film_strip(data_folder / row.file, n_frames))

    seen: dict[str, NDArray[np.float32]] = {}
    labels: dict[str, NDArray[np.int64]] = {}
    for split in ("train", "test"):
        own = [row for row in rows if row.split == split]
        with ThreadPoolExecutor() as pool:
            seen[split] = np.stack(list(pool.map(of, own)))
        labels[split] = np.array([class_names.index(row.label) for row in own], dtype=np.int64)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=300))
    with threadpool_limits(1):  # sums in another order could move a clip that lies on the border
        model.fit(seen["train"], labels["train"])
        hits = int(np.count_nonzero(model.predict(seen["test"]) == labels["test"]))
    n = len(labels["test"])
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return Control(value=hits / n, low=float(interval.low), high=float(interval.high), n=n)


def grey(frame_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`[H, W, 3]` RGB to `[64, 64]`."""
    return np.asarray(cv2.cvtColor(resize(frame_hwc, _SIDE), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def directions(grey_hw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`[64, 64]` to `[1764]`: histograms of oriented gradients (Dalal & Triggs 2005, CVPR), with their sizes."""
    from skimage.feature import hog

    described = hog(grey_hw, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), block_norm="L2-Hys")
    return np.asarray(described, dtype=np.float32)
