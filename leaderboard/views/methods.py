"""What each compression step gained."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.gains import by_step, step_gains
from leaderboard.maps_moved import moved_maps
from leaderboard.provenance import read_picture
from leaderboard.view import View
from pipeline.report import MARK


def show(view: View) -> None:
    words = view.words
    st.markdown(words("methods.help"))
    gains = step_gains(view.rows, view.board)
    if gains.empty:
        st.info(words("methods.nothing"))
        return
    _show_summary(view, by_step(gains))
    drawable = gains.dropna(subset=["accuracy", "speed"])
    if not drawable.empty:
        from leaderboard.charts import COLOURS
        from leaderboard.compare_charts import gains_chart

        # Colours and shapes are for so many; the rest stays in the table.
        steps = drawable["step"].value_counts().index[: len(COLOURS)]
        st.altair_chart(gains_chart(drawable[drawable["step"].isin(steps)], words))
        st.caption(words("methods.reading"))
    st.subheader(words("methods.each"), anchor=False)
    each = _in_points(gains).assign(mark=gains["warning"].map(lambda text: MARK if text else ""))
    marked, several = bool((gains["warning"] != "").any()), gains["experiment"].nunique() > 1
    columns = ["step", "variant", "input", *(["mark"] if marked else []), "accuracy", "size", "speed", "memory"]
    st.dataframe(
        each[[*columns, *(["experiment"] if several else []), *(["warning"] if marked else [])]],
        column_config=_columns(view),
        hide_index=True,
        width="stretch",
        placeholder="–",
        alt=words("methods.each"),
    )
    _show_moved(view)
    picture = read_picture(view.results, f"methods/{view.filters.task}.png")
    if picture is not None:
        st.subheader(words("methods.picture"), anchor=False)
        st.image(picture, width="stretch", alt=words("methods.picture"))


def _show_moved(view: View) -> None:
    words, column = view.words, st.column_config
    moved = moved_maps(view.rows, view.results)
    if moved.empty:
        return
    st.subheader(words("methods.moved"), anchor=False)
    several = [name for name in ("task", "experiment") if moved[name].nunique() > 1]
    st.dataframe(
        moved[["step", "variant", "input", "drift", "low", "high", "maps", "changed", "drift_changed", *several]],
        column_config={
            **_columns(view),
            "task": column.TextColumn(words("column.task")),
            "drift": column.NumberColumn(words("column.xai_drift"), format="%.3f"),
            "low": column.NumberColumn(words("methods.low"), format="%.3f"),
            "high": column.NumberColumn(words("methods.high"), format="%.3f"),
            "maps": column.NumberColumn(words("methods.maps")),
            "changed": column.NumberColumn(words("methods.changed")),
            "drift_changed": column.NumberColumn(words("methods.drift_changed"), format="%.3f"),
        },
        hide_index=True,
        width="stretch",
        alt=words("methods.moved"),
    )
    st.caption(words("methods.moved_reading"))


def _show_summary(view: View, summary: pd.DataFrame) -> None:
    st.subheader(view.words("methods.summary"), anchor=False)
    st.dataframe(
        _in_points(summary),
        column_config=_columns(view),
        hide_index=True,
        placeholder="–",
        alt=view.words("methods.summary"),
    )


def _in_points(gains: pd.DataFrame) -> pd.DataFrame:
    """A difference of two percentages is in points: with a per cent sign it would pass for a ratio."""
    return gains.assign(accuracy=100 * gains["accuracy"])


def _columns(view: View) -> dict[str, Any]:
    words, column = view.words, st.column_config
    return {
        "step": column.TextColumn(words("methods.step"), pinned=True),
        "variant": column.TextColumn(words("column.variant")),
        "input": column.TextColumn(words("methods.input")),
        "mark": column.TextColumn(words("column.mark"), width=55),
        "accuracy": column.NumberColumn(words("methods.accuracy"), format="%+.2f"),
        "size": column.NumberColumn(words("methods.size"), format="%.2f×"),
        "speed": column.NumberColumn(words("methods.speed"), format="%.2f×"),
        "memory": column.NumberColumn(words("methods.memory"), format="%.2f×"),
        "n": column.NumberColumn(words("methods.n")),
        "experiment": column.TextColumn(words("column.experiment")),
        "warning": column.TextColumn(words("methods.warning")),
    }
