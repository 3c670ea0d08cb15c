"""The board's page. Widgets only: what they show comes from the pure functions beside this file.

Run from the project's root: streamlit run leaderboard/app.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# `streamlit run` puts the folder of the script on the path, not the project.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd
import streamlit as st

from leaderboard.charts import plottable, trade_off_chart
from leaderboard.columns import column_config
from leaderboard.provenance import provenance_text, read_picture, read_run, reproduce_commands
from leaderboard.table import BOARD_NAME, Loaded, choose, display_frame, escape_markdown, intervals, load_board
from pipeline.report import MARK

SHEETS_A_LINE = 3
SHEETS_AT_FIRST = 6


def main() -> None:
    st.set_page_config(page_title="Edgeboard", page_icon=":material/leaderboard:", layout="wide")
    st.title("Edgeboard")
    st.caption("Vision models for small devices, ranked by accuracy, size and speed.")
    results = Path(os.environ.get("EDGEBOARD_RESULTS", "results")).resolve()
    loaded = _load(str(results), *_stamp(results / BOARD_NAME))
    if not _show_state(loaded):
        return
    rows, filters = _choose_rows(loaded.board)
    if rows.empty:
        st.info("No row matches these filters.")
        return
    chosen = _show_table(rows, key=f"table {filters}")
    _show_chart(rows)
    _show_provenance(chosen, results)
    _show_explanations(rows, chosen, results)


@st.cache_data(max_entries=4, show_spinner=False)
def _load(results: str, modified_ns: int, size: int) -> Loaded:  # noqa: ARG001 they are the cache's key
    """Read the board once for each state of the file, not once for each click."""
    return load_board(Path(results))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, -1
    return status.st_mtime_ns, status.st_size


def _show_state(loaded: Loaded) -> bool:
    """Say what is wrong with the board's file, if anything. Returns whether there are rows to show."""
    if loaded.state == "missing":
        st.info("There are no results yet. `make repro` measures the models and fills this page.")
    elif loaded.state == "empty":
        st.info("The board is empty. `make repro` measures the models and fills this page.")
    elif loaded.state == "broken":
        st.error("The board's file cannot be shown.")
    if loaded.state == "ok" and loaded.messages:
        with st.expander(f"Cleaned while reading ({len(loaded.messages)})", icon=":material/warning:"):
            st.text("\n".join(loaded.messages))
    elif loaded.messages:
        st.text("\n".join(loaded.messages))
    return loaded.state == "ok"


def _choose_rows(board: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The filters, and the rows that they leave."""
    task_box, place_box, experiment_box = st.columns([1, 2, 2])
    task = task_box.selectbox("Task", sorted(board["task"].unique()), key="task")
    of_task = board[board["task"] == task]
    places = of_task["place"].value_counts().index.tolist()
    place = place_box.selectbox(
        "Measured on", places, key="place", help="Data, target and host. Rows are only compared within one of them."
    )
    of_place = of_task[of_task["place"] == place]
    experiments = experiment_box.multiselect(
        "Experiments", sorted(of_place["experiment"].unique()), key="experiments", placeholder="All"
    )
    return choose(board, task, place, experiments), f"{task} {place} {experiments}"


def _show_table(rows: pd.DataFrame, key: str) -> pd.Series:
    """The table. Returns the chosen row, the best-ranked one as long as none was chosen."""
    event = st.dataframe(
        display_frame(rows),
        column_config=column_config(rows),
        hide_index=True,
        width="stretch",
        height="auto" if len(rows) <= 10 else 390,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        placeholder="–",
        alt="The ranking as a table",
    )
    st.caption(
        f"{len(rows):,} rows · ◆ on the Pareto front of accuracy, size and FPS · "
        f"{MARK} costs more than what it was made from · "
        "tick a row on its left to see where its numbers come from"
    )
    selected = event.selection.rows
    return rows.iloc[selected[0] if selected and selected[0] < len(rows) else 0]


def _show_chart(rows: pd.DataFrame) -> None:
    st.subheader("Accuracy against speed")
    points, complete = plottable(rows)
    if points.empty:
        st.info("No row has an accuracy, a size and an FPS to draw.")
        return
    st.altair_chart(trade_off_chart(points, intervals(points)), width="stretch")
    told = ["Up and right is better, a smaller mark is a smaller file, a diamond is on the Pareto front."]
    if len(points) < complete:
        told.append(f"{len(points):,} of {complete:,} points are drawn: the front, the best ranks and a sample.")
    if complete < len(rows):
        told.append(f"{len(rows) - complete:,} rows lack one of the three numbers.")
    st.caption(" ".join(told))


def _show_provenance(chosen: pd.Series, results: Path) -> None:
    name = escape_markdown(f"{chosen['variant']} ({chosen['experiment']})")
    st.subheader(f"Where {name} comes from")
    if chosen["warning"]:
        st.warning(escape_markdown(f"{chosen['variant']}: {chosen['warning']}"), icon=":material/warning:")
    row = {str(name): value for name, value in chosen.items()}
    run = read_run(results, str(chosen["run_id"]))
    facts, again = st.columns([3, 2])
    facts.code(provenance_text(row, run), language=None, wrap_lines=True)
    again.markdown("**To get it again**")
    again.code(reproduce_commands(row), language="bash", wrap_lines=True)
    if isinstance(run.get("params"), dict) and run["params"]:
        with again.expander("Parameters"):
            st.json(run["params"], expanded=2)


def _show_explanations(rows: pd.DataFrame, chosen: pd.Series, results: Path) -> None:
    """The sheets of the variants that were measured together with the chosen row, that of the row itself first."""
    st.subheader("What the models look at")
    together = rows[rows["experiment"] == chosen["experiment"]].drop_duplicates("variant")
    together = together.sort_values("variant", key=lambda names: names != chosen["variant"], kind="stable")
    pictures = [
        (f"{row['variant']} ({row['precision']})", picture)
        for _, row in together.iterrows()
        if (picture := read_picture(results, str(row["explanation"]))) is not None
    ]
    if not pictures:
        st.info("No explanation was kept for these rows.")
        return
    _show_sheets(pictures[:SHEETS_AT_FIRST])
    rest = pictures[SHEETS_AT_FIRST:]
    if rest:
        with st.expander(f"{len(rest)} more"):
            _show_sheets(rest)


def _show_sheets(pictures: list[tuple[str, bytes]]) -> None:
    for start in range(0, len(pictures), SHEETS_A_LINE):
        line = pictures[start : start + SHEETS_A_LINE]
        for box, (name, picture) in zip(st.columns(SHEETS_A_LINE), line, strict=False):
            box.text(name)
            box.image(picture, width="stretch", alt=f"Explanation of {name}")


main()
