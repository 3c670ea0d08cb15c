"""results/benchmark, results/explain -> results/leaderboard.csv."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from pipeline.board import BOARD_FILE, experiment_name, read_records, update_board
from pipeline.params import load_params
from pipeline.ranking_table import ranking_table
from pipeline.report import read_board
from stages.entry import stage_main


def main() -> None:
    """Add this run's rows to the board and rank it anew. With --show only print the board as it is."""
    params = load_params()
    records = read_records(Path.cwd(), params.tasks)
    update = update_board(Path.cwd(), records, experiment_name(), params.leaderboard.weights.model_dump())
    console = _console()
    for line in update.lines:
        console.print(line, style="yellow", markup=False, highlight=False)
    console.print(ranking_table(update.board))


def show() -> None:
    """Print the board as it is, and how to open it."""
    board = read_board(BOARD_FILE)
    console = _console()
    if board.frame.empty:
        console.print("The board is empty; `make repro` fills it.")
        return
    console.print(ranking_table(board.frame))
    console.print("Open the board: make leaderboard")


def _console() -> Console:
    # In a log there is no width to read; 80 columns would cut names and numbers.
    return Console() if sys.stdout.isatty() else Console(width=140)


if __name__ == "__main__":
    if sys.argv[1:] == ["--show"]:
        sys.argv.pop()
        stage_main(show)()
    else:
        stage_main(main)()
