"""A head with its hair and what is worn on it: made once for a recording."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people import chart
from pipeline.data.people.hair import grow_hair
from pipeline.data.people.light import Surface, surface_of
from pipeline.data.people.person import Person
from pipeline.data.people.recording import Recording
from pipeline.data.people.sculpture import BACK, PIXELS_PER_UNIT, sculpt
from pipeline.data.people.worn import put_on

_HEM = 5


@dataclass(frozen=True)
class DressedHead:
    """A head with its hair and what is worn: its surface, what lies over the skin (already weighted with its density),
    how much skin is left `[H, W, 3]` 0..255, and the rectangle of the chart that all this fills, in units."""

    surface: Surface
    covers: NDArray[np.uint8]
    bare: NDArray[np.uint8]
    extent: tuple[float, float, float, float]


@lru_cache(maxsize=32)
def dress(person: Person, recording: Recording) -> DressedHead:
    """The head of a person as it is for a whole recording: hair as it lies that day, and a cap over it."""
    height = sculpt(person).height
    worn = put_on(person, recording)
    bulk = recording.hair_bulk if worn is None else min(recording.hair_bulk, 0.6)
    painted = np.zeros((chart.HEIGHT, chart.WIDTH, 3), np.uint8)
    hidden = np.zeros((chart.HEIGHT, chart.WIDTH), np.uint8)
    for cover in (grow_hair(person, bulk, recording.hair_tumbled), worn):
        if cover is None:
            continue
        painted = chart.over(painted, cover.colour, cover.mask.astype(np.float32) * np.float32(1 / 255))
        hidden = cv2.max(hidden, cover.mask)  # type: ignore[assignment]
        # The step from cover to skin lies under the cover: its side has the cover's colour.
        within = cv2.erode(cover.mask, np.ones((_HEM, _HEM), np.uint8))
        dense = cv2.resize(within, height.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        height = height + dense * np.maximum(cover.height + np.float32(0.02) - height, 0) * np.float32(1 / 255)
    rows, columns = (np.flatnonzero((height > BACK).any(axis=axis)) for axis in (1, 0))
    left, right = (chart.LEFT + (columns[end] + end) / PIXELS_PER_UNIT for end in (0, -1))
    top, bottom = (chart.TOP + (rows[end] + end) / PIXELS_PER_UNIT for end in (0, -1))
    return DressedHead(
        surface_of(height.astype(np.float32)),
        painted,
        cv2.merge([255 - hidden] * 3),  # type: ignore[arg-type]
        (left, top, right, bottom),
    )
