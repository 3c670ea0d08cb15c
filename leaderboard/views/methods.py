"""What each compression step gained."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.gains import by_step, step_gains
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
    each = gains.assign(mark=gains["warning"].map(lambda text: MARK if text else ""))
    st.dataframe(
        each[["step", "variant", "input", "mark", "accuracy", "size", "speed", "memory", "experiment", "warning"]],
        column_config=_columns(view),
        hide_index=True,
        width="stretch",
        placeholder="–",
        alt=words("methods.each"),
    )
    picture = read_picture(view.results, f"methods/{view.filters.task}.png")
    if picture is not None:
        st.subheader(words("methods.picture"), anchor=False)
        st.image(picture, width="stretch", alt=words("methods.picture"))


def _show_summary(view: View, summary: pd.DataFrame) -> None:
    st.subheader(view.words("methods.summary"), anchor=False)
    st.dataframe(
        summary, column_config=_columns(view), hide_index=True, placeholder="–", alt=view.words("methods.summary")
    )


def _columns(view: View) -> dict[str, Any]:
    words, column = view.words, st.column_config
    return {
        "step": column.TextColumn(words("methods.step"), pinned=True),
        "variant": column.TextColumn(words("column.variant")),
        "input": column.TextColumn(words("methods.input")),
        "mark": column.TextColumn(words("column.mark"), width=55),
        "accuracy": column.NumberColumn(words("methods.accuracy"), format="percent"),
        "size": column.NumberColumn(words("methods.size"), format="%.2f×"),
        "speed": column.NumberColumn(words("methods.speed"), format="%.2f×"),
        "memory": column.NumberColumn(words("methods.memory"), format="%.2f×"),
        "n": column.NumberColumn(words("methods.n")),
        "experiment": column.TextColumn(words("column.experiment")),
        "warning": column.TextColumn(words("methods.warning")),
    }
