"""What a linear model reaches that sees only what changes: the one-frame control's other half."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.linear_control import directions, grey, linear_control
from pipeline.data.controls import Control
from pipeline.data.dataset import Row

_CELLS = 8


def motion_control(data_folder: Path, rows: Sequence[Row], class_names: Sequence[str], n_frames: int) -> Control:
    """Test accuracy of a linear model on the differences of neighbouring frames of a clip."""
    return linear_control(data_folder, rows, class_names, n_frames, changes)


def changes(clip_lhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`[L, H, W, 3]` to `[(L - 1) * 64 + 1764]`; a clip in which nothing changes gives zeros.

    How much changes in each of 8 x 8 cells from frame to frame, and the shape of all that changed in the clip (Bobick
    & Davis 2001, The recognition of human movement using temporal templates, PAMI).
    """
    greys = [grey(frame).astype(np.float32) for frame in clip_lhwc]
    differences = [np.abs(after - before) for before, after in pairwise(greys)]
    cells = [cv2.resize(one, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).ravel() for one in differences]
    changed = np.clip(np.max(differences, axis=0), 0, 255).astype(np.uint8)
    return np.concatenate([np.sqrt(np.concatenate(cells)), directions(changed)]).astype(np.float32)
