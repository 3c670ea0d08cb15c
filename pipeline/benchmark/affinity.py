"""Which processors a timed network may use: fixed while it is timed, and told with the times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")


@contextmanager
def pinned(threads: int) -> Iterator[list[int] | None]:
    """Keep this thread, and what it starts in the block, on as many logical processors as there are threads.

    A set, not a processor for each thread: where something else takes one for a moment, a thread may step aside.
    Gives the processors; None where the system cannot fix them (macOS, Windows).
    """
    if not hasattr(os, "sched_setaffinity"):
        yield None
        return
    before = os.sched_getaffinity(0)
    chosen = processors_for(threads, before)
    os.sched_setaffinity(0, chosen)
    try:
        yield chosen
    finally:
        os.sched_setaffinity(0, before)


def processors_for(threads: int, usable: set[int], cpus: Path = _CPUS) -> list[int]:
    """`threads` of the usable logical processors, sorted: one of every core before a second of any, fast cores first.

    cpus: where Linux describes them; what it does not say there counts as a core of its own, as fast as any.
    """
    of_core: dict[str, int] = {}
    place: dict[int, tuple[int, int, int]] = {}
    for cpu in sorted(usable):
        core = _text(cpus / f"cpu{cpu}" / "topology" / "thread_siblings_list") or str(cpu)
        fastest = _text(cpus / f"cpu{cpu}" / "cpufreq" / "cpuinfo_max_freq")
        nth = of_core.setdefault(core, 0)
        of_core[core] += 1
        place[cpu] = (nth, -int(fastest) if fastest else 0, cpu)
    return sorted(sorted(usable, key=place.__getitem__)[:threads])


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
