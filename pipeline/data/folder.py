"""`source: <folder>`: a data folder from real photos, one sub-folder per class."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from pipeline.data.class_folders import ClassFolders, list_class_folders, shown
from pipeline.data.dataset import Row, finish, make_folders, picture_path
from pipeline.data.near_duplicates import group_near_duplicates
from pipeline.data.photos import PlainPhoto, SkippedPhoto, write_plain_photo
from pipeline.data.splits import split_groups
from pipeline.data.workers import Progress, map_in_order
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file

_STAGING = ".read"
_TEST_PREFIX = "test_source:"
Key = TypeVar("Key")


@dataclass(frozen=True)
class Photo:
    """A photo that was read. `name`: its path as reports show it; `staged`: where its plain copy lies."""

    name: str
    label: str
    for_test: bool
    staged: Path
    plain: PlainPhoto


@dataclass(frozen=True)
class Skipped:
    file: str
    reason: str


@dataclass(frozen=True)
class _Reading:
    root: Path
    path: str
    label: str
    for_test: bool
    staged: Path

    @property
    def name(self) -> str:
        return shown((_TEST_PREFIX if self.for_test else "") + self.path)


def import_folder(
    folder: Path,
    task: str,
    source: Path,
    test_source: Path | None,
    fractions: dict[str, float],
    *,
    near_duplicate_bits: int,
    max_side: int,
    max_megapixels: int,
    seed: int,
    workers: int | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """Fill an empty `folder` from the photos in `source`; gives the report, which names every photo left out.

    Without `test_source`, `fractions` (train, val, test) are the shares of the splits. With it, all its photos are
    the test split, and photos of `source` that are near-duplicates of one of them are left out.
    Raises EdgeboardError where a class is missing, empty or too small to be in every split.
    """  # fmt: skip
    where = f"data.{task}.source"
    found = list_class_folders(source, where)
    found_test = _list_test_folder(found, test_source, f"data.{task}.test_source") if test_source else None
    photos, skipped = _read_all(folder / _STAGING, found, found_test, max_side, max_megapixels, workers, progress)
    photos, twins = leave_out_twins(photos)
    skipped += twins
    groups = _grouped(photos, near_duplicate_bits)
    near_duplicates = [[photo.name for photo in group] for group in groups if len(group) > 1]
    groups, seen_in_test = _leave_out_test_photos(groups)
    skipped += seen_in_test
    _check_no_class_is_empty(found, groups, skipped, where, for_test=False)
    if found_test is not None:
        _check_no_class_is_empty(found_test, groups, skipped, f"data.{task}.test_source", for_test=True)
    splits = _choose_splits(groups, fractions, has_test_source=found_test is not None, seed=seed, where=where)
    rows = _place(folder, found.class_names, groups, splits)
    _remove_staging(folder / _STAGING)
    findings = {
        "test_source": test_source.resolve().name if test_source else None,
        "skipped": [vars(entry) for entry in sorted(skipped, key=lambda entry: (entry.file, entry.reason))],
        "near_duplicates": near_duplicates,
        "passed_over": _passed_over([found, found_test]),
    }
    return finish(folder, task, source.resolve().name, found.class_names, rows, findings)


def leave_out_twins(photos: Sequence[Photo]) -> tuple[list[Photo], list[Skipped]]:
    """Of byte-identical files keep the first; of those in different classes none, since one must be wrong."""
    kept, skipped = [], []
    for twins in _by(photos, lambda photo: (photo.for_test, photo.plain.source_sha256)).values():
        labels = sorted({photo.label for photo in twins})
        if len(labels) > 1:
            contradiction = f"the same file lies in several classes: {', '.join(labels)}"
            skipped += [Skipped(photo.name, contradiction) for photo in twins]
            continue
        kept.append(twins[0])
        skipped += [Skipped(photo.name, f"the same file as {twins[0].name}") for photo in twins[1:]]
    return kept, skipped


def safe_name(path: str, sha256: str) -> str:
    """The plain ASCII name of a copy: the stem of the original for people, the hash so that no two are alike.

    >>> safe_name("fire/Été 'n.1'.JPG", "0123456789abcdef")
    'Ete_n.1_0123456789'
    """
    plain = unicodedata.normalize("NFKD", shown(PurePosixPath(path).stem)).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9.-]+", "_", plain).strip("_.-")[:40].rstrip("_.-")
    return f"{words or 'photo'}_{sha256[:10]}"


def _list_test_folder(found: ClassFolders, test_source: Path, where: str) -> ClassFolders:
    if test_source.resolve() == found.root.resolve():
        raise EdgeboardError(
            "source and test_source are the same folder", where=where, value=test_source, mend="set test_source: null"
        )
    found_test = list_class_folders(test_source, where)
    missing = sorted(set(found.photos) - set(found_test.photos))
    unknown = sorted(set(found_test.photos) - set(found.photos))
    if missing or unknown:
        parts = [f"{word}: {', '.join(names)}" for word, names in (("missing", missing), ("unknown", unknown)) if names]
        raise EdgeboardError(
            "test_source must have the same classes as source",
            where=where,
            value="; ".join(parts),
            allowed=", ".join(found.photos),
        )
    return found_test


def _read_all(
    staging: Path, found: ClassFolders, found_test: ClassFolders | None, max_side: int, max_megapixels: int,
    workers: int | None, progress: Progress | None,
) -> tuple[list[Photo], list[Skipped]]:  # fmt: skip
    staging.mkdir()
    readings: list[_Reading] = []
    for folders in [found] if found_test is None else [found, found_test]:
        for label, paths in folders.photos.items():
            for path in paths:
                staged = staging / f"{len(readings):07d}.jpg"
                readings.append(_Reading(folders.root, path, label, folders is found_test, staged))
    results = map_in_order(partial(_read, max_side, max_megapixels), readings, workers, progress)
    photos, skipped = [], []
    for reading, result in zip(readings, results, strict=True):
        if isinstance(result, SkippedPhoto):
            skipped.append(Skipped(reading.name, result.reason))
        else:
            photos.append(Photo(reading.name, reading.label, reading.for_test, reading.staged, result))
    return photos, skipped


def _read(max_side: int, max_megapixels: int, reading: _Reading) -> PlainPhoto | SkippedPhoto:
    return write_plain_photo(reading.root / reading.path, reading.staged, max_side, max_megapixels)


def _grouped(photos: Sequence[Photo], near_duplicate_bits: int) -> list[list[Photo]]:
    """Near-duplicates together; the first of each group, by name, is its source."""
    ordered = sorted(photos, key=lambda photo: photo.name)
    phashes = np.array([photo.plain.phash for photo in ordered], dtype=np.uint64)
    numbers = group_near_duplicates(phashes, near_duplicate_bits).tolist()
    return list(_by(range(len(ordered)), lambda i: numbers[i], lambda i: ordered[i]).values())


def _leave_out_test_photos(groups: list[list[Photo]]) -> tuple[list[list[Photo]], list[Skipped]]:
    kept, skipped = [], []
    for group in groups:
        tested = [photo for photo in group if photo.for_test]
        if tested:
            skipped += [
                Skipped(p.name, f"near-duplicate of the test photo {tested[0].name}") for p in group if not p.for_test
            ]
        kept.append(tested or group)
    return kept, skipped


def _check_no_class_is_empty(
    found: ClassFolders, groups: list[list[Photo]], skipped: Sequence[Skipped], where: str, *, for_test: bool
) -> None:
    present = {photo.label for group in groups for photo in group if photo.for_test == for_test}
    empty = [name for name in found.class_names if name not in present]
    if not empty:
        return
    prefix = _TEST_PREFIX if for_test else ""
    lost = [entry for entry in skipped if entry.file.startswith(tuple(f"{prefix}{name}/" for name in empty))]
    detail = "".join(f"\n            {entry.file}: {entry.reason}" for entry in lost[:5])
    more = f"\n            and {len(lost) - 5} more" if len(lost) > 5 else ""
    raise EdgeboardError(
        f"A class has no usable photo: {', '.join(empty)}",
        where=where,
        value=f"{found.root}; {len(lost)} of its files were skipped{':' if lost else ''}{detail}{more}",
        allowed="photos in every class folder: .jpg .jpeg .png .bmp .webp .tif .tiff",
        mend="add photos to the class folder, or remove it",
    )


def _choose_splits(
    groups: list[list[Photo]], fractions: dict[str, float], *, has_test_source: bool, seed: int, where: str
) -> dict[str, str]:
    """Group source to split."""
    labels = {group[0].name: [photo.label for photo in group] for group in groups if not group[0].for_test}
    if not has_test_source:
        return split_groups(labels, fractions, seed, where)
    rest = fractions["train"] + fractions["val"]
    chosen = split_groups(labels, {split: fractions[split] / rest for split in ("train", "val")}, seed, where)
    return chosen | {group[0].name: "test" for group in groups if group[0].for_test}


def _place(folder: Path, class_names: Iterable[str], groups: list[list[Photo]], splits: dict[str, str]) -> list[Row]:
    make_folders(folder, class_names)
    rows = []
    for group in groups:
        source, split = group[0].name, splits[group[0].name]
        for photo in group:
            file = picture_path(split, photo.label, safe_name(photo.name, photo.plain.source_sha256))
            photo.staged.rename(folder / file)
            sha256 = sha256_file(folder / file)
            rows.append(Row(file, photo.label, split, source, "", photo.plain.width, photo.plain.height, sha256))
    return rows


def _remove_staging(staging: Path) -> None:
    for left_out in staging.iterdir():
        left_out.unlink()
    staging.rmdir()


def _passed_over(folders: Iterable[ClassFolders | None]) -> dict[str, Any]:
    listed = [found for found in folders if found is not None]
    return {
        "not_photos": sum(found.not_photos for found in listed),
        "hidden": sum(found.hidden for found in listed),
        "linked_folders": sorted(name for found in listed for name in found.linked_folders),
    }


def _by(
    items: Iterable[Any], key: Callable[[Any], Key], value: Callable[[Any], Any] = lambda item: item
) -> dict[Key, list[Any]]:
    """Items with the same key together, in the order of their first appearance."""
    together: dict[Key, list[Any]] = defaultdict(list)
    for item in items:
        together[key(item)].append(value(item))
    return together
