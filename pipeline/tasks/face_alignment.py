"""From a frame and five landmarks to an upright crop of the face, by numpy alone: the same on host and board.

This file is copied to the board, so it needs numpy alone and keeps to the syntax of Python 3.6.

Eyes, nose and corners of the mouth are laid onto their usual places by the similarity transform (turn, scale, shift)
of least squares (Umeyama 1991, doi:10.1109/34.88573); the places are those of ArcFace (Deng et al. 2019,
arXiv:1801.07698).
"""

from typing import Tuple

import numpy as np

# Left eye, right eye, nose, left and right corner of the mouth in ArcFace's crop of 112 x 112 pixels.
_USUAL_PLACES = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
                          [70.7299, 92.2041]])  # fmt: skip
# The side of that crop is so many times the longer side of MTCNN's box: the median over the Caltech faces, where the
# eyes are 0.347 of the box apart and 0.315 of the crop.
_SIDES_OF_BOX = 1.10


def align_crop(frame: np.ndarray, landmarks_xy: np.ndarray, size: int = 160, margin: float = 0.2) -> np.ndarray:
    """uint8 RGB `[size, size, 3]`: the face upright, of one size and in one place.

    landmarks_xy: `[5, 2]` pixels of the frame; margin: what is added to the face's box, as a fraction of its longer
    side. Beyond the frame's border its mirror image is seen. A face much larger than the crop is sampled several times
    a pixel, so that no detail turns into false patterns.
    """
    samples = samples_per_pixel(landmarks_xy, size, margin)
    side = size * samples
    turn, shift = _inverse(similarity(landmarks_xy, side, margin))
    at = np.arange(side, dtype=np.float64)
    x = turn[0, 0] * at[None] + turn[0, 1] * at[:, None] + shift[0]
    y = turn[1, 0] * at[None] + turn[1, 1] * at[:, None] + shift[1]
    pixels = _bilinear(frame, x, y)
    if samples > 1:
        pixels = pixels.reshape(size, samples, size, samples, 3).mean(axis=(1, 3))
    return np.floor(pixels + 0.5).astype(np.uint8)


def usual_places(size: int, margin: float) -> np.ndarray:
    """`[5, 2]`: where eyes, nose and corners of the mouth come to lie in a crop, in its pixels."""
    places = ((_USUAL_PLACES + 0.5) / 112 - 0.5) * _SIDES_OF_BOX / (1 + margin)
    return np.asarray((places + 0.5) * size - 0.5)


def similarity(landmarks_xy: np.ndarray, size: int, margin: float) -> np.ndarray:
    """`[2, 3]`: from pixels of the frame to pixels of the crop. Raises ValueError where the landmarks are one point."""
    targets = usual_places(size, margin)
    # As complex numbers a turn with a scale is one factor, and least squares has a closed form that cannot mirror.
    found, wanted = (points[:, 0] + 1j * points[:, 1] for points in (np.asarray(landmarks_xy, np.float64), targets))
    centred = found - found.mean()
    spread = float((np.abs(centred) ** 2).sum())
    if not (np.isfinite(spread) and spread > 0):
        raise ValueError("the landmarks must be different, finite points")
    factor = (np.conj(centred) * (wanted - wanted.mean())).sum() / spread
    shift = wanted.mean() - factor * found.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def samples_per_pixel(landmarks_xy: np.ndarray, size: int, margin: float) -> int:
    """How many samples a row and a column each pixel of the crop is the mean of: 1 unless the face is shrunk much."""
    matrix = similarity(landmarks_xy, size, margin)
    return max(1, int(1 / float(np.hypot(matrix[0, 0], matrix[1, 0]))))


def _inverse(matrix_23: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    turn = np.linalg.inv(matrix_23[:, :2])
    return turn, -turn.dot(matrix_23[:, 2])


def _bilinear(frame: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """float32 `[..., 3]`: the frame at places between its pixels."""
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_part = (x - left).astype(np.float32)[..., None]
    lower_part = (y - top).astype(np.float32)[..., None]
    columns = [_mirrored(values, frame.shape[1]) for values in (left, left + 1)]
    rows = [_mirrored(values, frame.shape[0]) for values in (top, top + 1)]
    upper, lower = (frame[row, columns[0]] * (1 - right_part) + frame[row, columns[1]] * right_part for row in rows)
    return upper * (1 - lower_part) + lower * lower_part


def _mirrored(at: np.ndarray, length: int) -> np.ndarray:
    """Indices beyond 0..length-1 mirrored at the border, which is itself seen twice: 2 1 0 | 0 1 2 | 2 1 0."""
    at = at % (2 * length)
    return np.minimum(at, 2 * length - 1 - at)
