"""A folder that is made over a long time: kept beside its place when interrupted, moved there when it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeline.files import full_disk_error, remove_leftovers, writing_errors

_HERE = Path(__file__).parent


@contextlib.contextmanager
def resuming_folder(folder: Path, key: str) -> Iterator[Path]:
    """Give the folder in which `folder` is made, with what an interrupted run with the same `key` left there.

    When the block ends well it takes the place of `folder`; on any error what stood there before stays as it was.
    What was made is kept for the next run, unless the disk failed. Remains of runs with other keys are removed.
    """
    with writing_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        partial = folder.parent / f".{folder.name}.partial-{key[:16]}"
        for other in folder.parent.glob(f".{folder.name}.partial-*"):
            if other != partial:
                shutil.rmtree(other, ignore_errors=True)
        partial.mkdir(exist_ok=True)
        try:
            yield partial
            if folder.exists():
                retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}.tmp-", dir=folder.parent))
                folder.rename(retired / "old")
                partial.rename(folder)
                shutil.rmtree(retired, ignore_errors=True)
            else:
                partial.rename(folder)
        except Exception as error:
            full = full_disk_error(error, folder.parent)  # asked before what fills the disk is removed
            if full or isinstance(error, OSError):
                shutil.rmtree(partial, ignore_errors=True)
            if full:
                raise full from error
            raise


def code_fingerprint() -> str:
    """Names what the pixels depend on beside options and sources: our code and the libraries that compute them."""
    digest = hashlib.sha256(f"{cv2.__version__} {np.__version__}".encode())
    for package in (_HERE, _HERE.parent / "sprites"):
        for path in sorted(package.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
