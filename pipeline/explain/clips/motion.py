"""Where something moves in a clip: the place that a decision about an action has reason to depend on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.sampling import segment_places

# Grey levels of 255: above the noise of cameras and of JPEG, below the contrast of most clothes with most walls.
_DIFFERENT = 20
_BLUR = 1.0  # pixels; takes the single pixels of noise and of edges that are not quite aligned
_CORNERS, _CORNER_DISTANCE = 200, 4
_LEAST_CORNERS = 8
_LEAST_SPREAD = 1 / 4  # of the frame
_COMPARED = 8  # moments, however long the clip


def moving_pixels(frames_thwc: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bool `[T, S, S]` of uint8 `[T, S, S, 3]`: what differs from most of the other moments of the clip.

    As subtraction of a background that is the median over time (Piccardi 2004, Background subtraction techniques: a
    review), so that neither the place counts that something has left, nor does the middle of something slow and plain
    stand still. Other moments are laid over the frame first, so that a camera that pans, turns, zooms or shakes moves
    nothing; one that walks past near things still does. A clip of one frame has no motion.
    """
    n_frames = len(frames_thwc)
    soft: list[NDArray[np.uint8]] = [cv2.GaussianBlur(one, (0, 0), _BLUR) for one in frames_thwc]
    others = sorted(set(segment_places(n_frames, min(n_frames, _COMPARED)).tolist()))
    moving = np.zeros(frames_thwc.shape[:3], dtype=bool)
    for t in range(n_frames):
        compared = [_compare(soft[t], soft[k]) for k in others if k != t]
        if compared:
            n_different, n_shown = np.sum(compared, axis=0)
            moving[t] = 2 * n_different > n_shown
    return moving


def _compare(frame_hwc: NDArray[np.uint8], other_hwc: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the other differs in any colour, and where it shows the place at all, both `[S, S]`."""
    as_it_is = cv2.absdiff(frame_hwc, other_hwc).max(axis=2)
    everywhere = np.ones_like(as_it_is)
    move = _camera_move(frame_hwc, other_hwc)
    if move is not None:
        size = frame_hwc.shape[1], frame_hwc.shape[0]
        shown = cv2.warpAffine(everywhere, move, size)
        moved = cv2.absdiff(frame_hwc, cv2.warpAffine(other_hwc, move, size)).max(axis=2) * shown
        # Where most of the picture moves, what most corners do is not what the camera does.
        if shown.any() and moved.sum() / shown.sum() < as_it_is.mean():
            return moved > _DIFFERENT, shown > 0
    return as_it_is > _DIFFERENT, everywhere > 0


def _camera_move(frame_hwc: NDArray[np.uint8], other_hwc: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """`[2, 3]`: shift, turn and zoom that lay the other over the frame, as most corners say; None if they say nothing.

    Corners by Shi and Tomasi 1994, followed by Lucas and Kanade 1981, outvoted by RANSAC, as OpenCV has them.
    """
    grey, other_grey = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (frame_hwc, other_hwc))
    corners = cv2.goodFeaturesToTrack(other_grey, _CORNERS, 0.01, _CORNER_DISTANCE)
    if corners is None or len(corners) < _LEAST_CORNERS:
        return None
    followed, found, _ = cv2.calcOpticalFlowPyrLK(other_grey, grey, corners, None)  # type: ignore[call-overload]
    found = found.ravel() == 1
    if found.sum() < _LEAST_CORNERS:
        return None
    move, agreeing = cv2.estimateAffinePartial2D(corners[found], followed[found])
    if move is None:
        return None
    # Before a plain wall all corners are on who walks past: following them would hold the walker still.
    spread = cv2.contourArea(cv2.convexHull(corners[found][agreeing.ravel() == 1]))
    return move if spread >= _LEAST_SPREAD * grey.size else None
