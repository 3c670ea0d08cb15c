"""Accuracy, FPS, size and faithfulness against each other, with the front drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import streamlit as st

from leaderboard.chart_texts import chart_texts
from leaderboard.charts import Axis, plottable, trade_off_chart
from leaderboard.filter_widgets import choose_one
from leaderboard.reference import reference
from leaderboard.table import links
from leaderboard.view import View

ACROSS = ("speedup", "fps", "size_mb")
UP = ("accuracy", "xai_faithfulness")


def show(view: View) -> None:
    words, rows = view.words, view.rows
    boxes = st.columns([2, 2, 3], vertical_alignment="bottom")
    # Where several machines are shown, only the ratio to each one's own baseline can be set side by side.
    across = [name for name in ACROSS if name != "fps" or view.ranked.groups == 1]
    x = cast(Axis, choose_one(boxes[0], words("trade.across"), _named(across, view), "x", view.address))
    y = cast(Axis, choose_one(boxes[1], words("trade.up"), _named(UP, view), "y", view.address))
    view.address.prepare("ref", True, lambda texts: {"true": True, "false": False}.get("".join(texts).lower()))
    with_reference = boxes[2].toggle(words("trade.reference"), key="ref")
    view.address.keep("ref", with_reference, True)
    points, complete = plottable(rows, needed=tuple(dict.fromkeys((x, y, "size_mb", "accuracy"))))
    if points.empty:
        st.info(words("trade.nothing"))
        return
    figures = reference().of(view.filters.task) if with_reference else None
    st.altair_chart(trade_off_chart(points, chart_texts(points), words, x, y, figures, height=640))
    told = [words("chart.reading"), words("trade.front")]
    if view.ranked.groups > 1:
        told.append(words("trade.several_places"))
    if with_reference and figures is not None and not figures.empty:
        told.append(words("reference.caption", host=reference().host))
    if len(points) < complete:
        told.append(words("trade.sample", drawn=f"{len(points):,}", complete=f"{complete:,}"))
    if complete < len(rows):
        told.append(words("trade.incomplete", count=f"{len(rows) - complete:,}"))
    st.caption(" ".join(told))
    _show_front(view)


def _named(names: Sequence[str], view: View) -> dict[str, str]:
    return {name: view.words(f"column.{name}") for name in names}


def _show_front(view: View) -> None:
    words = view.words
    on = view.rows[view.rows["front"] != ""]
    on = on.assign(link=links(on))
    several = ["experiment"] if on["experiment"].nunique() > 1 else []
    st.subheader(words("trade.on_front"), anchor=False)
    st.dataframe(
        on[["front", "variant", *several, "accuracy", "size_mb", "fps", "speedup", "precision", "link"]],
        column_config={
            "front": st.column_config.TextColumn(words("column.front"), width=60),
            "variant": st.column_config.TextColumn(words("column.variant")),
            "experiment": st.column_config.TextColumn(words("column.experiment")),
            "precision": st.column_config.TextColumn(words("column.precision")),
            "accuracy": st.column_config.NumberColumn(words("column.accuracy"), format="percent"),
            "size_mb": st.column_config.NumberColumn(words("column.size_mb"), format="%.2f"),
            "fps": st.column_config.NumberColumn(words("column.fps"), format="%.1f"),
            "speedup": st.column_config.NumberColumn(words("column.speedup"), format="%.2f×"),
            "link": st.column_config.LinkColumn(words("column.link"), display_text=":material/open_in_new:", width=60),
        },
        hide_index=True,
        height="auto" if len(on) <= 12 else 430,
        placeholder="–",
        alt=words("trade.on_front"),
    )
