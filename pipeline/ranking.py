"""Which model to take: the Pareto front and the composite rank, within what may be compared.

FPS of two machines or two targets are never set against each other, nor accuracies on different test frames, so
both are worked out within one task, one data set, one target and one host.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

GROUP_COLUMNS = ("task", "data_hash", "target", "host")
_BLOCK = 512  # rows that are compared with a front at once: bounds the memory

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def pareto_front(accuracy: Floats, size_mb: Floats, fps: Floats, faithfulness: Floats | None = None) -> Mask:
    """Mask of the rows that no other row beats: at least as good in all three (or four) and better in one.

    Accuracy, FPS and faithfulness count upwards, size downwards; all are arrays of shape (n,). A row with a missing
    value (NaN) is not on the front and keeps nobody off it; equal rows are on it together. Of three O(n log n): points
    are visited from the most accurate downwards, and a staircase of (size, FPS) holds what those seen before still
    leave open (Kung, Luccio and Preparata, 1975). Of four O(n · front).
    """
    values = np.column_stack([-accuracy, size_mb, -fps]).astype(float)
    if faithfulness is not None:
        return _front_of_many(np.column_stack([values, -np.asarray(faithfulness, dtype=float)]))
    on_front = np.zeros(len(values), dtype=bool)
    complete = ~np.isnan(values).any(axis=1)
    points, where = np.unique(values[complete], axis=0, return_inverse=True)

    best = np.zeros(len(points), dtype=bool)
    sizes: list[float] = []  # ascending; slowness falls along with it
    slowness: list[float] = []
    # np.unique sorts by accuracy, then size, then FPS, so whoever can beat a point has been visited before it.
    for index, (_, size, slow) in enumerate(points.tolist()):
        place = bisect.bisect_right(sizes, size)
        if place and slowness[place - 1] <= slow:
            continue
        best[index] = True
        start = bisect.bisect_left(sizes, size)
        end = start
        while end < len(sizes) and slowness[end] >= slow:
            end += 1
        sizes[start:end] = [size]
        slowness[start:end] = [slow]
    on_front[complete] = best[where.ravel()]
    return on_front


def possible_front(lower: Floats, upper: Floats) -> Mask:
    """Mask of the rows that may be on the front, given the 95 % interval of each of their values.

    lower, upper: `[n, k]`, more is better in every column. A row is off it only if some other row, taken at the lower
    ends of its intervals, still beats the row taken at its upper ends. A row with a NaN is not on it.
    """
    complete = ~np.any(np.isnan(lower + upper), axis=1)
    sure = -lower[complete]
    # Whoever is beaten at the lower ends by another's lower ends cannot be the only one to beat a third row.
    sure = np.unique(sure[_front_of_many(sure)], axis=0)
    mask = np.zeros(len(lower), dtype=bool)
    mask[complete] = ~_beaten(-upper[complete], sure)
    return mask


def composite_score(
    accuracy: Floats, size_mb: Floats, fps: Floats, weights: Mapping[str, float], faithfulness: Floats | None = None
) -> Floats:
    """One number in [0, 1] per row, higher is better; NaN where a value is missing or size or FPS is not above 0.

    Each of accuracy, log size and log FPS is stretched to [0, 1] over the rows given (1 for the best), then averaged
    by `weights` with the keys accuracy, size and fps. Logarithms, because 2 MB against 4 MB matters as much as 20
    against 40. A quantity in which all rows are equal gives 1 to all. `faithfulness` counts with a weight of that name.
    """
    goods = goodness(accuracy, size_mb, fps, weights, faithfulness)
    complete: Mask = np.all(np.isfinite(np.column_stack(list(goods.values()))), axis=1)
    score = np.full(len(complete), np.nan)
    if complete.any():
        total = sum(weights[name] for name in goods)
        parts = [weights[name] / total * _stretched(good[complete]) for name, good in goods.items()]
        score[complete] = np.sum(parts, axis=0)
    return score


def goodness(
    accuracy: Floats, size_mb: Floats, fps: Floats, weights: Mapping[str, float], faithfulness: Floats | None = None
) -> dict[str, Floats]:
    """What the composite averages, by the name of its weight, each so that more is better. Not finite: missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        goods = {
            "accuracy": np.asarray(accuracy, dtype=float),
            "size": -np.log(np.asarray(size_mb, dtype=float)),
            "fps": np.log(np.asarray(fps, dtype=float)),
        }
    if faithfulness is not None and weights.get("faithfulness", 0) > 0:
        goods["faithfulness"] = np.asarray(faithfulness, dtype=float)
    return goods


def rank_board(board: pd.DataFrame, weights: Mapping[str, float]) -> pd.DataFrame:
    """The board with `pareto` and `rank` worked out anew within each task, data set, target and host.

    Rank 1 is the best composite score; equal scores share the better place and the next place is skipped; a row
    whose score cannot be worked out has no rank.
    """
    pareto = np.zeros(len(board), dtype=bool)
    rank = pd.array([pd.NA] * len(board), dtype="Int64")
    numbers = {name: board[name].to_numpy(dtype=float, na_value=np.nan) for name in ("accuracy", "size_mb", "fps")}
    for group in board.groupby(list(GROUP_COLUMNS), dropna=False, sort=False).indices.values():
        places = np.asarray(group)
        accuracy, size_mb, fps = (numbers[name][places] for name in ("accuracy", "size_mb", "fps"))
        pareto[places] = pareto_front(accuracy, size_mb, fps)
        # Rounded, so that two rows are not told apart by the last bit of an addition.
        score = pd.Series(composite_score(accuracy, size_mb, fps, weights)).round(12)
        rank[places] = score.rank(method="min", ascending=False).astype("Int64").array
    return board.assign(pareto=pd.array(pareto, dtype="boolean"), rank=rank)


def _stretched(good: Floats) -> Floats:
    low, high = good.min(), good.max()
    return (good - low) / (high - low) if high > low else np.ones_like(good)


def _front_of_many(values: Floats) -> Mask:
    """Mask of the rows of `[n, k]` that no other row beats, less being better; rows with a NaN are off it."""
    on_front = np.zeros(len(values), dtype=bool)
    complete = ~np.isnan(values).any(axis=1)
    points, where = np.unique(values[complete], axis=0, return_inverse=True)
    # Nothing that comes later in this order can beat what comes before.
    order = np.argsort(_ranks(points).sum(axis=1), kind="stable")
    best = np.zeros(len(points), dtype=bool)
    front = np.empty((0, values.shape[1]))
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        left = block[~_beaten(points[block], front)]
        left = left[~_beaten(points[left], points[left])]
        best[left] = True
        front = np.vstack([front, points[left]])
    on_front[complete] = best[where.ravel()]
    return on_front


def _ranks(points: Floats) -> npt.NDArray[np.int64]:
    """Dense ranks of each column: their sum is lower for whoever beats, whatever the units are."""
    columns = [np.unique(column, return_inverse=True)[1] for column in points.T]
    return np.column_stack(columns) if len(points) else np.empty((0, 0), dtype=np.int64)


def _beaten(points: Floats, others: Floats) -> Mask:
    """Mask of the `[n, k]` points that one of `[m, k]` others beats: nowhere more, somewhere less."""
    beaten = np.zeros(len(points), dtype=bool)
    if not len(others):
        return beaten
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK, None, :]
        nowhere_more = np.all(others[None] <= block, axis=2)
        somewhere_less = np.any(others[None] < block, axis=2)
        beaten[start : start + _BLOCK] = np.any(nowhere_more & somewhere_less, axis=1)
    return beaten
