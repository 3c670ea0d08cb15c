"""What lies in a folder of recordings with one sub-folder per person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.data import photos
from pipeline.data.class_folders import shown
from pipeline.data.folder import Skipped
from pipeline.data.recordings import video
from pipeline.data.recordings.person_names import as_person, folder_name
from pipeline.errors import EdgeboardError
from pipeline.tasks.gallery import GalleryError, usable_name

Kind = Literal["video", "photo"]
_LAYOUT = "a folder with one sub-folder per person, holding videos (.mp4 .mov .avi .mkv .webm) or photos (.jpg .png)"


@dataclass(frozen=True, order=True)
class Recording:
    """One video or one photo of `person`. `name`: its path from the folder of all persons, as reports show it."""

    person: str
    name: str
    path: Path
    kind: Kind


@dataclass
class FoundRecordings:
    """`recordings` are sorted by person and name. `hidden`: how many hidden entries were passed over."""

    recordings: list[Recording] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    hidden: int = 0

    @property
    def persons(self) -> list[str]:
        return sorted({recording.person for recording in self.recordings})


def find_recordings(root: Path, where: str) -> FoundRecordings:
    """Persons are the sub-folders of `root`; their videos and photos may lie in folders below them.

    Linked files are used, linked folders are not entered. What is neither a video nor a photo, and a person with
    nothing, is in `skipped`. Raises EdgeboardError where a folder cannot be read, nothing is found, a person's name
    cannot be used, by a gallery neither, or two folders have the same name in two spellings: of Unicode, or of capital
    and small letters.
    """
    found = FoundRecordings()
    homes: dict[str, str] = {}
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.startswith("."):
                found.hidden += 1
            elif entry.is_symlink() and entry.is_dir():
                found.skipped.append(Skipped(shown(entry.name), "a linked folder is not entered"))
            elif entry.is_dir():
                _add_person(found, homes, root, entry.name, where)
            else:
                found.skipped.append(Skipped(shown(entry.name), "lies in no person's folder"))
    except OSError as error:
        raise EdgeboardError(
            "The folder of recordings cannot be read",
            where=where,
            value=f"{shown(str(error.filename or root))}: {error.strerror}",
            allowed=_LAYOUT,
        ) from None
    if not found.recordings:
        raise EdgeboardError(
            "There is no recording of any person",
            where=where,
            value=root,
            allowed=_LAYOUT,
            mend=f"put the recordings of each person into a folder of their own, {root}/<person>/",
        )
    found.recordings.sort()
    found.skipped.sort(key=lambda entry: (entry.file, entry.reason))
    return found


def _add_person(found: FoundRecordings, homes: dict[str, str], root: Path, folder: str, where: str) -> None:
    # All refused here, and not when the first file is written after an hour, or the gallery when all is trained.
    person = as_person(folder)
    folder_name(person)
    try:
        usable_name(person)
    except GalleryError as error:
        raise EdgeboardError(**{"where": where, **error.parts, "mend": "rename the folder"}) from None
    same = homes.setdefault(person.casefold(), folder)
    if same != folder:
        raise EdgeboardError(
            "Two folders have the same name in two spellings",
            where=where,
            value=f"{person}: {same!a} and {folder!a}",
            mend="put their files into one folder, or rename one",
        )
    before = len(found.recordings)
    for path in _walk(found, root, folder):
        name = path.relative_to(root).as_posix()
        kind = _kind(path)
        if kind is None:
            found.skipped.append(Skipped(shown(name), "neither a video nor a photo by its suffix"))
        elif shown(name) != name:
            found.skipped.append(Skipped(shown(name), "its name is not valid UTF-8"))
        elif not path.is_file():
            found.skipped.append(Skipped(name, "not a file, or a link to nothing"))
        else:
            found.recordings.append(Recording(person, name, path, kind))
    if len(found.recordings) == before:
        found.skipped.append(Skipped(f"{folder}/", "a person without any video or photo"))


def _walk(found: FoundRecordings, root: Path, folder: str) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, folder_names, file_names in os.walk(root / folder, onerror=refuse):
        inside = Path(parent)
        for name in [*folder_names]:
            linked = (inside / name).is_symlink()
            if linked or name.startswith("."):
                folder_names.remove(name)
                found.hidden += name.startswith(".")
                if linked and not name.startswith("."):
                    path = shown((inside / name).relative_to(root).as_posix())
                    found.skipped.append(Skipped(path, "a linked folder is not entered"))
        for name in file_names:
            if name.startswith("."):
                found.hidden += 1
            else:
                yield inside / name


def _kind(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    if suffix in video.SUFFIXES:
        return "video"
    return "photo" if suffix in photos.SUFFIXES else None
