"""Where the objects and backgrounds of each split come from: drawn ones by number, or files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.dataset import SPLITS
from pipeline.data.mixing.cutouts import read_cutout, tight_cutout
from pipeline.data.photos import decode
from pipeline.detection_data_options import PoolSizes

_BACKGROUNDS_PER_OBJECT = 1.5


class Origin(Protocol):
    """`read`: `[h, w, 4]` BGRA of an object or `[h, w, 3]` BGR of a background, 0..255; the same at every call."""

    @property
    def name(self) -> str: ...

    def read(self) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class DrawnObject:
    seed: int
    number: int
    label: str

    @property
    def name(self) -> str:
        return f"{self.label}/drawn_{self.number:05d}"

    def read(self) -> NDArray[np.uint8]:
        from pipeline.data.sprites import draw_object

        rgba_hwc = draw_object(self.seed, self.number, self.label)
        return tight_cutout(cv2.cvtColor(rgba_hwc, cv2.COLOR_RGBA2BGRA))  # type: ignore[arg-type]


@dataclass(frozen=True)
class DrawnBackground:
    seed: int
    number: int

    @property
    def name(self) -> str:
        return f"backgrounds/drawn_{self.number:05d}"

    def read(self) -> NDArray[np.uint8]:
        from pipeline.data.sprites import draw_background

        return cv2.cvtColor(draw_background(self.seed, self.number), cv2.COLOR_RGB2BGR)  # type: ignore[return-value]


@dataclass(frozen=True)
class ObjectFile:
    path: Path
    name: str
    max_megapixels: int

    def read(self) -> NDArray[np.uint8]:
        return read_cutout(self.path, self.max_megapixels)


@dataclass(frozen=True)
class BackgroundFile:
    path: Path
    name: str
    max_side: int
    max_megapixels: int

    def read(self) -> NDArray[np.uint8]:
        with self.path.open("rb") as file:
            return np.asarray(decode(file, self.max_side, self.max_megapixels))[..., ::-1]


@dataclass(frozen=True)
class SplitPool:
    """What one split is mixed from. `objects`: class name to its objects."""

    objects: dict[str, list[Origin]]
    distractors: list[Origin]
    backgrounds: list[Origin]


@dataclass(frozen=True)
class PoolPlan:
    """`splits`: train, val and test, none of which shares an origin with another."""

    class_names: list[str]
    splits: dict[str, SplitPool]

    def origins(self) -> Iterator[Origin]:
        """All of them, in the order of the splits and there in the order of `SplitPool`."""
        for pool in self.splits.values():
            for objects in pool.objects.values():
                yield from objects
            yield from pool.distractors
            yield from pool.backgrounds

    def sizes(self) -> dict[str, Any]:
        """For the report: how many of what each split is mixed from."""
        return {
            split: {
                "objects": {name: len(origins) for name, origins in pool.objects.items()},
                "distractors": len(pool.distractors),
                "backgrounds": len(pool.backgrounds),
            }
            for split, pool in self.splits.items()
        }


def plan_drawn_pools(
    seed: int, sizes: PoolSizes, class_names: list[str], distractor_names: list[str]
) -> PoolPlan:  # fmt: skip
    """Drawn objects and backgrounds. No number is used by two splits; a larger pool keeps what a smaller one had."""
    splits = {}
    for offset, split in enumerate(SPLITS):
        size: int = getattr(sizes, split)
        numbers = [i * len(SPLITS) + offset for i in range(size)]
        few = numbers[: max(1, size // 4)]
        many = [i * len(SPLITS) + offset for i in range(max(1, round(size * _BACKGROUNDS_PER_OBJECT)))]
        splits[split] = SplitPool(
            {name: [DrawnObject(seed, number, name) for number in numbers] for name in class_names},
            [DrawnObject(seed, number, name) for name in distractor_names for number in few],
            [DrawnBackground(seed, number) for number in many],
        )
    return PoolPlan(class_names, splits)
