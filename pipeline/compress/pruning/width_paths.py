"""From the whole network to the narrowest one, step by step: where a search for a speed-up can stop."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.compress.pruning.channel_groups import ChannelGroup
from pipeline.compress.pruning.layer_latency import NetworkCost


@dataclass(frozen=True)
class Widths:
    """One choice of widths. steps: index into ChannelGroup.widths, group by group; cost: what the model predicts."""

    steps: tuple[int, ...]
    cost: float


def uniform_path(cost: NetworkCost) -> list[Widths]:
    """Every group loses the same fraction of its channels, to within one step of its widths."""
    groups = cost.groups
    # A group takes its next width when the fraction passes the middle between the two.
    middles = sorted(
        (1 - (wider + narrower) / 2 / group.widths[0], i)
        for i, group in enumerate(groups)
        for wider, narrower in itertools.pairwise(group.widths)
    )
    steps = [0] * len(groups)
    path = [tuple(steps)]
    # Groups of the same size follow one after the other: all at once would be too coarse to meet a speed-up.
    for _, i in middles:
        steps[i] += 1
        path.append(tuple(steps))
    return _with_costs(path, cost)


def latency_path(cost: NetworkCost) -> list[Widths]:
    """The next to be narrowed is always the group that loses least importance per millisecond saved.

    The greedy solution of HALP's knapsack (arXiv:2210.06659), with two differences. What a group saves is summed over
    all layers that it runs through, as outputs and as inputs, at the present widths of the others. And several steps
    of a group are weighed as one where one alone saves too little, because latency falls in stairs.
    """
    groups = cost.groups
    steps = [0] * len(groups)
    path = [tuple(steps)]
    moves = {i: _best_move(cost, i, steps) for i in range(len(groups))}
    while possible := [(price, i, count) for i, (price, count) in moves.items() if count]:
        _, best, count = min(possible)
        for _ in range(count):
            steps[best] += 1
            path.append(tuple(steps))
        for i in cost.neighbours(best):
            moves[i] = _best_move(cost, i, steps)
    return _with_costs(path, cost)


def importance_kept(groups: Sequence[ChannelGroup], steps: Sequence[int]) -> float:
    """Geometric mean over the layers of the share of its importance that each keeps, in (0, 1]."""
    lost = sum(group.lost[step] for group, step in zip(groups, steps, strict=True))
    return math.exp(-lost / max(1, sum(group.makers for group in groups)))


def _best_move(cost: NetworkCost, group: int, steps: Sequence[int]) -> tuple[float, int]:
    """(importance lost per unit of cost saved, number of steps) of the cheapest move of a group; (inf, 0) for none."""
    saved = cost.saved(group, steps)
    lost = np.asarray(cost.groups[group].lost[steps[group] :])
    if not (saved > 0).any():
        return np.inf, 0
    with np.errstate(divide="ignore", invalid="ignore"):
        prices = np.where(saved > 0, (lost[1:] - lost[0]) / saved, np.inf)
    count = int(prices.argmin()) + 1
    return float(prices[count - 1]), count


def _with_costs(path: Sequence[tuple[int, ...]], cost: NetworkCost) -> list[Widths]:
    costs = cost.total(np.array(path, dtype=np.int64))
    return [Widths(steps, float(predicted)) for steps, predicted in zip(path, costs, strict=True)]
