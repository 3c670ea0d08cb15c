"""results/leaderboard.csv against another board -> a table, and exit code 1 where something became worse."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from rich.console import Console

from pipeline.board import RUNS_FOLDER
from pipeline.board_sources.store import SOURCES_FOLDER
from pipeline.differences import Decided
from pipeline.errors import EdgeboardError
from pipeline.evidence import EVIDENCE_FILE, decisions, read_evidence
from pipeline.gate.base import read_base
from pipeline.gate.budget import Budget, read_budget
from pipeline.gate.compare import compare_boards
from pipeline.gate.table import findings_table
from pipeline.report import BOARD_FILE, read_board
from stages.entry import stage_main

FAILED = 1


@stage_main
def main(*base: str, budget: str = "", board: str = str(BOARD_FILE), tasks: str = "") -> None:
    """Compare this clone's rows with BASE: a leaderboard.csv, a results folder, a Git revision or an experiment.

    --budget names a YAML file with tolerances and limits; BASE may be left out where it has limits. --tasks fire,face
    looks at these only. Ends with exit code 0 where nothing became worse, 1 where something did, 2 where the input
    cannot be used.
    """
    root = Path.cwd()
    if len(base) > 1 or not (base or budget):
        raise EdgeboardError("One BASE is needed, or a --budget", value=" ".join(base) or "nothing")
    allowed = read_budget(Path(budget)) if budget else Budget()
    if not base and not allowed.limits:
        raise EdgeboardError("Without a BASE the budget needs limits", where=budget, mend="add a section limits")
    mine = _of_tasks(read_board(Path(board)).frame, tasks)
    if mine.empty:
        raise EdgeboardError("This clone's board has no rows", where=board, mend="make repro")
    before = _of_tasks(read_base(base[0], root), tasks) if base else None
    findings = compare_boards(mine, before, allowed, _decided(root))
    if not findings:
        raise EdgeboardError(
            "There was nothing to compare", where=board, value=f"variants: {', '.join(allowed.variants) or 'all'}"
        )
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(findings_table(findings))
    failed = [one for one in findings if one.fails]
    console.print(f"{len(findings) - len(failed)} of {len(findings)} checks are fine.", highlight=False)
    if failed:
        raise SystemExit(FAILED)


def _of_tasks(rows: pd.DataFrame, tasks: str) -> pd.DataFrame:
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    return rows[rows["task"].isin(names)] if names else rows


def _decided(root: Path) -> dict[str, Decided]:
    """run_id -> decisions, of all runs that this clone keeps, its own and those fetched from elsewhere."""
    found = {}
    for folder in (RUNS_FOLDER, SOURCES_FOLDER / "*" / "runs"):
        for path in root.glob((folder / "*" / EVIDENCE_FILE).as_posix()):
            kept = decisions(read_evidence(path))
            if kept is not None:
                found[path.parent.name] = kept
    return found


if __name__ == "__main__":
    main()
