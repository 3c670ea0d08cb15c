"""The same function over many items on several cores, with the results in the order of the items."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from pipeline.errors import EdgeboardError

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]

# A process of its own costs half a second to start; below this many items it is not worth it.
_MIN_ITEMS_PER_WORKER = 16


def usable_cores() -> int:
    """The cores that this process may run on, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """`[function(item) for item in items]`; `workers` None means all cores, 1 means in this process.

    `function` and the items must be picklable. The first error of a worker is raised here and the rest is dropped.
    """
    if workers is not None and workers < 1:
        raise EdgeboardError(
            "workers must be at least 1", where="workers", value=workers, allowed="1 or more, or none for all cores"
        )
    count = min(workers or usable_cores(), max(1, len(items) // _MIN_ITEMS_PER_WORKER))
    if count == 1:
        return _collect(map(function, items), len(items), progress)
    # Spawned, not forked: a fork copies the locks of the threads that torch or OpenCV may have started.
    pool = ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    )
    try:
        return _collect(pool.map(function, items, chunksize=8), len(items), progress)
    except BrokenProcessPool:
        raise EdgeboardError(
            "A worker process was killed, most likely because the memory ran out",
            value=f"{count} workers",
            mend="use fewer workers, or lower data.*.max_megapixels",
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _collect(results: Iterable[Result], total: int, progress: Progress | None) -> list[Result]:
    collected: list[Result] = []
    for result in results:
        collected.append(result)
        if progress is not None:
            progress(len(collected), total)
    return collected
