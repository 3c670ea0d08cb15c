"""Room for the pixels of many clips: 9537, as UCF101 has for training, of 16 frames of 112 px each are 5.7 GB."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

IN_MEMORY_BYTES = 2**30


def room_for(shape: tuple[int, ...], folder: Path) -> NDArray[np.uint8]:
    """An array of uint8 to be filled: in memory up to IN_MEMORY_BYTES, else in a file without a name in `folder`.

    What of the file was used last stays in memory as far as there is any, which the system decides, and the file goes
    with the array. Raises EdgeboardError where the disk has no room for it.
    """
    size = math.prod(shape)
    if size <= IN_MEMORY_BYTES:
        return np.empty(shape, dtype=np.uint8)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            # Taken at once: a disk that is full later ends the process where a page is written.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.asarray(np.memmap(file, dtype=np.uint8, mode="r+", shape=shape))
    except OSError as error:
        raise EdgeboardError(
            "There is no room for the frames of the clips beside the data folder",
            where=folder,
            value=f"{error.strerror}; {size / 1e9:.1f} GB are needed while a stage works",
            mend="make room, or lower train.<task>.frame_size or data.<task>.seconds",
        ) from None
