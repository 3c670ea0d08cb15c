from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipeline.benchmark.affinity import pinned, processors_for


def _machine(folder: Path, cores: dict[str, list[int]], fastest_khz: dict[int, int] | None = None) -> Path:
    """Linux's description: `cores` are the siblings as the kernel writes them, with the processors they are."""
    for siblings, cpus in cores.items():
        for cpu in cpus:
            (folder / f"cpu{cpu}" / "topology").mkdir(parents=True)
            (folder / f"cpu{cpu}" / "topology" / "thread_siblings_list").write_text(siblings + "\n")
    for cpu, khz in (fastest_khz or {}).items():
        (folder / f"cpu{cpu}" / "cpufreq").mkdir()
        (folder / f"cpu{cpu}" / "cpufreq" / "cpuinfo_max_freq").write_text(f"{khz}\n")
    return folder


TWO_PER_CORE = {"0,4": [0, 4], "1,5": [1, 5], "2,6": [2, 6], "3,7": [3, 7]}
EACH_ITS_CORE = {"0": [0], "1": [1], "2": [2], "3": [3]}


@pytest.mark.parametrize(
    ("cores", "fastest", "usable", "threads", "expected"),
    [
        ({}, None, {0, 1, 2}, 2, [0, 1]),
        (EACH_ITS_CORE, None, {0, 1, 2, 3}, 1, [0]),
        (EACH_ITS_CORE, None, {2, 3}, 4, [2, 3]),
        (TWO_PER_CORE, None, set(range(8)), 4, [0, 1, 2, 3]),
        (TWO_PER_CORE, None, set(range(8)), 6, [0, 1, 2, 3, 4, 5]),
        (TWO_PER_CORE, None, {0, 4, 5}, 2, [0, 5]),
        (EACH_ITS_CORE, {0: 1_500_000, 1: 1_500_000, 2: 2_400_000, 3: 2_400_000}, {0, 1, 2, 3}, 2, [2, 3]),
    ],
    ids=["not described", "one", "more threads than there are", "a thread per core", "then the second of a core",
         "what may be used", "the fast cores"],
)  # fmt: skip
def test_processors(
    tmp_path: Path,
    cores: dict[str, list[int]],
    fastest: dict[int, int] | None,
    usable: set[int],
    threads: int,
    expected: list[int],
) -> None:
    assert processors_for(threads, usable, _machine(tmp_path, cores, fastest)) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot fix processors")
def test_threads_started_meanwhile_keep_to_them_and_afterwards_all_is_as_before() -> None:
    before = os.sched_getaffinity(0)
    seen: list[set[int]] = []
    with pinned(1) as processors:
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
    assert processors is not None
    assert seen == [set(processors)]
    assert len(processors) == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ValueError, match="in between"), pinned(1):
        raise ValueError("in between")
    assert os.sched_getaffinity(0) == before
