"""Photos to test with: drawn here, cheap, and as unlike each other as perceptual hashes need."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.options import PhotoData


def a_photo(seed: int, size: int = 64) -> Image.Image:
    """Coarse coloured patches: two seeds are far apart in perceptual hash, one seed is always the same."""
    lattice = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(lattice, (size, size), interpolation=cv2.INTER_CUBIC))


def fill(folder: Path, seeds: range, size: int = 64) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        a_photo(seed, size).save(folder / f"photo_{seed:03d}.jpg", quality=92)


def options(source: Path | str, test_source: Path | None = None, **changes: object) -> PhotoData:
    values: dict[str, object] = {
        "source": str(source),
        "test_source": str(test_source) if test_source else None,
        "count": {"train": 12, "val": 6, "test": 6},
        "split": {"train": 0.6, "val": 0.2, "test": 0.2},
        "near_duplicate_bits": 6,
        "max_side": 96,
        "max_megapixels": 100,
    }
    return PhotoData.model_validate(values | changes)


@contextlib.contextmanager
def mounted_tmpfs(folder: Path, flags: str) -> Iterator[Path]:
    """A file system of its own: the one way to a full or a read-only disk that also stops root."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", flags, "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this test may not mount a tmpfs: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, flags: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{flags}", str(folder)], check=True)


def all_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`: relative path to content."""
    return {
        str((Path(parent) / name).relative_to(folder)): (Path(parent) / name).read_bytes()
        for parent, _, names in os.walk(folder)
        for name in names
    }
