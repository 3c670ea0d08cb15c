"""How busy the machine was with something else while we timed: a time that was shared is marked, not hidden."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

QUIET_CORES = 0.15  # seen on an idle machine: below 0.05 cores


@dataclass
class OtherLoad:
    """cores: mean number of cores that other processes (or, as steal, other guests) used; NaN-free, at least 0."""

    cores: float = 0.0

    @property
    def is_quiet(self) -> bool:
        return self.cores <= QUIET_CORES


@contextmanager
def watching_other_load() -> Iterator[OtherLoad]:
    """Fill the given `OtherLoad` when the block ends: busy time of all cores less that of this process."""
    load = OtherLoad()
    busy, own, start = _busy_seconds(), sum(os.times()[:2]), time.monotonic()
    yield load
    elapsed = time.monotonic() - start
    others = (_busy_seconds() - busy) - (sum(os.times()[:2]) - own)
    load.cores = max(0.0, others / elapsed) if elapsed > 0 else 0.0


def _busy_seconds() -> float:
    import psutil

    times = psutil.cpu_times()
    waiting = times.idle + getattr(times, "iowait", 0.0)
    # Linux counts a guest's time within user time already.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - waiting - guests)
