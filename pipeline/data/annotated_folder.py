"""`source: <folder with annotations.csv>`: a data folder from annotated pictures, and such pictures as a test split."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.annotated_pictures import AnnotatedPicture, AnnotatedPictures, read_annotated_pictures
from pipeline.data.annotations import Picture
from pipeline.data.dataset import SPLITS
from pipeline.data.detection_folder import boxed_picture_path, finish_detection_folder
from pipeline.data.folder import safe_name
from pipeline.data.near_duplicates import group_near_duplicates
from pipeline.data.splits import split_groups
from pipeline.data.workers import Progress
from pipeline.detection_data_options import DetectionData
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file

TEST_PREFIX = "test_source:"
_STAGING = ".read"
_NOTHING = "(no object)"


@dataclass(frozen=True)
class TestPictures:
    """What stands in a test split: `pictures` sorted by file; `phashes`: of them, in that order."""

    __test__ = False

    pictures: list[Picture]
    phashes: list[int]
    skipped: list[dict[str, Any]]
    clipped: int


def import_annotated_folder(
    folder: Path, task: str, options: DetectionData, seed: int, workers: int | None, progress: Progress | None
) -> dict[str, Any]:
    """Fill an empty `folder` from the pictures of `options.source`; gives the report, which names what was left out.

    Pictures that are near-duplicates, or whose names agree in what `options.group_pattern` finds, are in one split.
    With `options.test_source` all its pictures are the test split, and what looks like one of them is left out of
    the others. Raises EdgeboardError where a class is too rare to be in every split.
    """
    where = f"data.{task}.source"
    source = Path(options.source)
    found = read_annotated_pictures(
        source, folder / _STAGING, where, options.classes, options.max_side, options.max_megapixels, workers, progress
    )
    skipped, clipped, pictures = list(found.skipped), found.clipped, found.pictures
    test: list[Picture] = []
    if options.test_source is not None:
        _check_different(source, Path(options.test_source), f"data.{task}.test_source")
        for_test = place_test_pictures(folder, task, options, found.class_names, workers)
        test, clipped = for_test.pictures, clipped + for_test.clipped
        pictures, twins = _leave_out_seen(pictures, for_test, options.near_duplicate_bits)
        skipped += for_test.skipped + twins
    groups = group_pictures(pictures, options.near_duplicate_bits, options.group_pattern)
    chosen = _choose_splits(pictures, groups, options, seed, where)
    placed = test + [
        _place(folder, picture, chosen[group], group) for picture, group in zip(pictures, groups, strict=True)
    ]
    placed.sort(key=lambda picture: (picture.split, picture.file))
    shutil.rmtree(folder / _STAGING)
    findings = {
        "test_source": Path(options.test_source).resolve().name if options.test_source else None,
        "skipped": sorted(skipped, key=lambda entry: (entry["file"], entry["line"])),
        "boxes_clipped": clipped,
    }
    return finish_detection_folder(
        folder, task, source.resolve().name, found.class_names, SPLITS, lambda: placed, findings
    )


def place_test_pictures(
    folder: Path, task: str, options: DetectionData, class_names: Sequence[str], workers: int | None
) -> TestPictures:  # fmt: skip
    """Put the pictures of `options.test_source` into `folder` as its test split; classes not trained are skipped."""
    assert options.test_source is not None
    staging = folder / f"{_STAGING}_test"
    found: AnnotatedPictures = read_annotated_pictures(
        Path(options.test_source), staging, f"data.{task}.test_source", class_names, options.max_side,
        options.max_megapixels, workers, None,
    )  # fmt: skip
    groups = group_pictures(found.pictures, options.near_duplicate_bits, options.group_pattern)
    pairs = [
        (_place(folder, picture, "test", TEST_PREFIX + group), picture.plain.phash)
        for picture, group in zip(found.pictures, groups, strict=True)
    ]
    pairs.sort(key=lambda pair: pair[0].file)
    shutil.rmtree(staging)
    return TestPictures(
        [picture for picture, _ in pairs],
        [phash for _, phash in pairs],
        [{**entry, "file": TEST_PREFIX + entry["file"]} for entry in found.skipped],
        found.clipped,
    )


def group_pictures(
    pictures: Sequence[AnnotatedPicture], near_duplicate_bits: int, group_pattern: str | None
) -> list[str]:  # fmt: skip
    """For each picture the name of the first one of its group.

    One group: near-duplicates, and names in which `group_pattern` finds the same text (that of its first brackets,
    where it has any). A chain of such links makes one group too.
    """
    if not pictures:
        return []
    ordered = sorted(range(len(pictures)), key=lambda i: pictures[i].name)
    phashes = np.array([pictures[i].plain.phash for i in ordered], dtype=np.uint64)
    looks = group_near_duplicates(phashes, near_duplicate_bits).tolist()
    parent: dict[object, object] = {}

    def root(node: object) -> object:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for i, look in zip(ordered, looks, strict=True):
        parent[root(("picture", i))] = root(("look", look))
        match = re.search(group_pattern, pictures[i].name) if group_pattern else None
        if match:
            parent[root(("picture", i))] = root(("text", match[1] if match.re.groups else match[0]))
    firsts: dict[object, str] = {}
    for i in ordered:
        firsts.setdefault(root(("picture", i)), pictures[i].name)
    return [firsts[root(("picture", i))] for i in range(len(pictures))]


def _check_different(source: Path, test_source: Path, where: str) -> None:
    if source.resolve() == test_source.resolve():
        raise EdgeboardError(
            "source and test_source are the same folder", where=where, value=test_source, mend="set test_source: null"
        )


def _leave_out_seen(
    pictures: Sequence[AnnotatedPicture], test: TestPictures, near_duplicate_bits: int
) -> tuple[list[AnnotatedPicture], list[dict[str, Any]]]:  # fmt: skip
    kept, left_out = [], []
    for picture in pictures:
        near = nearest(picture.plain.phash, test.phashes, near_duplicate_bits)
        if near is None:
            kept.append(picture)
        else:
            reason = f"near-duplicate of the test picture {test.pictures[near].file}"
            left_out.append({"file": picture.name, "line": 0, "reason": reason})
    return kept, left_out


def nearest(phash: int, others: Sequence[int], max_bits: int) -> int | None:
    """The first of `others` that differs from `phash` in at most `max_bits` bits; None where there is none."""
    return next((i for i, other in enumerate(others) if (phash ^ other).bit_count() <= max_bits), None)


def _choose_splits(
    pictures: Sequence[AnnotatedPicture], groups: Sequence[str], options: DetectionData, seed: int, where: str
) -> dict[str, str]:  # fmt: skip
    """Group to split. Every class is spread alike; so are the pictures without an object where there are enough."""
    labels: dict[str, list[str]] = defaultdict(list)
    for picture, group in zip(pictures, groups, strict=True):
        labels[group] += [box.name for box in picture.boxes]
    fractions = options.split.model_dump()
    if options.test_source is not None:
        rest = fractions["train"] + fractions["val"]
        fractions = {split: fractions[split] / rest for split in ("train", "val")}
    empty = [group for group, names in labels.items() if not names]
    if len(empty) >= len(fractions):
        for group in empty:
            labels[group] = [_NOTHING]
    return split_groups(labels, fractions, seed, where)


def _place(folder: Path, picture: AnnotatedPicture, split: str, source: str) -> Picture:
    file = boxed_picture_path(split, safe_name(picture.name, picture.plain.source_sha256))
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    picture.staged.replace(folder / file)
    plain = picture.plain
    return Picture(file, split, source, plain.width, plain.height, sha256_file(folder / file), picture.boxes)
