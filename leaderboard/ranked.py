"""Ranking what is shown: anew for every filter, within one task, data set, target and host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leaderboard.provenance import read_kept_evidence
from pipeline.evidence import decisions
from pipeline.rank_intervals import PAIRWISE_LIMIT, Basis, rank_intervals
from pipeline.ranking import GROUP_COLUMNS, pareto_front, possible_front

ON_FRONT, MAY_BE = "◆", "◇"
Decisions = dict[str, tuple[str, npt.NDArray[np.bool_]]]


@dataclass(frozen=True)
class Ranked:
    """rows: best first, with rank, rank_high, score and front (◆ on it, ◇ may be on it, else "").

    groups: how many were ranked apart. bases: from what the accuracies' uncertainty was taken. pairwise: in all groups.
    """

    rows: pd.DataFrame
    groups: int
    bases: tuple[Basis, ...]
    pairwise: bool


def rank_rows(
    rows: pd.DataFrame, weights: Mapping[str, float], results: Path | None = None, faithfulness: bool = False
) -> Ranked:
    """`rank` is 1 + the number of surely better rows, so that rows that cannot be told apart share it."""
    score = np.full(len(rows), np.nan)
    best, worst = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    front = np.full(len(rows), "", dtype=object)
    bases: set[Basis] = set()
    pairwise = True
    groups = rows.groupby(list(GROUP_COLUMNS), dropna=False, sort=False).indices
    for places in groups.values():
        group = rows.iloc[places]
        found = decisions_of(group, results) if results is not None and len(group) <= PAIRWISE_LIMIT else {}
        ranks = rank_intervals(group, weights, found, faithfulness=faithfulness)
        score[places], best[places], worst[places] = ranks.score, ranks.best, ranks.worst
        bases |= {basis for basis, place in zip(ranks.basis, ranks.best, strict=True) if place}
        pairwise &= ranks.pairwise
        front[places] = front_signs(group, faithfulness)
    ranked = rows.assign(
        score=score,
        rank=pd.array(best, dtype="Int64"),
        rank_high=pd.array(worst, dtype="Int64"),
        front=front,
        pareto=pd.array(front == ON_FRONT, dtype="boolean"),
    )
    ranked.loc[best == 0, ["rank", "rank_high"]] = pd.NA
    order = ["rank", "score", "experiment", "variant"]
    ranked = ranked.sort_values(order, ascending=[True, False, True, True], na_position="last")
    return Ranked(ranked.reset_index(drop=True), len(groups), tuple(sorted(bases)), pairwise)


def front_signs(group: pd.DataFrame, faithfulness: bool) -> npt.NDArray[np.object_]:
    """◆, ◇ or "" for each row of one group."""
    numbers = {name: _numbers(group, name) for name in ("accuracy", "size_mb", "fps", "xai_faithfulness")}
    faithful = numbers["xai_faithfulness"] if faithfulness else None
    on = pareto_front(numbers["accuracy"], numbers["size_mb"], numbers["fps"], faithful)
    ends = []
    for end in ("low", "high"):
        columns = [_end(group, "accuracy", end), -numbers["size_mb"], _end(group, "fps", end)]
        ends.append(np.column_stack([*columns, faithful] if faithful is not None else columns))
    may_be = possible_front(*ends)
    return np.where(on, ON_FRONT, np.where(may_be, MAY_BE, "")).astype(object)


def decisions_of(rows: pd.DataFrame, results: Path) -> Decisions:
    """run_id -> decisions, of the rows that have them on this disk."""
    found: Decisions = {}
    for row in _records(rows):
        kept = decisions(read_kept_evidence(results, row))
        if kept is not None:
            found[str(row["run_id"])] = kept
    return found


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _numbers(group: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    return group[name].to_numpy(dtype=float, na_value=np.nan)


def _end(group: pd.DataFrame, name: str, end: str) -> npt.NDArray[np.float64]:
    value, bound = _numbers(group, name), _numbers(group, f"{name}_{end}")
    return np.where(np.isnan(bound), value, bound)
