"""results/boards/<host>/<run>.json -> rows of results/leaderboard.csv."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.board import Record, make_record, update_board
from pipeline.deploy.raw_result import read_result
from pipeline.deploy.results import task_report
from pipeline.errors import EdgeboardError
from pipeline.params import load_params
from pipeline.ranking_table import ranking_table
from stages.entry import stage_main

BOARDS = Path("results/boards")


@stage_main
def main(*files: str) -> None:
    """Put the newest results of every board on the leaderboard. Files that are named must be whole; of the others one
    that is not is skipped and listed."""
    results = _results([Path(file) for file in files])
    newest = _newest_reports(results)
    if not newest:
        raise EdgeboardError(
            "No board has measured anything yet", where=BOARDS, mend="deploy/push_to_jetson.sh user@host"
        )
    weights = load_params().leaderboard.weights.model_dump()
    records: dict[str, list[Record]] = {}
    for (_, task, _), (path, experiment, report) in newest.items():
        records.setdefault(experiment, []).extend(_records(task, path, report))
    console = Console() if sys.stdout.isatty() else Console(width=140)
    for experiment, own in sorted(records.items()):
        update = update_board(Path.cwd(), own, experiment, weights)
        for line in update.lines:
            console.print(line, style="yellow", markup=False, highlight=False)
    shown = update.board[update.board["target"] != "local"]
    console.print(ranking_table(shown))


def _results(named: list[Path]) -> list[tuple[Path, dict[str, Any]]]:
    """Every whole result, the oldest run first: its name begins with the time at which this machine started it."""
    read = []
    wanted = {path.resolve() for path in named}
    paths = {path.resolve(): path for path in [*BOARDS.glob("*/*.json"), *named]}
    for resolved, path in sorted(paths.items(), key=lambda item: item[1].name):
        try:
            read.append((path, read_result(path)))
        except EdgeboardError as error:
            if resolved in wanted:
                raise
            print(f"board_results: skipped {path}: {error.what}: {error.value}", flush=True)
    return read


def _newest_reports(
    results: list[tuple[Path, dict[str, Any]]],
) -> dict[tuple[str, str, str], tuple[Path, str, dict[str, Any]]]:
    """(host, task, engine) -> file, experiment and report of the last run.

    All of them go to the board together, for it takes what an experiment says of a task on a host as a whole.
    """
    newest = {}
    for path, result in results:
        for task in sorted(result["bundles"]):
            report = task_report(result, task)
            key = (f"{path.parent.name} {report['host']['id']}", task, result["engine"])
            newest[key] = path, str(result["request"]["origin"][task]["experiment"]), report
    return newest


def _records(task: str, path: Path, report: dict[str, Any]) -> list[Record]:
    explained = Path("results/explain") / task / "report.json"
    return [make_record(Path.cwd(), task, report, row, {}, path, explained) for row in report["rows"]]


if __name__ == "__main__":
    main()
