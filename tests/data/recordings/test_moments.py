from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from pipeline.data.recordings.moments import at_moments

# Times in hundredths of a second, rate, and the times that are to be taken.
CASES: dict[str, tuple[Sequence[int], int | None, list[int]]] = {
    "nothing": ([], 5, []),
    "one frame": ([7], 5, [7]),
    "all of them": ([0, 1, 90], None, [0, 1, 90]),
    "a rate above theirs gives each once": ([0, 10, 20], 1000, [0, 10, 20]),
    "their own rate": ([0, 10, 20, 30], 10, [0, 10, 20, 30]),
    "half their rate": ([0, 10, 20, 30, 40], 5, [0, 20, 40]),
    "not a divisor: the nearest": ([0, 4, 8, 12, 16, 20], 10, [0, 8, 20]),
    "of two equally near the earlier": ([0, 5, 15, 20], 10, [0, 5, 20]),
    "a long still stretch": ([0, 10, 20, 300, 310, 320], 5, [0, 20, 300, 320]),
    "dense, then sparse": ([*range(0, 100, 2), 100, 150, 200], 2, [0, 50, 100, 150, 200]),
    "counted from the first time": ([500, 510, 520, 530], 5, [500, 520]),
    "times rounded down lose no frame": ([0, 3, 6, 9, 13, 16, 19], 30, [0, 3, 6, 9, 13, 16, 19]),
    "the last is taken just before its moment": ([0, 33, 66, 99], 1, [0, 99]),
    "but not long before it": ([0, 20, 40, 60], 1, [0]),
}  # fmt: skip


@pytest.mark.parametrize(("times", "rate", "taken"), CASES.values(), ids=CASES.keys())
def test_the_frames_nearest_to_the_moments(times: Sequence[int], rate: int | None, taken: list[int]) -> None:
    timed = ((Fraction(time, 100), time) for time in times)
    assert [item for _, item in at_moments(timed, None if rate is None else Fraction(rate))] == taken


def test_a_gap_of_centuries_takes_no_time() -> None:
    timed = [(Fraction(0), "a"), (Fraction(10**10), "b"), (Fraction(10**10 + 1), "c")]
    assert [item for _, item in at_moments(timed, Fraction(1000))] == ["a", "b", "c"]


def test_a_frame_is_given_before_the_next_but_one_is_asked_for() -> None:
    asked: list[int] = []

    def frames() -> object:
        for i in range(100):
            asked.append(i)
            yield Fraction(i, 10), i

    moments = at_moments(frames(), Fraction(10))  # type: ignore[arg-type]
    assert [next(moments)[1] for _ in range(3)] == [0, 1, 2]
    assert len(asked) <= 4
