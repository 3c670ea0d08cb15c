"""What lies in a folder of photos with one sub-folder per class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data.photos import SUFFIXES
from pipeline.errors import EdgeboardError

_LAYOUT = "a folder with one sub-folder of photos per class, two classes or more"


@dataclass
class ClassFolders:
    """`photos`: class name to the paths of its photos relative to `root`, sorted. The rest was passed over."""

    root: Path
    photos: dict[str, list[str]]
    not_photos: int = 0
    hidden: int = 0
    linked_folders: list[str] = field(default_factory=list)

    @property
    def class_names(self) -> list[str]:
        return list(self.photos)


def list_class_folders(root: Path, where: str) -> ClassFolders:
    """Classes are the sub-folders of `root`, sorted by name; photos may lie in folders below them.

    Hidden entries and other files are counted and passed over; linked photos are used, linked folders are not
    entered. Raises EdgeboardError where there are fewer than two classes, or a folder cannot be read.
    """
    found = ClassFolders(root, {})
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.startswith("."):
                found.hidden += 1
            elif entry.is_symlink() and entry.is_dir():
                found.linked_folders.append(shown(entry.name))
            elif entry.is_dir():
                _check_class_name(entry.name, where)
                found.photos[entry.name] = sorted(_walk(found, entry.name))
            else:
                found.not_photos += 1
    except OSError as error:
        raise EdgeboardError(
            "The folder of photos cannot be read",
            where=where,
            value=f"{error.filename or root}: {error.strerror}",
            allowed=_LAYOUT,
        ) from None
    if len(found.photos) < 2:
        only = f"only one class folder, {next(iter(found.photos))}" if found.photos else "no class folder"
        linked = f"; linked folders are not entered: {', '.join(found.linked_folders)}" if found.linked_folders else ""
        raise EdgeboardError(
            "Photos of at least two classes are needed",
            where=where,
            value=f"{root} has {only}{linked}",
            allowed=_LAYOUT,
            mend=f"put the photos of each class into a folder of its own, {root}/<class>/",
        )
    return found


def shown(name: str) -> str:
    """A file name as it can be printed and written as UTF-8, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "replace")


def _check_class_name(name: str, where: str) -> None:
    if shown(name) != name:
        raise EdgeboardError(
            "The name of a class folder is not valid UTF-8", where=where, value=shown(name), mend="rename the folder"
        )


def _walk(found: ClassFolders, class_name: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for folder, folder_names, file_names in os.walk(found.root / class_name, onerror=refuse):
        inside = Path(folder).relative_to(found.root)
        for name in [*folder_names]:
            linked = (Path(folder) / name).is_symlink()
            if linked or name.startswith("."):
                folder_names.remove(name)
                found.hidden += name.startswith(".")
                if linked:
                    found.linked_folders.append(shown(str(inside / name)))
        for name in file_names:
            if name.startswith("."):
                found.hidden += 1
            elif Path(name).suffix.lower() in SUFFIXES:
                yield (inside / name).as_posix()
            else:
                found.not_photos += 1
