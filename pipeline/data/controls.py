"""What a model reaches that sees colours only: the number that a network must beat to have learned shapes."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import read_image, read_index, resize

_SIDE = 112
_BINS = 8


class Control(TypedDict):
    """A fraction of the test split with its 95 % Wilson interval; `n` is the number of test pictures."""

    value: float
    low: float
    high: float
    n: int


def histogram_control(data_folder: Path, class_names: list[str]) -> Control:
    """Test accuracy 0..1 of a logistic regression on the 8 x 8 x 8 RGB histogram of each picture.

    It is trained on the train split, standardised, of the data folder that holds index.csv.
    """
    # Half a second of imports that only this number needs.
    from scipy.stats import binomtest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    index = read_index(data_folder)
    names = np.array(class_names)
    features: dict[str, NDArray[np.float32]] = {}
    labels: dict[str, NDArray[np.int64]] = {}
    for split in ("train", "test"):
        rows = index[index["split"] == split]
        features[split] = np.stack([colour_histogram(read_image(data_folder / name)) for name in rows["file"]])
        labels[split] = np.array([int(np.flatnonzero(names == label)[0]) for label in rows["label"]], dtype=np.int64)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    with threadpool_limits(1):  # sums in another order could move a picture that lies on the border
        model.fit(features["train"], labels["train"])
        hits = int(np.count_nonzero(model.predict(features["test"]) == labels["test"]))
    n = len(labels["test"])
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return Control(value=hits / n, low=float(interval.low), high=float(interval.high), n=n)


def colour_histogram(image_hwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`[H, W, 3]` RGB to `[512]`: the square root of the share of the pixels in each of 8 x 8 x 8 colour cells."""
    small = resize(image_hwc, _SIDE)
    counts = cv2.calcHist([small], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3).ravel()
    return np.sqrt(counts / (_SIDE * _SIDE)).astype(np.float32)
