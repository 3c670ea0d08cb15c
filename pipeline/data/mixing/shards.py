"""Mixing the images of all splits into a folder, a few at a time, so that an interrupted run goes on where it ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from pipeline.data.annotations import Box, Picture
from pipeline.data.detection_folder import boxed_picture_path
from pipeline.data.mixing.compose import Mixer
from pipeline.data.mixing.pool import open_pool
from pipeline.data.workers import Progress, map_in_order
from pipeline.detection_data_options import Mixing

POOL, JOURNAL = ".pool", ".journal"
_IMAGES = 16  # of a shard: few enough that all workers end together


class Shard(NamedTuple):
    """Images first..last-1 that `pool_split` is mixed from, for the split that they are written to."""

    split: str
    pool_split: str
    first: int
    last: int

    @property
    def journal(self) -> str:
        return f"{JOURNAL}/{self.split}_{self.first:06d}.jsonl"


def plan_shards(counts: dict[str, int], renamed: dict[str, str]) -> list[Shard]:
    """The shards of every split of `counts`, in the order of the splits' names in the folder (`renamed`)."""
    named = sorted((renamed.get(split, split), split) for split in counts)
    return [
        Shard(name, split, first, min(first + _IMAGES, counts[split]))
        for name, split in named
        for first in range(0, counts[split], _IMAGES)
    ]


def mix_shards(
    folder: Path, shards: list[Shard], options: Mixing, seed: int, workers: int | None, progress: Progress | None
) -> None:
    """Write the images and what is known of them; what an earlier run finished there is kept."""
    (folder / JOURNAL).mkdir(exist_ok=True)
    for split in {shard.split for shard in shards}:
        (folder / "images" / split).mkdir(parents=True, exist_ok=True)
    images_after = list(accumulate(shard.last - shard.first for shard in shards))

    def told(done: int, _: int) -> None:
        if progress is not None:
            progress(images_after[done - 1], images_after[-1])

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # on pieces this small threads cost more than they save
    try:
        map_in_order(partial(_mix_shard, folder, options, seed), shards, workers, told)
    finally:
        cv2.setNumThreads(threads)
        _mixer.cache_clear()


def mixed_pictures(folder: Path, shards: list[Shard], options: Mixing) -> Iterator[Picture]:
    """What `mix_shards` wrote, image by image, in the order of the shards."""
    for shard in shards:
        with (folder / shard.journal).open(encoding="utf-8") as file:
            for line in file:
                number, sha256, background, boxes = json.loads(line)
                yield Picture(
                    boxed_picture_path(shard.split, _name(number)), shard.split, background, options.width,
                    options.height, sha256, tuple(Box(*box) for box in boxes),
                )  # fmt: skip


def _name(number: int) -> str:
    return f"mixed_{number:06d}"


@lru_cache(maxsize=4)  # one for each split: opening a pool is paid once for each worker
def _mixer(pool_folder: Path, options: Mixing, seed: int, split: str) -> Mixer:
    return Mixer(open_pool(pool_folder, split), options, seed, split)


def _mix_shard(folder: Path, options: Mixing, seed: int, shard: Shard) -> None:
    done = _finished(folder, shard)
    if len(done) == shard.last - shard.first:
        return
    mixer = _mixer(folder / POOL, options, seed, shard.pool_split)
    with (folder / shard.journal).open("w", encoding="utf-8") as journal:
        for number in range(shard.first, shard.last):
            if number not in done:
                encoded, mixed = mixer.encoded(number)
                (folder / boxed_picture_path(shard.split, _name(number))).write_bytes(encoded)
                done[number] = [number, hashlib.sha256(encoded).hexdigest(), mixed.background, mixed.boxes]
            journal.write(json.dumps(done[number], ensure_ascii=False) + "\n")
            journal.flush()  # the image is whole before its line is


def _finished(folder: Path, shard: Shard) -> dict[int, list[Any]]:
    """The lines of an earlier run whose images are there as they were written."""
    done: dict[int, list[Any]] = {}
    try:
        lines = (folder / shard.journal).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return done
    for line in lines:
        try:
            entry = json.loads(line)
            content = (folder / boxed_picture_path(shard.split, _name(entry[0]))).read_bytes()
            if hashlib.sha256(content).hexdigest() == entry[1]:
                done[entry[0]] = entry
        except (ValueError, LookupError, TypeError, OSError):  # a line or an image that was being written
            continue
    return done
