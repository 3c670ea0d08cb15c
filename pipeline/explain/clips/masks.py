"""RISE over space and time: masks that hide parts of some frames of a clip.

Petsiuk, Das and Saenko 2018 (arXiv:1806.07421), with time as a third axis of the grid, as in the video RISE of
Gaya-Morey et al. 2024 (REVEX, arXiv:2401.11796). Masks that are optimised instead (Fong et al. 2019, arXiv:1910.08485;
for videos Li et al. 2021, arXiv:2109.00222) need gradients, which an exported int8 file has not.

What a network of differences sees is hidden by masks that last as long as the clip. Seen on 12 drawn clips that move,
with an int8 tsm_resnet8 and 128 masks: masks of 4 x 7 x 7 cells gave maps whose halves agreed with a rank correlation
of 0.33 and had 1.10 times the energy of chance where something moves; these 0.72 and 1.31. Insertion minus deletion was
0.52 and 0.50 (of random maps with 4 x 7 x 7 cells -0.05, with a standard error of 0.05). 4 x 5 x 5 cells
and products of masks of places and of moments lay between or below. Which frame matters is asked without masks, see
`temporal.frame_importance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.hiding import CHANGE, Hiding
from pipeline.explain.rise import KEEP_PROBABILITY, MASK_CELLS, cell_size, full_mask

TIME_CELLS = 4
_CELLS_OF_CHANGE, _KEEP_OF_CHANGE = 5, 0.3


@dataclass(frozen=True, eq=False)
class ClipMasks:
    """Masks as small grids and shifts, like RiseMasks.

    cells: float32 `[N, kt, k, k]` of 0 and 1; shifts: int64 `[N, 2]` in pixels; delays: int64 `[N]` in frames;
    coverage: float64 `[T, S, S]`, the sum of all masks.
    """

    cells: NDArray[np.float32]
    shifts: NDArray[np.int64]
    delays: NDArray[np.int64]
    coverage: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.cells)

    def mask(self, i: int) -> NDArray[np.float32]:
        """The i-th mask `[T, S, S]`, 0 hidden to 1 kept."""
        return _full_clip_mask(self.cells[i], self.shifts[i], int(self.delays[i]), self.coverage.shape)


def masks_of_clips(hiding: Hiding, count: int, clip_frames: int, frame_size: int, seed: int) -> ClipMasks:
    """The masks that RISE takes for what is hidden: of colour they change with time, of change they do not."""
    if hiding is not CHANGE:
        return make_clip_masks(count, clip_frames, frame_size, seed)
    return make_clip_masks(
        count, clip_frames, frame_size, seed, time_cells=1, cells=_CELLS_OF_CHANGE, keep_probability=_KEEP_OF_CHANGE
    )


def make_clip_masks(
    count: int,
    clip_frames: int,
    frame_size: int,
    seed: int,
    time_cells: int = TIME_CELLS,
    cells: int = MASK_CELLS,
    keep_probability: float = KEEP_PROBABILITY,
) -> ClipMasks:
    """Random masks: a grid of cells kept with `keep_probability`, upsampled trilinearly, shifted by up to one cell.

    A clip of fewer frames than `time_cells` has a cell for each frame; with one frame the masks are those of
    `pipeline.explain.rise.make_masks`.
    """
    if count < 1 or clip_frames < 1 or time_cells < 1 or not 1 <= cells <= frame_size:
        raise EdgeboardError(
            "RISE needs at least one mask, one frame, and cells of at least a pixel",
            value=f"{count} masks, {time_cells} × {cells} × {cells} cells on {clip_frames} frames of {frame_size} px",
        )
    time_cells = min(time_cells, clip_frames)
    rng = np.random.default_rng(seed)
    grids = (rng.random((count, time_cells, cells, cells)) < keep_probability).astype(np.float32)
    shifts = rng.integers(0, cell_size(frame_size, cells), size=(count, 2))
    delays = rng.integers(0, cell_size(clip_frames, time_cells), size=count)
    shape = (clip_frames, frame_size, frame_size)
    coverage = np.zeros(shape)
    for grid, shift, delay in zip(grids, shifts, delays.tolist(), strict=True):
        coverage += _full_clip_mask(grid, shift, delay, shape)
    return ClipMasks(grids, shifts, delays, coverage)


def _full_clip_mask(
    grid: NDArray[np.float32], shift: NDArray[np.int64], delay: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    n_cells, side = grid.shape[0], grid.shape[1]
    n_frames, frame_size = shape[0], shape[1]
    length = (n_cells + 1) * cell_size(n_frames, n_cells)
    # Linear along time first, on the small grid: a column of a picture for each cell, as long as the clip.
    columns = cv2.resize(grid.reshape(n_cells, side * side), (side * side, length), interpolation=cv2.INTER_LINEAR)
    moments: NDArray[np.float32] = columns[delay : delay + n_frames].reshape(n_frames, side, side)  # type: ignore[assignment]
    return np.stack([full_mask(moment, shift, frame_size) for moment in moments])
