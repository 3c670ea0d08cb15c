from __future__ import annotations

import os

import pytest

from pipeline.data.workers import map_in_order
from pipeline.errors import EdgeboardError


def _square(x: int) -> int:
    return x * x


def _fail_at_20(x: int) -> int:
    if x == 20:
        raise EdgeboardError("bad item", value=x, mend="leave it out")
    return x


def _die_at_20(x: int) -> int:
    if x == 20:
        os._exit(9)  # what the kernel does to a process that takes too much memory
    return x


@pytest.mark.parametrize(("count", "workers"), [(0, 1), (0, 2), (1, None), (3, 2), (40, 1), (40, 2)])
def test_results_come_in_the_order_of_the_items(count: int, workers: int | None) -> None:
    assert map_in_order(_square, range(count), workers) == [x * x for x in range(count)]


@pytest.mark.parametrize("workers", [1, 2])
def test_clear_message_crosses_the_process(workers: int) -> None:
    with pytest.raises(EdgeboardError, match="bad item") as caught:
        map_in_order(_fail_at_20, range(40), workers)
    assert (caught.value.value, caught.value.mend) == (20, "leave it out")


def test_killed_worker_is_told() -> None:
    with pytest.raises(EdgeboardError, match="worker process was killed"):
        map_in_order(_die_at_20, range(40), 2)
