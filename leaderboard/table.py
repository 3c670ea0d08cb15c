"""The board's rows as people see them: loading, choosing and the columns of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from pipeline.errors import EdgeboardError
from pipeline.report import MARK, read_board

BOARD_NAME = "leaderboard.csv"
State = Literal["ok", "missing", "empty", "broken"]


@dataclass(frozen=True)
class Loaded:
    """The board, or why there is none to show."""

    state: State
    board: pd.DataFrame
    messages: tuple[str, ...] = ()


def load_board(results: Path) -> Loaded:
    """Read the board of a results folder; whatever is wrong with it becomes a state and messages, never an error."""
    path = results / BOARD_NAME
    if not path.is_file():
        return Loaded("missing", pd.DataFrame(), (str(path),))
    try:
        read = read_board(path)
    except EdgeboardError as error:
        return Loaded("broken", pd.DataFrame(), (str(error),))
    except OSError as error:
        return Loaded("broken", pd.DataFrame(), (f"The leaderboard file cannot be read ({error.strerror}): {path}",))
    if read.frame.empty:
        return Loaded("empty", read.frame, read.warnings)
    return Loaded("ok", read.frame.assign(place=places(read.frame)), read.warnings)


def places(board: pd.DataFrame) -> pd.Series:
    """Where and on what each row was measured, as one text: rows are only ever compared within one of these."""
    host = board["host"].where(board["host"] != "", "unknown host")
    place = board["target"] + " · " + host
    several = board.groupby("task")["data_hash"].transform("nunique") > 1
    data = board["data"].where(board["data"] != "", "data") + " (" + board["data_hash"].str[:6] + ")"
    return place.where(~several, data + " · " + place)


def choose(board: pd.DataFrame, task: str, place: str, experiments: Sequence[str]) -> pd.DataFrame:
    """The rows of a task and place, best first; of all experiments when none is named."""
    rows = board[(board["task"] == task) & (board["place"] == place)]
    if experiments:
        rows = rows[rows["experiment"].isin(experiments)]
    return rows.sort_values(["rank", "experiment", "variant"], na_position="last", kind="stable").reset_index(drop=True)


def display_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of the table, in its order; numbers stay numbers, so that the table sorts by value."""
    shown = rows.assign(front=rows["pareto"].map({True: "◆"}).fillna(""), mark=marks(rows), interval=intervals(rows))
    several = rows["experiment"].nunique() > 1
    leading = ["rank", "front", "mark", "variant", *(["experiment"] if several else []), "precision"]
    sizes = ["size_mb", "size_compressed_mb"]
    numbers = ["accuracy", "interval", *sizes, "fps", "speedup", "latency_ms_p50", "xai_faithfulness", "xai_drift"]
    return shown[[*leading, *numbers, "recipe", *([] if several else ["experiment"]), "note"]]


def intervals(rows: pd.DataFrame) -> pd.Series:
    """`91.1–95.8 % (n=360)` for each row, as much of it as was measured."""
    texts = []
    for low, high, count in zip(rows["accuracy_low"], rows["accuracy_high"], rows["n_test"], strict=True):
        bounds = f"{100 * low:.1f}–{100 * high:.1f} %" if pd.notna(low) and pd.notna(high) else ""
        texts.append(f"{bounds} (n={count})".strip() if pd.notna(count) else bounds)
    return pd.Series(texts, index=rows.index, dtype=object)


def marks(rows: pd.DataFrame) -> pd.Series:
    """⚠ for each row with a warning. A sign, not a colour: eyes and printers that see none still see it."""
    return (rows["warning"] != "").map({True: MARK, False: ""})


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: a name with * [ ] $ : or < in it is a name, nothing else."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]()#+-.!|~$:<>" else character for character in text)
