"""How far each compression step moved the maps, of the rows that are shown."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from leaderboard.provenance import read_run
from pipeline.maps_moved import MapMove, by_step, move_of

MOST_ROWS = 200  # each is a file to read


def moved_maps(rows: pd.DataFrame, results: Path) -> pd.DataFrame:
    """One line per row that was made from another and explained: task, step, variant, input, drift with its interval, n
    maps, on how many of them the decision changed and the drift there; the step that moves maps most first. Of the
    best-ranked rows.
    """
    moves: list[MapMove] = []
    experiments: dict[int, str] = {}
    for row in rows.head(MOST_ROWS).to_dict("records"):
        move = _move(row, results)
        if move is not None:
            moves.append(move)
            experiments[id(move)] = str(row["experiment"])
    return pd.DataFrame(
        [
            {
                "task": one.task,
                "step": step,
                "variant": one.after,
                "input": one.before,
                "drift": one.drift,
                "low": one.low,
                "high": one.high,
                "maps": one.n,
                "changed": one.changed,
                "drift_changed": one.drift_changed,
                "experiment": experiments[id(one)],
            }
            for step, of_step in by_step(moves)
            for one in sorted(of_step, key=lambda one: -one.drift)
        ]
    )


def _move(row: Mapping[Hashable, Any], results: Path) -> MapMove | None:
    explanation: Any = read_run(results, {str(name): value for name, value in row.items()}).get("explanation")
    try:
        move = move_of(str(row["task"]), str(row["variant"]), explanation["moved"], str(explanation["method"]))
    except (KeyError, TypeError):  # an older run, a baseline, or a file that somebody wrote
        return None
    # No interval is told of a single map, no drift of decisions that did not change.
    told = [one for one in (move.low, move.high, move.drift_changed) if one is not None]
    numbers = (move.n, move.drift, move.changed, *told)
    is_sound = isinstance(explanation["moved"]["steps"], list) and all(isinstance(one, str) for one in move.steps)
    is_sound &= all(isinstance(one, int | float) and math.isfinite(one) for one in numbers)
    return move if is_sound and move.steps else None
