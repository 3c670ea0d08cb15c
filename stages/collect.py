"""DVC experiments that Git knows, and MLflow -> results/sources, which the board shows beside this clone's rows."""

from __future__ import annotations

from pathlib import Path

from pipeline.board import main_root
from pipeline.board_sources.experiments import experiment_rows
from pipeline.board_sources.store import write_remarks, write_source
from stages.entry import stage_main

EXPERIMENTS = "experiments"


@stage_main
def main(*, offline: bool = False) -> None:
    """Fetch rows from elsewhere for the board. With --offline only from Git, not from MLflow."""
    root = main_root(Path.cwd())
    found, lines = experiment_rows(root)
    count = write_source(root, EXPERIMENTS, found)
    write_remarks(root, EXPERIMENTS, lines)
    lines.insert(0, f"{count} rows of experiments that Git knows.")
    if not offline:
        from pipeline.tracking import MLFLOW_SOURCE, fetch_rows

        fetched, said = fetch_rows(root)
        if fetched is not None:
            write_source(root, MLFLOW_SOURCE, fetched)
        remarks = said if fetched is None else said[1:]  # the first line says how many there are
        write_remarks(root, MLFLOW_SOURCE, remarks)
        lines += said
    for line in lines:
        print(line)


if __name__ == "__main__":
    main()
