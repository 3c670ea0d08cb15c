"""Which part of a face a map points at. Crops are aligned, so that every part has its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.tasks.face_alignment import usual_places

# Radii as fractions of the distance between the eyes.
_RADII = {"eyes": 0.42, "nose": 0.42, "mouth": 0.5}
_FACE_RADII = (1.25, 1.6)
PARTS = (*_RADII, "rest of the face", "outside")


def face_parts(size: int, crop_margin: float) -> dict[str, NDArray[np.bool_]]:
    """Masks `[size, size]` of PARTS; every pixel is in one of them, a nearer centre first."""
    places = usual_places(size, crop_margin)
    left, right, nose, mouth_left, mouth_right = places
    between = float(np.linalg.norm(right - left))
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)

    def near(centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
        return np.asarray((x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= (radius * between) ** 2)

    found = {
        "eyes": near(left, _RADII["eyes"]) | near(right, _RADII["eyes"]),
        "nose": near(nose, _RADII["nose"]),
        "mouth": near((mouth_left + mouth_right) / 2, _RADII["mouth"]),
    }
    middle = places.mean(axis=0)
    wide, tall = (radius * between for radius in _FACE_RADII)
    face = ((x - middle[0]) / wide) ** 2 + ((y - middle[1]) / tall) ** 2 <= 1
    found["rest of the face"] = np.asarray(face)
    masks: dict[str, NDArray[np.bool_]] = {}
    taken = np.zeros((size, size), dtype=np.bool_)
    for name, mask in found.items():
        masks[name] = mask & ~taken
        taken |= mask
    masks["outside"] = ~taken
    return masks


def energy_in_parts(maps_nhw: NDArray[np.float32], crop_margin: float) -> dict[str, dict[str, float]]:
    """Per part the share of the maps' positive energy, mean over the maps, beside the share of the area."""
    masks = face_parts(maps_nhw.shape[1], crop_margin)
    positive = np.maximum(maps_nhw.astype(np.float64) - maps_nhw.min(axis=(1, 2), keepdims=True), 0)
    totals = positive.sum(axis=(1, 2))
    used = totals > 0
    shares = {}
    for name, mask in masks.items():
        share = (positive[used] * mask).sum(axis=(1, 2)) / totals[used]
        shares[name] = {"energy": float(share.mean()) if used.any() else 0.0, "area": float(mask.mean())}
    return shares
