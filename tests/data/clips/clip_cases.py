"""Videos of moving things to test with, and folders of them in the layouts that are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clip_data_options import ClipData
from tests.data.photo_cases import a_photo
from tests.data.recordings.video_cases import write_video


def moving(seed: int, count: int = 20, width: int = 64, height: int = 48, step: int = 2) -> list[NDArray[np.uint8]]:
    """A white block that moves to the right by `step` pixels a frame over a background of its own."""
    background = cv2.resize(np.asarray(a_photo(seed)), (width, height))
    frames = []
    for i in range(count):
        frame = background.copy()
        left = i * step % (width - 12)
        frame[height // 3 : height // 3 + 12, left : left + 12] = 255
        frames.append(frame)
    return frames


def write_clip(path: Path, seed: int, count: int = 20, rate: int = 10, **changes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = "mpeg4" if path.suffix == ".avi" else "libx264"
    return write_video(path, moving(seed, count, **changes), rate=rate, codec=codec)


def write_classes(root: Path, names: Sequence[str] = ("fall", "walk"), each: int = 4, **changes: Any) -> Path:
    """A folder per class, `each` videos in each, all unlike each other."""
    for number, name in enumerate(names):
        for i in range(each):
            write_clip(root / name / f"video {i}.mp4", 100 * number + i, **changes)
    return root


def touch(root: Path, *names: str) -> Path:
    """Empty files, for what is only listed."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def options(source: Path | str, **changes: Any) -> ClipData:
    """Clips of eight frames at 8 fps, small."""
    values: dict[str, Any] = {
        "source": str(source),
        "seconds": 1.0,
        "stride_seconds": 0.5,
        "max_side": 48,
        "split": {"train": 0.5, "val": 0.25, "test": 0.25},
    }
    return ClipData(**{**values, **changes})
