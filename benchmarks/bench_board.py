"""Ranking 10,000 rows: our O(n log n) Pareto front and composite rank against the plain pairwise comparison.

Prints the ratio of the median times over rounds in which both run in turn.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.ranking import pareto_front, rank_board

ROWS, ROUNDS = 10_000, 5
WEIGHTS = {"accuracy": 0.5, "size": 0.25, "fps": 0.25}


def pairwise_front(accuracy: npt.NDArray, size_mb: npt.NDArray, fps: npt.NDArray) -> npt.NDArray[np.bool_]:
    """The definition, row by row against all others."""
    values = np.column_stack([accuracy, -size_mb, fps])
    return np.array([not ((values >= row).all(1) & (values > row).any(1)).any() for row in values])


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    draw = np.random.default_rng(0)
    angle = draw.uniform(0, np.pi / 2, ROWS)
    columns = np.sin(angle), draw.uniform(1, 50, ROWS), np.cos(angle) + 0.01
    board = pd.DataFrame(dict(zip(("accuracy", "size_mb", "fps"), columns, strict=True)))
    board = board.assign(task="fire", data_hash="d", target="local", host="h")
    assert (pareto_front(*columns) == pairwise_front(*columns)).all()
    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: rank_board(board, WEIGHTS)))
        plain.append(seconds(lambda: pairwise_front(*columns)))
    ratio = statistics.median(plain) / statistics.median(ours)
    print(f"rank_board (front and rank) on {ROWS} rows: {ratio:.0f} times as fast as the pairwise front alone")


if __name__ == "__main__":
    main()
