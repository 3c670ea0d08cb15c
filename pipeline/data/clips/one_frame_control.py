"""What a model reaches that sees one frame: the number that a clip network must beat to have seen a movement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.linear_control import directions, grey, linear_control
from pipeline.data.controls import Control
from pipeline.data.dataset import Row


def one_frame_control(data_folder: Path, rows: Sequence[Row], class_names: Sequence[str], n_frames: int) -> Control:
    """Test accuracy of a linear model on the shapes (histograms of oriented gradients) in the middle frame."""
    return linear_control(data_folder, rows, class_names, n_frames, middle_shapes)


def middle_shapes(clip_lhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`[L, H, W, 3]` to `[1764]`; the other frames change nothing."""
    return directions(grey(clip_lhwc[len(clip_lhwc) // 2]))
