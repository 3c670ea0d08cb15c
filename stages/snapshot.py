"""results/ -> one HTML file with the ranking, the chart, the maps and the provenance; opens without a server."""

from __future__ import annotations

from pathlib import Path

from leaderboard.ranked import rank_rows
from leaderboard.snapshot import snapshot
from leaderboard.table import Filters, default_weights, filter_rows, load_board
from leaderboard.wording import LANGUAGES, wording
from pipeline.errors import EdgeboardError
from pipeline.files import write_text
from stages.entry import stage_main

RESULTS = Path("results")


@stage_main
def main(out: str, *, task: str = "", language: str = "en") -> None:
    """Write the board as one HTML file. --task keeps one task, --language is en or fr."""
    if language not in LANGUAGES.values():
        raise EdgeboardError("There is no such language", value=language, allowed=", ".join(LANGUAGES.values()))
    loaded = load_board(RESULTS.resolve())
    if loaded.state != "ok":
        raise EdgeboardError("There is no board to show", where=RESULTS, value=loaded.state, mend="make repro")
    rows = filter_rows(loaded.board, Filters(task=task))
    if rows.empty:
        tasks = ", ".join(sorted(loaded.board["task"].unique()))
        raise EdgeboardError("The board has no row of this task", value=task, allowed=tasks)
    results = RESULTS.resolve()
    ranked = rank_rows(rows, default_weights(results), results)
    write_text(Path(out), snapshot(ranked.rows, results, wording(language), task))
    print(f"Written: {out} ({len(ranked.rows)} rows)")


if __name__ == "__main__":
    main()
