"""How sure a rank is: between which places a row lies, given what its accuracy and FPS leave open.

The interval of a rank is 1 + the number of rows that are surely better, to n - the number of those surely worse
(Mogstad, Romano, Shaikh and Wilhelm 2024, Review of Economic Studies 91:476). Percentiles of resampled ranks would be
wrong just where it matters, among near ties (Xie, Singh and Zhang 2009, JASA 104:775).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.ranking import Floats, composite_score, goodness

RESAMPLES = 1000
PAIRWISE_LIMIT = 100  # rows; beyond, a million pairs would keep a viewer waiting for what no eye can use
CONFIDENCE = 0.95
_Z = 1.959964  # half-width of a 95 % interval in standard deviations
_NEVER = 1e-12  # differences below are no differences but the last bits of an addition

Basis = Literal["decisions", "difference", "interval", "none"]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RankIntervals:
    """Per row, in the order given. score: composite in [0, 1] or NaN. best, worst: places from 1; 0 without a score.

    basis: what the accuracy's uncertainty was drawn from: `decisions` frame by frame, resampled for all rows alike;
    the paired `difference` to its baseline; its own `interval`; or none. pairwise: rows were compared in pairs, else
    by their own intervals, which is more cautious.
    """

    score: Floats
    best: Ints
    worst: Ints
    basis: list[Basis]
    pairwise: bool


def rank_intervals(
    rows: pd.DataFrame,
    weights: Mapping[str, float],
    decisions: Mapping[str, tuple[str, npt.NDArray[np.bool_]]] | None = None,
    seed: int = 0,
    faithfulness: bool = False,
) -> RankIntervals:
    """Intervals of the ranks of `rows`, which must be of one task, data set, target and host.

    decisions: run_id -> (hash of the test frames, whether each was decided rightly). Scores are on the scale of the
    rows' own numbers, which resampling does not move; size and faithfulness are taken as known.
    """
    numbers = {name: _column(rows, name) for name in ("accuracy", "size_mb", "fps", "xai_faithfulness")}
    faithful = numbers["xai_faithfulness"] if faithfulness else None
    measured = numbers["accuracy"], numbers["size_mb"], numbers["fps"]
    score = composite_score(*measured, weights, faithful).round(12)
    ranked = np.flatnonzero(np.isfinite(score))
    best, worst = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    basis: list[Basis] = ["none"] * len(rows)
    if not len(ranked):
        return RankIntervals(score, best, worst, basis, True)
    goods = goodness(*measured, weights, faithful)
    total = sum(weights[name] for name in goods)
    share = {name: weights[name] / total / _spread(good[ranked]) for name, good in goods.items()}
    pairwise = len(ranked) <= PAIRWISE_LIMIT
    chosen = rows.iloc[ranked]
    if pairwise:
        generator = np.random.default_rng(seed)
        accuracy, kinds = _accuracies(chosen, decisions or {}, generator)
        deviations = share["accuracy"] * (accuracy - numbers["accuracy"][ranked])
        deviations += share["fps"] * _log_fps_deviations(chosen, generator)
        best[ranked], worst[ranked] = _by_pairs(score[ranked], deviations)
    else:
        below, above = _half_widths(chosen, share["accuracy"], share["fps"])
        best[ranked], worst[ranked] = _by_own_intervals(score[ranked], below, above)
        kinds = ["interval" if pd.notna(low) else "none" for low in chosen["accuracy_low"]]
    for place, kind in zip(ranked, kinds, strict=True):
        basis[place] = kind
    return RankIntervals(score, best, worst, basis, pairwise)


def _by_pairs(score: Floats, deviations: Floats) -> tuple[Ints, Ints]:
    """Places by simultaneous intervals of one row's differences to all others. deviations: `[resamples, n]`."""
    best, worst = np.ones(len(score), dtype=np.int64), np.full(len(score), len(score), dtype=np.int64)
    for row in range(len(score)):
        difference = np.delete(score - score[row], row)
        moves = np.delete(deviations - deviations[:, [row]], row, axis=1)
        if not difference.size:
            break
        deviation = moves.std(axis=0)
        moving = deviation > _NEVER
        critical = 0.0
        if moving.any():
            largest = (np.abs(moves[:, moving] - moves[:, moving].mean(axis=0)) / deviation[moving]).max(axis=1)
            critical = float(np.quantile(largest, CONFIDENCE))
        open_by = np.where(moving, critical * deviation, _NEVER)
        best[row] += int((difference > open_by).sum())
        worst[row] -= int((difference < -open_by).sum())
    return best, worst


