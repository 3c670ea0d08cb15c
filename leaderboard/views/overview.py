"""The ranking of a task: a table, the trade-off in small, and what to take away."""

from __future__ import annotations

import streamlit as st

from leaderboard.columns import column_config
from leaderboard.provenance import thumbnail
from leaderboard.reference import reference
from leaderboard.table import display_frame, labels
from leaderboard.view import View
from leaderboard.views.downloads import show_downloads
from pipeline.report import MARK

PICTURE_ROWS = 40  # beyond, the pictures would weigh more than the table
PICTURE_HEIGHT = 48  # pixels; below, a map cannot be made out
CHART_ROWS = 60
ROWS_AT_ONCE = 10


def show(view: View) -> None:
    words, rows = view.words, view.rows
    pictures = None
    if len(rows) <= PICTURE_ROWS and (rows["explanation"] != "").any():
        pictures = [_thumbnail(str(view.results), str(name), str(name)) for name in rows["explanation"]]
    event = st.dataframe(
        display_frame(rows, pictures),
        column_config=column_config(rows, words),
        hide_index=True,
        width="stretch",
        height="auto" if len(rows) <= ROWS_AT_ONCE else 390,
        row_height=PICTURE_HEIGHT if pictures and any(pictures) else None,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"table {view.filters}",
        placeholder="–",
        alt=words("overview.table"),
    )
    st.caption(" ".join([words("overview.caption", rows=_count(view), mark=MARK), *_metric(view), _how_sure(view)]))
    _show_actions(view, [place for place in event.selection.rows if place < len(rows)])
    _show_chart(view)
    _show_reference(view)
    show_downloads(view)


@st.cache_data(max_entries=512, show_spinner=False)
def _thumbnail(results: str, name: str, stamp: str) -> str:  # noqa: ARG001 a run's picture never changes
    from pathlib import Path

    return thumbnail(Path(results), name)


def _count(view: View) -> str:
    count = len(view.rows)
    return view.words("overview.one_row") if count == 1 else view.words("overview.rows", count=f"{count:,}")


def _metric(view: View) -> list[str]:
    """What the accuracy is of this task: top-1 of one, mAP@50 of another."""
    names = sorted({name for name in view.rows["metric"].unique() if name})
    return [view.words("overview.metric", metric=_plain(", ".join(names)))] if names else []


def _how_sure(view: View) -> str:
    """From what the ranks' intervals were worked out, and that places are ranked apart."""
    words, ranked = view.words, view.ranked
    told = [words("rank.pairwise" if ranked.pairwise else "rank.own_intervals")]
    told += [words(f"rank.{basis}") for basis in ranked.bases if ranked.pairwise or basis == "none"]
    if ranked.groups > 1:
        told.append(words("rank.groups", count=ranked.groups))
    return " ".join(told)


def _show_actions(view: View, chosen: list[int]) -> None:
    """Links from the ticked rows to the pages that show them."""
    words = view.words
    if not chosen:
        st.caption(words("overview.tick"))
        return
    names = labels(view.rows).iloc[chosen]
    boxes = st.columns(2)
    first = view.rows.iloc[chosen[0]]
    boxes[0].page_link(
        view.pages["model"],
        label=words("overview.open", name=_plain(str(first["variant"]))),
        icon=":material/deployed_code:",
        query_params={"row": str(first["row_id"])},
    )
    if len(chosen) > 1:
        boxes[1].page_link(
            view.pages["compare"],
            label=words("overview.compare", count=len(chosen)),
            icon=":material/compare_arrows:",
            query_params={"task": view.filters.task, "rows": list(names)},
        )


def _plain(name: str) -> str:
    from leaderboard.table import escape_markdown

    return escape_markdown(name)


def _show_chart(view: View) -> None:
    from leaderboard.chart_texts import chart_texts
    from leaderboard.charts import plottable, trade_off_chart

    words, rows = view.words, view.rows
    # The ratio to the own baseline, so that the workshop's figures of another machine can stand beside.
    points, _ = plottable(rows, CHART_ROWS, ("accuracy", "speedup", "size_mb"))
    if points.empty:
        return
    st.subheader(words("overview.chart"), anchor=False)
    figures = reference().of(view.filters.task)
    st.altair_chart(trade_off_chart(points, chart_texts(points), words, "speedup", reference=figures, height=480))
    st.caption(words("chart.reading"))


def _show_reference(view: View) -> None:
    figures = reference().of(view.filters.task)
    if figures.empty:
        return
    words = view.words
    with st.expander(words("reference.title"), icon=":material/school:"):
        st.markdown(words("reference.help", host=reference().host))
        shown = figures.assign(kind=[words(f"reference.{kind}") for kind in figures["kind"]])
        st.dataframe(
            shown[["kind", "accuracy", "size_mb", "fps", "speedup"]],
            column_config={
                "kind": st.column_config.TextColumn(words("column.variant")),
                "accuracy": st.column_config.NumberColumn(words("column.accuracy"), format="percent"),
                "size_mb": st.column_config.NumberColumn(words("column.size_mb")),
                "fps": st.column_config.NumberColumn(words("column.fps")),
                "speedup": st.column_config.NumberColumn(words("column.speedup"), format="%.2f×"),
            },
            hide_index=True,
            alt=words("reference.title"),
        )
