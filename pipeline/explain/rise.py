"""RISE: which parts of a frame a decision depends on, by hiding parts at random.

Petsiuk, Das and Saenko 2018, arXiv:1806.07421. It needs nothing but answers, so it explains the exported int8 file
itself. All variants see the same masks: the noise of a finite number of masks is then common to two maps, and an
unchanged network has exactly the same map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

MASK_CELLS = 7
KEEP_PROBABILITY = 0.5


class Masks(Protocol):
    """Masks of pixels `[S, S]`, or of the pixels of T frames `[T, S, S]`; coverage: float64, the sum of all masks."""

    @property
    def coverage(self) -> NDArray[np.float64]: ...

    def __len__(self) -> int: ...

    def mask(self, i: int) -> NDArray[np.float32]:
        """The i-th mask, 0 hidden to 1 kept."""
        ...


@dataclass(frozen=True)
class RiseMasks:
    """Masks as small grids and shifts; a mask in full size is made when it is needed, so that 10,000 cost 2 MB.

    cells: float32 `[N, k, k]` of 0 and 1; shifts: int64 `[N, 2]` in pixels; coverage: float64 `[S, S]`, the sum of
    all masks.
    """

    cells: NDArray[np.float32]
    shifts: NDArray[np.int64]
    frame_size: int
    coverage: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.cells)

    def mask(self, i: int) -> NDArray[np.float32]:
        """The i-th mask `[S, S]`, 0 hidden to 1 kept."""
        return full_mask(self.cells[i], self.shifts[i], self.frame_size)


def make_masks(
    count: int, frame_size: int, seed: int, cells: int = MASK_CELLS, keep_probability: float = KEEP_PROBABILITY
) -> RiseMasks:
    """Random masks: a grid of cells kept with `keep_probability`, upsampled bilinearly, shifted by up to one cell."""
    if count < 1 or not 1 <= cells <= frame_size:
        raise EdgeboardError(
            "RISE needs at least one mask and cells of at least a pixel",
            value=f"{count} masks, {cells} cells on {frame_size} px",
        )
    rng = np.random.default_rng(seed)
    grids = (rng.random((count, cells, cells)) < keep_probability).astype(np.float32)
    shifts = rng.integers(0, cell_size(frame_size, cells), size=(count, 2))
    coverage = np.zeros((frame_size, frame_size))
    for grid, shift in zip(grids, shifts, strict=True):
        coverage += full_mask(grid, shift, frame_size)
    return RiseMasks(grids, shifts, frame_size, coverage)


def cell_size(frame_size: int, cells: int) -> int:
    """Pixels of a cell's side, so that all cells cover the frame."""
    return -(-frame_size // cells)


def full_mask(grid: NDArray[np.float32], shift: NDArray[np.int64], frame_size: int) -> NDArray[np.float32]:
    """A grid `[k, k]` as a mask `[S, S]`, moved by `shift`: down and right, less than a cell."""
    side = (len(grid) + 1) * cell_size(frame_size, len(grid))
    upsampled = cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR)
    top, left = shift
    return upsampled[top : top + frame_size, left : left + frame_size]  # type: ignore[return-value]
