"""The official splits of UCF101 and HMDB51, where their lists lie with the videos.

- UCF101: `trainlist01.txt` (`<Class>/<file> <number from 1>`) and `testlist01.txt` (without the number), unpacked into
  `ucfTrainTestlist`; mmaction2 keeps them in `annotations` (its tools/data/parse_file_list.py reads them), and writes
  such lists for HMDB51 too.
- HMDB51: `<class>_test_split1.txt` for each class, with `<file> <0, 1 or 2>`: not used, for training, for testing;
  unpacked into `testTrainMulti_7030_splits`.

Both have three splits; the first is used. Neither has a validation split: it is taken from the training groups.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.data.clips.list_lines import read_lines, refuse_mistakes
from pipeline.data.clips.videos import FoundVideos, Video, nearest
from pipeline.data.folder import Skipped
from pipeline.errors import EdgeboardError

LIST_FOLDERS = ("ucfTrainTestlist", "testTrainMulti_7030_splits", "annotations")
_HMDB_END = "_test_split1.txt"
_HMDB_SPLITS = {"0": "", "1": "train", "2": "test"}


def read_official_splits(root: Path, found: FoundVideos, where: str) -> None:
    """Give each video of `found` its official split; without lists nothing changes.

    A video that no list uses is skipped, and so is what a list names and is not there. Raises EdgeboardError that
    names every line with a file that was named already or a number that is none, and every class that no list names.
    """
    for folder in (base / name for base in (root, root.parent) for name in ("", *LIST_FOLDERS)):
        if (folder / "trainlist01.txt").is_file() and (folder / "testlist01.txt").is_file():
            splits = _read_ucf101(folder, where)
            found.splits_from = "trainlist01.txt and testlist01.txt"
            break
        if any((folder / f"{label}{_HMDB_END}").is_file() for label in found.class_names):
            splits = _read_hmdb51(folder, found, where)
            found.splits_from = f"<class>{_HMDB_END}"
            break
    else:
        return
    there = {_listed_name(one) for one in found.videos}
    missing = sorted(name for name in splits if name not in there)
    if missing:
        # In one line: of a list of thousands somebody may have a few classes only.
        found.skipped.append(Skipped(found.splits_from, f"{len(missing)} videos are not there, as {missing[0]}"))
    given = [replace(one, given=splits.get(_listed_name(one)) or None) for one in found.videos]
    found.videos = [one for one in given if one.given]
    found.skipped += [Skipped(one.name, f"not used by {found.splits_from}") for one in given if not one.given]
    _check_every_class_is_named(found, sorted({name.partition("/")[0] for name in splits}), where)


def _listed_name(video: Video) -> str:
    return f"{video.label}/{PurePosixPath(video.inside).name}"


def _check_every_class_is_named(found: FoundVideos, named: list[str], where: str) -> None:
    used = {one.label for one in found.videos}
    unnamed = [label for label in found.class_names if label not in used]
    if unnamed:
        raise EdgeboardError(
            "The lists of the official split name no video of a class",
            where=f"{where}: {found.splits_from}",
            value="; ".join(f"{label}{nearest(label, named)}" for label in unnamed),
            mend="rename or remove the folder, or remove the lists to split the videos without them",
        )


def _read_ucf101(folder: Path, where: str) -> dict[str, str]:
    splits: dict[str, str] = {}
    for split in ("train", "test"):
        path = folder / f"{split}list01.txt"
        mistakes: list[str] = []
        for number, line in read_lines(path, where):
            name = line.rpartition(" ")[0].strip() if split == "train" else line
            if split == "train" and not line.rpartition(" ")[2].isdigit():
                mistakes.append(f"line {number}: no number of a class at the end: {line!r}")
            elif name in splits:
                mistakes.append(f"line {number}: {name!r} is named already, for {splits[name]}")
            else:
                splits[name] = split
        refuse_mistakes(path, mistakes, "<class>/<file>, and a number behind it in trainlist01.txt", where)
    return splits


def _read_hmdb51(folder: Path, found: FoundVideos, where: str) -> dict[str, str]:
    splits: dict[str, str] = {}
    for label in found.class_names:
        path = folder / f"{label}{_HMDB_END}"
        mistakes: list[str] = []
        for number, line in read_lines(path, where):
            name, _, use = line.rpartition(" ")
            name = f"{label}/{name.strip()}"
            if use not in _HMDB_SPLITS:
                mistakes.append(f"line {number}: {use!r} is neither 0, 1 nor 2")
            elif name in splits:
                mistakes.append(f"line {number}: {name!r} is named already")
            else:
                splits[name] = _HMDB_SPLITS[use]
        refuse_mistakes(path, mistakes, "<file> <0: not used, 1: training, 2: testing>", where)
    return splits
