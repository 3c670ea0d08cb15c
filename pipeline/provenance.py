"""What makes a measured number repeatable: the commit it was made at and the libraries it was made with."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Sequence

LIBRARIES = (
    "torch",
    "torchvision",
    "torch-pruning",
    "lightning",
    "captum",
    "onnx",
    "onnxruntime",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pillow",
    "tensorrt-rtx",
)


def library_versions(names: Sequence[str] = LIBRARIES) -> dict[str, str | None]:
    """Installed version of each distribution, None where it is not installed. Imports none of them."""
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def git_state() -> tuple[str | None, bool | None]:
    """Commit (40 hex digits) and whether the tree differs from it; (None, None) where git or a commit is missing.

    dvc.lock is left out: DVC rewrites it while a run goes on, and it records results, not what made them.
    """
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _git("status", "--porcelain", "--", ":(top)", ":(top,exclude)dvc.lock")
    return commit, None if changes is None else bool(changes)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
