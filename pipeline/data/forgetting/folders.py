"""Folders that go: empty ones by their name, others with all that is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from pipeline.data.class_folders import shown
from pipeline.data.forgetting.contents import all_files
from pipeline.data.forgetting.names import NameSearch


def all_within(wholes: Sequence[Path], last: Collection[Path]) -> list[Path]:
    """Every file in the files and folders `wholes`, those of `last` last, then the folders, the deepest first."""
    files = [path for whole in wholes for path in all_files(whole)]
    folders = [folder for whole in wholes if not whole.is_symlink() for folder in [*_below(whole), whole]]
    return [*sorted(files, key=lambda path: path in last), *(folder for folder in folders if folder.is_dir())]


def folders_named(folder: Path, search: NameSearch, inside: Callable[[Path, Path], str]) -> list[Path]:
    """The folders below that are named after the person, the deepest first: by then they are empty.

    inside: what of the path of a folder below is looked at.
    """
    return [path for path in _below(folder) if search.in_text(inside(path, folder))]


def inside_folder(path: Path, folder: Path) -> str:
    return shown(path.name if path == folder else path.relative_to(folder).as_posix())


def _below(folder: Path) -> list[Path]:
    """The deepest first; links are files."""
    below = [Path(root) / name for root, names, _ in os.walk(folder, topdown=False) for name in names]
    return [path for path in below if not path.is_symlink()]
