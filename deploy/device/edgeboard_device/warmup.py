"""When is an engine warm? By the same rule as the benchmark of the host: two windows of times agree."""

WINDOW = 10
WITHIN = 0.05


def agree(one, other):
    """Whether the medians of two lists of times are within 5 % of each other."""
    first, second = _median(one), _median(other)
    return abs(first - second) <= WITHIN * second


def is_stable(times):
    """Whether the last two windows agree; False where there are not so many times yet."""
    return len(times) >= 2 * WINDOW and agree(times[-WINDOW:], times[-2 * WINDOW : -WINDOW])


def began_warm(times):
    """Whether what was timed began as it went on: the first window agrees with the second. None where it is too short
    to tell."""
    return agree(times[:WINDOW], times[WINDOW : 2 * WINDOW]) if len(times) >= 2 * WINDOW else None


def _median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2.0
