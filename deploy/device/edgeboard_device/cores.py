"""Which processors this program and what it starts may use: one of every core, fixed while it measures."""

import contextlib
import os

from .files import text_of


@contextlib.contextmanager
def pinned(root="/"):
    """Gives the processors, sorted: a second thread on one core mostly waits for the first."""
    before = os.sched_getaffinity(0)
    chosen = one_per_core(before, root)
    os.sched_setaffinity(0, chosen)
    try:
        yield chosen
    finally:
        os.sched_setaffinity(0, before)


def one_per_core(usable, root="/"):
    """The first usable processor of every core; what Linux does not describe is a core of its own."""
    first = {}
    for cpu in sorted(usable):
        place = os.path.join(root, "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu)
        first.setdefault(text_of(place) or str(cpu), cpu)
    return sorted(first.values())
