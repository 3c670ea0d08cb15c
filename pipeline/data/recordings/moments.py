"""Evenly spaced moments out of frames that need not be evenly spaced."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

Item = TypeVar("Item")


def at_moments(timed: Iterable[tuple[Fraction, Item]], rate: Fraction | None) -> Iterator[tuple[Fraction, Item]]:
    """Of `(time, item)`, times in seconds and increasing, those nearest to the moments 0, 1/rate, 2/rate, ... s.

    The moments are counted from the first time. No item comes twice, so that a rate above that of the items, as
    `None` does, gives them all; of two items equally near the earlier is taken. At most two items are held.

    >>> timed = [(Fraction(tenths, 10), tenths) for tenths in (0, 1, 4, 9)]
    >>> [item for _, item in at_moments(timed, Fraction(2))]
    [0, 4, 9]
    """
    if rate is None:
        yield from timed
        return
    start: Fraction | None = None
    held: tuple[Fraction, Item] | None = None
    held_is_out, following, gap = True, 0, Fraction(0)
    for time, item in timed:
        start = time if start is None else start
        # A gap of hours holds many moments, and only its first and its last can change what is taken.
        last = math.floor((time - start) * rate)
        is_out = False
        if last >= following:
            before = held[0] if held is not None else None
            if held is not None and not held_is_out and _is_nearer(held[0], time, start + following / rate):
                yield held
            if before is None or not _is_nearer(before, time, start + last / rate):
                yield time, item
                is_out = True
            following = last + 1
        gap = time - held[0] if held is not None else Fraction(0)
        held, held_is_out = (time, item), is_out
    # Times that were rounded down put the last frame a little before its moment.
    if held is not None and start is not None and not held_is_out and 2 * (start + following / rate - held[0]) < gap:
        yield held


def _is_nearer(earlier: Fraction, later: Fraction, moment: Fraction) -> bool:
    return moment - earlier <= later - moment
