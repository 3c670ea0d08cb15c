"""Which layout a source of videos has. They are read as they are, and recognised by what is there.

- A folder with a sub-folder per class. That is also UCF101 and HMDB51 as they are unpacked, or as mmaction2 wants them,
  in `videos` beside `annotations`. Lists of the official splits are used (see official_lists).
- A folder with `train`, `val` and perhaps `test` (or `videos_train`, ...), and the classes in each: Kinetics as it is
  downloaded by mmaction2 or the Common Visual Data Foundation.
- A list of mmaction2, a line for each video, or the .csv files of Kinetics (see annotation_lists).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from pipeline.data.class_folders import shown
from pipeline.data.clips.annotation_lists import read_kinetics_table, read_list
from pipeline.data.clips.official_lists import LIST_FOLDERS, read_official_splits
from pipeline.data.clips.source_names import with_groups
from pipeline.data.clips.videos import VIDEO_SUFFIXES, FoundVideos, Video, class_name_mistake, is_video
from pipeline.data.folder import Skipped
from pipeline.errors import EdgeboardError

CLASS_FOLDERS = "a folder per class"
SPLIT_FOLDERS = "a folder per split, and in it one per class"
_SPLITS = {"train": "train", "val": "val", "valid": "val", "validate": "val", "validation": "val", "test": "test"}


def find_videos(source: Path, video_root: Path | None, known: list[str] | None, where: str) -> FoundVideos:
    """The videos of a folder or list, sorted by name, each with its class and, where the source tells it, its split.

    known: the classes there may be, in the order of their numbers; None: those that the source names itself.
    Raises EdgeboardError for a source that cannot be read or holds no video, and for a list with mistakes.
    """
    if source.is_dir():
        found = _find_in_folder(source, where)
    elif source.suffix.lower() == ".csv":
        found = read_kinetics_table(source, video_root or source.parent, known, where)
    else:
        found = read_list(source, video_root or source.parent, known, where)
    if not found.videos:
        raise EdgeboardError(
            "There is no video",
            where=where,
            value=source,
            allowed=f"videos ({VIDEO_SUFFIXES}) in a folder per class, or an annotation list",
            mend="put the videos of each class into a folder of its own, <source>/<class>/",
        )
    found.videos, found.names_as = with_groups(sorted(found.videos))
    if found.layout == CLASS_FOLDERS:
        read_official_splits(source, found, where)
    found.skipped.sort(key=lambda entry: (entry.file, entry.reason))
    return found


def _find_in_folder(root: Path, where: str) -> FoundVideos:
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        splits = {name: _SPLITS.get(name.lower().removeprefix("videos_")) for name in names}
        has_splits = "train" in splits.values() and all(splits.values())
        if has_splits and not any(is_video(path) for name in names for path in (root / name).iterdir()):
            found = FoundVideos(SPLIT_FOLDERS, splits_from="the folders")
            for name, split in splits.items():
                _add_classes(found, root, root / name, split, where)
        else:
            found = FoundVideos(CLASS_FOLDERS)
            is_of_mmaction = "videos" in names and set(names) <= {"videos", *LIST_FOLDERS}
            _add_classes(found, root, root / "videos" if is_of_mmaction else root, None, where)
    except OSError as error:
        raise EdgeboardError(
            "The folder of videos cannot be read",
            where=where,
            value=f"{shown(str(error.filename or root))}: {error.strerror}",
        ) from None
    found.class_names = sorted({one.label for one in found.videos})
    return found


def _add_classes(found: FoundVideos, root: Path, folder: Path, split: str | None, where: str) -> None:
    homes: dict[str, str] = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = shown(Path(entry.path).relative_to(root).as_posix())
        if entry.name.startswith("."):
            found.hidden += 1
        elif entry.name in LIST_FOLDERS:
            continue
        elif not entry.is_dir():
            if is_video(Path(entry.name)):
                found.skipped.append(Skipped(name, "lies in no class's folder"))
        elif entry.is_symlink():
            found.skipped.append(Skipped(name, "a linked folder is not entered"))
        else:
            label = unicodedata.normalize("NFC", shown(entry.name))
            before = len(found.videos)
            _add_videos(found, root, Path(entry.path), label, split)
            if len(found.videos) > before:
                _check_class(label, entry.name, homes, where)
            else:
                found.skipped.append(Skipped(f"{name}/", "a folder without any video"))


def _check_class(label: str, folder: str, homes: dict[str, str], where: str) -> None:
    mistake = class_name_mistake(label) or (None if shown(folder) == folder else "is not valid UTF-8")
    if label in homes:
        mistake = f"is there in two spellings of Unicode, {homes[label]!a} and {folder!a}"
    if mistake:
        raise EdgeboardError(
            f"The name of a class folder {mistake}", where=where, value=repr(label), mend="rename the folder"
        )
    homes[label] = folder


def _add_videos(found: FoundVideos, root: Path, folder: Path, label: str, split: str | None) -> None:
    for path in _walk(found, root, folder):
        name = path.relative_to(root).as_posix()
        if not is_video(path):
            found.skipped.append(Skipped(shown(name), "not a video by its suffix"))
        elif shown(name) != name:
            found.skipped.append(Skipped(shown(name), "its name is not valid UTF-8"))
        elif not path.is_file():
            found.skipped.append(Skipped(name, "not a file, or a link to nothing"))
        else:
            found.videos.append(Video(label, name, path.relative_to(folder).as_posix(), path, given=split))


def _walk(found: FoundVideos, root: Path, folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, folder_names, file_names in os.walk(folder, onerror=refuse):
        inside = Path(parent)
        for name in [*folder_names]:
            is_hidden = name.startswith(".")
            if is_hidden or (inside / name).is_symlink():
                folder_names.remove(name)
                found.hidden += is_hidden
                if not is_hidden:
                    path = shown((inside / name).relative_to(root).as_posix())
                    found.skipped.append(Skipped(path, "a linked folder is not entered"))
        found.hidden += sum(name.startswith(".") for name in file_names)
        yield from (inside / name for name in sorted(file_names) if not name.startswith("."))
