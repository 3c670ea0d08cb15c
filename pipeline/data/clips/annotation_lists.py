"""Lists that name videos and their classes.

- mmaction2 (mmaction/datasets/video_dataset.py; written by its tools/data/build_file_list.py): a line for each video,
  its path, white space and the number of its class from 0; read here also with the name of the class instead of the
  number. The names of the numbers come from a file beside the list, `label_map*.txt` or `classes.txt` (a name a line,
  as mmaction2's tools/data/kinetics/label_map_k400.txt) or `classInd.txt` (UCF101's: number from 1, name), else from
  the folders in which the videos lie, where each number has one folder of its own. A folder that is called after
  another class than that of the number tells that the numbers mean something else; UCF101's own lists count from 1.
- Kinetics (deepmind's train.csv, validate.csv, test.csv; mmaction2's kinetics_train.csv): label, youtube_id,
  time_start, time_end, split. The videos are those that the downloaders of ActivityNet and mmaction2 write:
  `<youtube_id>_<start, six digits>_<end>` in any folder below the root, or the bare `<youtube_id>`. Clips of one video
  on YouTube belong together.

Such a list was made from the videos that are there, so that a missing file in a list of mmaction2 is a mistake; of
Kinetics, videos disappear every day, and what is not there is passed over, with their number in the report.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from pipeline.data.class_folders import shown
from pipeline.data.clips.list_lines import read_lines, read_table, refuse_mistakes
from pipeline.data.clips.videos import FoundVideos, Video, class_name_mistake, is_video, nearest
from pipeline.data.folder import Skipped

MMACTION_LIST = "a list of mmaction2"
KINETICS_TABLE = "a table of Kinetics"
_LINE_FORM = "<path of the video> <number of its class from 0, or its name>"
_COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_SPLITS = {"train": "train", "val": "val", "validate": "val", "validation": "val", "test": "test"}


def read_list(path: Path, root: Path, known: list[str] | None, where: str) -> FoundVideos:
    """A list of mmaction2. `known`: the class names in the order of their numbers; None: as the docstring says.

    Raises EdgeboardError that names every wrong line: an unknown class, a number out of range, a file that is not
    there, a path that comes twice.
    """
    entries: list[tuple[int, str, str]] = []
    mistakes: list[str] = []
    for number, line in read_lines(path, where):
        match = re.fullmatch(r"(.*\S)\s+(\S+)", line)
        if match:
            entries.append((number, match[1], match[2]))
        else:
            mistakes.append(f"line {number}: no class behind the path: {line!r}")
    names, names_from = (known, None) if known is not None else _class_names(path, entries, where)
    found = FoundVideos(MMACTION_LIST + (f", classes as in {names_from}" if names_from else ""), list(names))
    lines_of: dict[str, int] = {}
    for number, name, label in entries:
        mistake = _label_mistake(label, names) or _folder_mistake(name, label, names) or _path_mistake(root, name)
        if mistake is None and name in lines_of:
            mistake = f"{name!r} is named in line {lines_of[name]} already"
        if mistake:
            mistakes.append(f"line {number}: {mistake}")
            continue
        lines_of[name] = number
        class_name = names[int(label)] if _is_number(label) else label
        found.videos.append(Video(class_name, name, name, root / name))
    refuse_mistakes(path, mistakes, _LINE_FORM, where)
    return found


def read_kinetics_table(path: Path, root: Path, known: list[str] | None, where: str) -> FoundVideos:
    """A .csv file of Kinetics; what it calls train, validate and test are the splits.

    known: the class names there may be; None: all that it names. Raises EdgeboardError for a table without the four
    columns, and one that names every wrong line.
    """
    rows = read_table(
        path,
        where,
        _COLUMNS,
        "A table does not have the columns of Kinetics",
        optional=["split"],
        mend="a table without labels, as that of the test split, cannot be used",
    )
    there = _videos_below(root)
    found = FoundVideos(KINETICS_TABLE)
    mistakes: list[str] = []
    missing: list[str] = []
    names_splits = any((row.get("split") or "").strip() for _, row in rows)
    lines_of: dict[tuple[str, str], int] = {}
    for line, row in rows:
        stem, mistake = _kinetics_stem(row, known)
        mistake = mistake or _split_mistake(row, names_splits)
        clip = (stem, row["label"])
        if mistake is None and clip in lines_of:
            mistake = f"{stem} is named in line {lines_of[clip]} already"
        if mistake:
            mistakes.append(f"line {line}: {mistake}")
            continue
        lines_of[clip] = line
        video = _nearest_home(there.get(stem) or there.get(row["youtube_id"]) or [], row["label"])
        if video is None:
            missing.append(f"line {line}, {stem}")
            continue
        name = video.relative_to(root).as_posix()
        split = _SPLITS.get((row.get("split") or "").strip().lower())
        found.videos.append(Video(row["label"], name, name, video, row["youtube_id"], split))
    refuse_mistakes(path, mistakes, ", ".join((*_COLUMNS, "split")), where)
    if missing:
        # In one line: of a table of thousands somebody may have a few hundred only.
        found.skipped.append(Skipped(path.name, f"{len(missing)} videos are not there, as that of {missing[0]}"))
    if any(one.given for one in found.videos):
        found.splits_from = f"the column split of {path.name}"
    found.class_names = sorted({one.label for one in found.videos}) if known is None else list(known)
    return found


def _class_names(path: Path, entries: list[tuple[int, str, str]], where: str) -> tuple[list[str], str | None]:
    for pattern in ("label_map*.txt", "classes.txt", "classInd.txt"):
        for file in sorted(path.parent.glob(pattern)):
            lines = [line for _, line in read_lines(file, where)]
            if file.name == "classInd.txt":
                lines = [line.partition(" ")[2].strip() for line in lines]
            return lines, file.name
    words = sorted({label for _, _, label in entries if not _is_number(label)})
    if words:
        # A number among names would be the place of a name in this very list, which whoever wrote it had not seen.
        mistakes = [
            f"line {line}: class {label} has a number, other lines have names, as {words[0]!r}"
            for line, _, label in entries
            if _is_number(label)
        ]
        refuse_mistakes(path, mistakes, f"{_LINE_FORM}, the same in all lines, or a file classes.txt beside it", where)
        return words, None
    # As build_file_list.py writes them, the videos of each class lie in a folder named after it.
    folders: dict[int, set[str]] = defaultdict(set)
    for _, name, label in entries:
        folders[int(label)].add(PurePosixPath(name).parent.name)
    names = [next(iter(folders[number])) for number in range(len(folders)) if len(folders.get(number, ())) == 1]
    if len(names) == len(folders) == len(set(names)) and all(names):
        return names, "the names of the folders"
    return [f"class {number}" for number in range(max(folders, default=-1) + 1)], None


def _is_number(label: str) -> bool:
    return re.fullmatch(r"[0-9]+", label) is not None


def _label_mistake(label: str, names: list[str]) -> str | None:
    if _is_number(label):
        return None if int(label) < len(names) else f"class {label} is above {len(names) - 1}, the last one"
    if label not in names:
        return f"there is no class {label!r}{nearest(label, names)}"
    return class_name_mistake(label) and f"the name of the class {label!r} {class_name_mistake(label)}"


def _folder_mistake(name: str, label: str, names: list[str]) -> str | None:
    """Where the folder of a video is called after one class, and its number is that of another."""
    folder = PurePosixPath(name).parent.name
    if not _is_number(label) or folder not in names or names[int(label)] == folder:
        return None
    number = names.index(folder)
    from_1 = "; it counts from 1, and must count from 0" if int(label) == number + 1 else f", which is {number}"
    return f"class {label} is {names[int(label)]!r}, but {name!r} lies in the folder {folder!r}{from_1}"


def _path_mistake(root: Path, name: str) -> str | None:
    if (root / name).is_file():
        return None if is_video(Path(name)) else f"{name!r} is not a video by its suffix"
    several = "; lists of extracted frames or of several classes are not read" if re.search(r"\s\d+$", name) else ""
    return f"there is no file {name!r} in {root}{several}"


def _split_mistake(row: dict[str, str], names_splits: bool) -> str | None:
    split = (row.get("split") or "").strip()
    if split:
        return None if split.lower() in _SPLITS else f"there is no split {split!r}{nearest(split, list(_SPLITS))}"
    return "no split, though other lines have one" if names_splits else None


def _kinetics_stem(row: dict[str, str], known: list[str] | None) -> tuple[str, str | None]:
    label, video = row["label"] or "", row["youtube_id"] or ""
    try:
        start, end = (int(float(row[name])) for name in ("time_start", "time_end"))
    except (TypeError, ValueError):
        return "", f"no number of seconds: {row['time_start']!r}, {row['time_end']!r}"
    if known is not None and label not in known:
        return "", f"there is no class {label!r}{nearest(label, known)}"
    if class_name_mistake(label):
        return "", f"the name of the class {label!r} {class_name_mistake(label)}"
    return f"{video}_{start:06d}_{end:06d}", None if video else "no youtube_id"


def _videos_below(root: Path) -> dict[str, list[Path]]:
    """Stem to the paths of the videos with it."""
    there: dict[str, list[Path]] = defaultdict(list)
    for parent, _, names in os.walk(root):
        for name in names:
            if is_video(Path(name)) and shown(name) == name:
                there[Path(name).stem].append(Path(parent) / name)
    return there


def _nearest_home(paths: list[Path], label: str) -> Path | None:
    """The one in the folder of its class, of several with the same stem; mmaction2 writes _ for a space."""
    homes = (label, label.replace(" ", "_"))
    return min(paths, key=lambda path: (path.parent.name not in homes, path), default=None)
