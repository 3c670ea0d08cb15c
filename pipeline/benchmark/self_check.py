"""How far two equal things seem apart on this machine: the baseline's file, timed against itself."""

from __future__ import annotations

from typing import Any

from pipeline.benchmark.rows import BASELINE
from pipeline.benchmark.statistics import speedup
from pipeline.benchmark.timing import Timings

SELF_CHECK = "(self-check)"  # the baseline's file opened a second time; brackets, since no recipe can have this name
SELF_CHECK_TOLERANCE = 0.03  # two sessions of one file lie at different addresses: no difference is called below


def self_check(timings: Timings, seed: int) -> dict[str, Any]:
    """Speed-up of the baseline's file against itself, with its interval.

    passed: 1 lies in the interval, or the ratio is within `SELF_CHECK_TOLERANCE` of it.
    """
    ratio = speedup(timings.rounds_ms(SELF_CHECK), timings.rounds_ms(BASELINE), seed)
    passed = ratio.low <= 1 <= ratio.high or abs(ratio.value - 1) <= SELF_CHECK_TOLERANCE
    return {**ratio.columns("ratio"), "tolerance": SELF_CHECK_TOLERANCE, "passed": passed}


def smallest_difference(check: dict[str, Any]) -> float:
    """The difference of a speed-up from 1 that this run can tell from none, from the result of `self_check`.

    Where two equal files seemed further apart than the tolerance, that is it.
    """
    return float(check["tolerance"] if check["passed"] else abs(check["ratio"] - 1))
