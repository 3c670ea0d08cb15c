"""How many cores a network may use here."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def physical_cores() -> int:
    """Physical cores that this process may use (affinity and a container's quota respected), at least 1.

    The number of threads of a benchmark: a second thread on one core mostly waits for the first.
    """
    import psutil

    cores = psutil.cpu_count(logical=False) or usable_logical_cores()
    quota = cpu_quota()
    return max(1, min(cores, usable_logical_cores(), int(quota) if quota else cores))


def usable_logical_cores() -> int:
    """Logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota() -> float | None:
    """Cores of the container that this runs in; None without a limit."""
    try:
        limit = _QUOTA.read_text().split()
    except OSError:
        return None
    return round(int(limit[0]) / int(limit[1]), 2) if limit[0] != "max" else None