def _by_own_intervals(score: Floats, below: Floats, above: Floats) -> tuple[Ints, Ints]:
    """Places by whether the rows' own intervals part. O(n log n)."""
    lower, upper = np.sort(score - below), np.sort(score + above)
    n = len(score)
    best = 1 + n - np.searchsorted(lower, score + above + _NEVER, side="right")
    worst = n - np.searchsorted(upper, score - below - _NEVER, side="left")
    return best.astype(np.int64), worst.astype(np.int64)


def _half_widths(rows: pd.DataFrame, accuracy_share: float, fps_share: float) -> tuple[Floats, Floats]:
    """How far the score reaches down and up: the parts' half-widths, squared and added.

    Recovery of variances from intervals (Zou and Donner 2008, Statistics in Medicine 27:1693).
    """
    accuracy, fps = _bounds(rows, "accuracy"), np.log(_bounds(rows, "fps"))
    ends = []
    for end in (0, 2):
        parts = [accuracy_share * (accuracy[end] - accuracy[1]), fps_share * (fps[end] - fps[1])]
        ends.append(np.sqrt(np.sum(np.square(parts), axis=0)))
    return ends[0], ends[1]


def _accuracies(
    rows: pd.DataFrame, decisions: Mapping[str, tuple[str, npt.NDArray[np.bool_]]], generator: np.random.Generator
) -> tuple[Floats, list[Basis]]:
    """Resampled accuracies `[RESAMPLES, n]`, and what each row's were drawn from."""
    drawn = _split_normal(_bounds(rows, "accuracy"), generator)
    basis: list[Basis] = ["interval" if pd.notna(low) else "none" for low in rows["accuracy_low"]]
    runs = rows["run_id"].tolist()
    _couple_to_baselines(rows, drawn, basis, generator)
    for frames in sorted({decisions[run][0] for run in runs if run in decisions}):
        places = [place for place, run in enumerate(runs) if run in decisions and decisions[run][0] == frames]
        correct = np.array([decisions[runs[place]][1] for place in places], dtype=float)
        n = correct.shape[1]
        counts = generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
        drawn[:, places] = counts @ correct.T / n
        for place in places:
            basis[place] = "decisions"
    return drawn, basis


def _couple_to_baselines(rows: pd.DataFrame, drawn: Floats, basis: list[Basis], generator: np.random.Generator) -> None:
    """Redraw rows as their run's baseline plus the paired difference to it, where both are known."""
    of_run = ["experiment", "params_hash", "host", "data_hash"]
    baselines = {
        tuple(row[name] for name in of_run): place
        for place, (_, row) in enumerate(rows.iterrows())
        if row["variant"] == "baseline"
    }
    deltas = _split_normal(_bounds(rows, "accuracy_delta"), generator)
    for place, (_, row) in enumerate(rows.iterrows()):
        baseline = baselines.get(tuple(row[name] for name in of_run))
        if baseline is not None and baseline != place and pd.notna(row["accuracy_delta_low"]):
            drawn[:, place] = drawn[:, baseline] + deltas[:, place]
            basis[place] = "difference"


def _log_fps_deviations(rows: pd.DataFrame, generator: np.random.Generator) -> Floats:
    bounds = np.log(_bounds(rows, "fps"))
    return _split_normal(bounds, generator) - bounds[1]


def _split_normal(bounds: Floats, generator: np.random.Generator) -> Floats:
    """Draws `[RESAMPLES, n]` around values whose 95 % intervals may be lopsided. bounds: `[3, n]`, low, value, high."""
    standard = generator.standard_normal((RESAMPLES, bounds.shape[1]))
    low, value, high = bounds
    return np.where(standard < 0, value + standard * (value - low) / _Z, value + standard * (high - value) / _Z)


def _bounds(rows: pd.DataFrame, name: str) -> Floats:
    """`[3, n]`: low, value, high; a value without an interval is taken as known."""
    value = _column(rows, name)
    ends = (_column(rows, f"{name}_{end}") for end in ("low", "high"))
    low, high = (np.where(np.isnan(end), value, end) for end in ends)
    if name == "fps":  # a logarithm follows
        low = np.where(low > 0, low, value)
    return np.array([np.minimum(low, value), value, np.maximum(high, value)])


def _column(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype=float, na_value=np.nan)


def _spread(good: Floats) -> float:
    spread = float(good.max() - good.min())
    return spread if spread > 0 else float("inf")  # where all are equal, nothing of it counts
