"""The data of the task fire: drawn scenes, or photos in one folder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.data.drawn import draw_folder
from pipeline.data.folder import import_folder
from pipeline.data.workers import Progress
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_folder
from pipeline.options import PhotoData


def generate_fire(
    params: PhotoData, seed: int, out: Path, workers: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Make the data folder `out` as a whole or leave what stood there; gives its report (see `pipeline.data.dataset`).

    The bytes depend on `params`, `seed` and the photos only, not on `workers` (None: all cores). `progress` is called
    with the pictures done and their number. Raises EdgeboardError for photos that cannot make a data set and for a
    disk that is full or read-only.
    """
    if params.is_synthetic and params.test_source is not None:
        raise EdgeboardError(
            "test_source needs a folder of photos as source",
            where="data.fire.test_source",
            value=f"{params.test_source}, with source: synthetic",
            mend="set test_source: null, or source to a folder with the same classes",
        )
    with replacing_folder(out) as folder:
        if params.is_synthetic:
            return draw_folder(folder, params.count.model_dump(), seed, workers, progress)
        return import_folder(
            folder,
            "fire",
            Path(params.source),
            Path(params.test_source) if params.test_source is not None else None,
            params.split.model_dump(),
            near_duplicate_bits=params.near_duplicate_bits,
            max_side=params.max_side,
            max_megapixels=params.max_megapixels,
            seed=seed,
            workers=workers,
            progress=progress,
        )
