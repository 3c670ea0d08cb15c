"""One board from several sources, without doubles."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.board_sources.store import ORIGIN
from pipeline.report import board_frame

WORKSPACE = "workspace"
# Published twice from the same commit and parameters: a repetition, of which only the newest counts.
_REPEATED = (
    "experiment", "task", "variant", "target", "engine", "precision", "host", "params_hash", "data_hash", "git_commit",
)  # fmt: skip


def merge_boards(boards: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """All rows of `boards` (origin, rows), the first source winning, with a column `source` that says the origin.

    A double is the same run (its id is a hash of what was measured and of the numbers) under the same experiment; a
    run that has a name elsewhere is not listed a second time as `workspace`. Rows of other runs stay, even where
    experiment and variant are the same: two people each have a `workspace`. Of repetitions from outside the first
    source only the newest stays, and none where the first source has that measurement itself.
    """
    parts = [
        frame.assign(**{ORIGIN: frame[ORIGIN] if ORIGIN in frame.columns else origin, "_place": place})
        for place, (origin, frame) in enumerate(boards)
        if not frame.empty
    ]
    if not parts:
        return board_frame([]).assign(**{ORIGIN: pd.Series(dtype=object)})
    if len(parts) == 1:
        return parts[0].drop(columns="_place").reset_index(drop=True)
    board = pd.concat(parts, ignore_index=True)
    with_id = board["run_id"] != ""
    # A row without an id (an older board) is a row of its own.
    identity = board["run_id"].where(with_id, "row " + board.index.astype(str).to_series(index=board.index))
    board = board[~pd.DataFrame({"id": identity, "experiment": board["experiment"]}).duplicated()]
    board = board.sort_values(["_place", "created_at"], ascending=[True, False], kind="stable")
    outside = board["_place"] > board["_place"].min()
    repeated = board.duplicated(list(_REPEATED))
    board = board[~(outside & repeated)]
    # Last, so that a run is only taken off under one name where it is still listed under the other.
    named = set(board.loc[(board["experiment"] != WORKSPACE) & (board["run_id"] != ""), "run_id"])
    board = board[~((board["experiment"] == WORKSPACE) & board["run_id"].isin(named))]
    return board.drop(columns="_place").sort_index().reset_index(drop=True)
