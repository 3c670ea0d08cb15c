"""`source: <folder>` with objects/<class>/ and backgrounds/: what is in it, and which split gets what."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pipeline.data.class_folders import shown
from pipeline.data.dataset import SPLITS
from pipeline.data.mixing import cutouts
from pipeline.data.mixing.origins import BackgroundFile, ObjectFile, PoolPlan, SplitPool
from pipeline.data.near_duplicates import group_near_duplicates
from pipeline.data.photos import SUFFIXES, UnusablePhotoError
from pipeline.data.splits import split_groups
from pipeline.data.workers import map_in_order
from pipeline.detection_data_options import DetectionData
from pipeline.errors import EdgeboardError

OBJECTS, BACKGROUNDS = "objects", "backgrounds"
_MIN_BACKGROUND_SIDE = 64
_DISTRACTOR = "(distractor)"
_LAYOUT = "objects/<class>/*.png with transparency, and backgrounds/*.jpg or *.png"


@dataclass
class FolderSources:
    """`sha256`: of the content of all files in use; `phashes`: background name to its perceptual hash."""

    plan: PoolPlan
    sha256: str
    phashes: dict[str, int]
    skipped: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Seen:
    origin: ObjectFile | BackgroundFile
    label: str
    sha256: str
    phash: int


def is_mixing_folder(root: Path) -> bool:
    return (root / OBJECTS).is_dir() or (root / BACKGROUNDS).is_dir()


def read_folder_sources(
    root: Path, options: DetectionData, seed: int, where: str, workers: int | None
) -> FolderSources:  # fmt: skip
    """Look at every object and background of `root` and share them out before anything is mixed.

    Near-duplicates are of one split, so that no test object or background was seen in training. What cannot be used
    is listed. Raises EdgeboardError where a class or the backgrounds are missing, or too few for three splits.
    """
    class_names = _class_names(root, options, where)
    skipped: list[dict[str, Any]] = []
    candidates: list[tuple[ObjectFile | BackgroundFile, str]] = []
    for name in [*class_names, *options.distractor_classes]:
        for path in _files(root / OBJECTS / name, cutouts.SUFFIXES, root, skipped):
            label = name if name in class_names else _DISTRACTOR
            candidates.append((ObjectFile(path, _shown(path, root), options.max_megapixels), label))
    longest = max(options.mix.width, options.mix.height) * 3
    for path in _files(root / BACKGROUNDS, SUFFIXES, root, skipped):
        candidates.append((BackgroundFile(path, _shown(path, root), longest, options.max_megapixels), BACKGROUNDS))
    seen: list[_Seen] = []
    for (origin, _), result in zip(candidates, map_in_order(partial(_look), candidates, workers), strict=True):
        if isinstance(result, str):
            skipped.append({"file": origin.name, "reason": result})
        else:
            seen.append(result)
    _check_none_is_empty(class_names, options.distractor_classes, seen, skipped, where, root)
    chosen = _choose_splits(seen, options, seed, where)
    splits = {split: SplitPool({name: [] for name in class_names}, [], []) for split in SPLITS}
    for one in seen:
        pool = splits[chosen[one.origin.name]]
        if one.label == BACKGROUNDS:
            pool.backgrounds.append(one.origin)
        elif one.label == _DISTRACTOR:
            pool.distractors.append(one.origin)
        else:
            pool.objects[one.label].append(one.origin)
    digest = hashlib.sha256("\n".join(f"{one.origin.name} {one.sha256}" for one in seen).encode()).hexdigest()
    phashes = {one.origin.name: one.phash for one in seen if one.label == BACKGROUNDS}
    skipped.sort(key=lambda entry: (entry["file"], entry["reason"]))
    return FolderSources(PoolPlan(class_names, splits), digest, phashes, skipped)


def _class_names(root: Path, options: DetectionData, where: str) -> list[str]:
    folder = root / OBJECTS
    try:
        there = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise EdgeboardError(
            "The folder of objects cannot be read", where=where, value=f"{folder}: {error.strerror}", allowed=_LAYOUT
        ) from None
    broken = [shown(name) for name in there if shown(name) != name]
    if broken:
        raise EdgeboardError("The name of a class folder is not valid UTF-8", where=where, value=", ".join(broken))
    asked = [*(options.classes or []), *options.distractor_classes]
    missing = [name for name in asked if name not in there]
    if missing:
        raise EdgeboardError(
            f"There is no folder of objects for {', '.join(missing)}",
            where=where,
            value=folder,
            allowed=", ".join(there),
            mend="correct classes or distractor_classes, or add the folder",
        )
    names = list(options.classes or [name for name in there if name not in options.distractor_classes])
    if not names:
        raise EdgeboardError("There is no class of objects", where=where, value=folder, allowed=_LAYOUT)
    return names


def _files(folder: Path, suffixes: Sequence[str], root: Path, skipped: list[dict[str, Any]]) -> Iterator[Path]:
    """Files below `folder`, sorted. Hidden ones are passed over, linked folders not entered, others listed."""
    for parent, folder_names, file_names in os.walk(folder):
        folder_names[:] = sorted(name for name in folder_names if not name.startswith("."))
        for name in sorted(file_names):
            path = Path(parent) / name
            if name.startswith("."):
                continue
            if path.suffix.lower() in suffixes:
                yield path
            else:
                skipped.append({"file": _shown(path, root), "reason": f"not one of {' '.join(suffixes)}"})


def _shown(path: Path, root: Path) -> str:
    return shown(path.relative_to(root).as_posix())


def _look(candidate: tuple[ObjectFile | BackgroundFile, str]) -> _Seen | str:
    """Read it once to know that it can be read, and what it looks like; else the reason why not."""
    import imagehash

    origin, label = candidate
    try:
        pixels_hwc = origin.read()
        with origin.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except UnusablePhotoError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    height, width = pixels_hwc.shape[:2]
    if label == BACKGROUNDS and min(width, height) < _MIN_BACKGROUND_SIDE:
        return f"{width} x {height} pixels is too small; at least {_MIN_BACKGROUND_SIDE} on each side"
    if pixels_hwc.shape[2] == 4:  # the hash of an object is that of it on grey, whatever its hidden pixels hold
        alpha = pixels_hwc[..., 3:].astype(np.float32) / 255
        pixels_hwc = (pixels_hwc[..., :3] * alpha + 128 * (1 - alpha)).astype(np.uint8)
    rgb_hwc = cv2.cvtColor(np.ascontiguousarray(pixels_hwc), cv2.COLOR_BGR2RGB)
    return _Seen(origin, label, sha256, int(str(imagehash.phash(Image.fromarray(rgb_hwc))), 16))


def _check_none_is_empty(
    class_names: Sequence[str], distractors: Sequence[str], seen: Sequence[_Seen], skipped: Sequence[dict[str, Any]],
    where: str, root: Path,
) -> None:  # fmt: skip
    present = {one.origin.name.rsplit("/", 1)[0] + "/" for one in seen}
    for folder in [*(f"{OBJECTS}/{name}/" for name in [*class_names, *distractors]), f"{BACKGROUNDS}/"]:
        if any(name.startswith(folder) for name in present):
            continue
        lost = [entry for entry in skipped if entry["file"].startswith(folder)]
        detail = "".join(f"\n            {entry['file']}: {entry['reason']}" for entry in lost[:5])
        more = f"\n            and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise EdgeboardError(
            f"There is no usable picture in {folder}",
            where=where,
            value=f"{root}; {len(lost)} of its files were skipped{':' if lost else ''}{detail}{more}",
            allowed=_LAYOUT,
            mend="add pictures to the folder, or remove it",
        )


def _choose_splits(seen: Sequence[_Seen], options: DetectionData, seed: int, where: str) -> dict[str, str]:
    """Name of each object and background to its split."""
    chosen: dict[str, str] = {}
    fractions = options.split.model_dump()
    for kind in (True, False):
        some = [one for one in seen if (one.label == BACKGROUNDS) == kind]
        phashes = np.array([one.phash for one in some], dtype=np.uint64)
        numbers = group_near_duplicates(phashes, options.near_duplicate_bits).tolist()
        members: dict[str, list[_Seen]] = defaultdict(list)
        firsts: dict[int, str] = {}
        for one, number in zip(some, numbers, strict=True):
            members[firsts.setdefault(number, one.origin.name)].append(one)
        groups = {name: [one.label for one in group] for name, group in members.items()}
        of_group = split_groups(groups, fractions, seed, where)
        chosen |= {one.origin.name: of_group[name] for name, group in members.items() for one in group}
    return chosen
