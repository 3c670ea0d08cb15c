"""Two or more rows side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.address import some_of
from leaderboard.compare import basis_of, numbers_table, parameters_that_differ
from leaderboard.provenance import read_kept_evidence, read_picture, read_run
from leaderboard.ranked import decisions_of
from leaderboard.table import labels
from leaderboard.view import View

MOST = 6


def show(view: View) -> None:
    words = view.words
    named = labels(view.rows)
    first = _first_choice(view.rows, named)
    view.address.prepare("rows", first, lambda texts: some_of(named.tolist())(texts)[:MOST] or (None if texts else []))
    chosen = st.multiselect(
        words("compare.rows"),
        named.tolist(),
        key="rows",
        max_selections=MOST,
        help=words("compare.rows_help"),
    )
    view.address.keep("rows", chosen, first)
    if len(chosen) < 2:
        st.info(words("compare.choose"))
        return
    by_label = dict(zip(named, view.rows.to_dict("records"), strict=True))
    rows: dict[str, dict[str, Any]] = {label: by_label[label] for label in chosen}
    _show_numbers(view, rows)
    runs = {label: read_run(view.results, row) for label, row in rows.items()}
    evidence = {label: read_kept_evidence(view.results, row) for label, row in rows.items()}
    _show_classes(view, runs)
    _show_confusions(view, evidence)
    _show_latency(view, rows, evidence)
    _show_maps(view, rows)
    _show_parameters(view, runs)


def _first_choice(rows: pd.DataFrame, named: pd.Series) -> list[str]:
    """The baseline and the best-ranked row that is none: what most people want to see first."""
    baseline = named[rows["variant"] == "baseline"].head(1).tolist()
    best = named[rows["variant"] != "baseline"].head(2 - len(baseline)).tolist()
    return [*baseline, *best]


def _show_numbers(view: View, rows: dict[str, dict[str, Any]]) -> None:
    words = view.words
    decided = decisions_of(pd.DataFrame(rows.values()), view.results)
    table = numbers_table(list(rows.values()), list(rows), decided, words)
    st.dataframe(table, hide_index=True, width="stretch", height="content", alt=words("compare.numbers"))
    first = next(iter(rows))
    told = [words("compare.first", name=_escaped(first))]
    told += [words(f"compare.basis_{basis}") for basis in sorted(basis_of(list(rows.values()), decided))]
    st.caption(" ".join(told))


def _show_classes(view: View, runs: dict[str, dict[str, Any]]) -> None:
    from leaderboard.compare_charts import per_class_chart, per_class_frame

    words = view.words
    measure, frame = per_class_frame({label: run.get("per_class") or {} for label, run in runs.items()})
    if frame.empty:
        return
    st.subheader(words("compare.classes"), anchor=False)
    st.altair_chart(per_class_chart(frame, words(f"compare.{measure}"), list(runs)))


def _show_confusions(view: View, evidence: dict[str, dict[str, Any]]) -> None:
    from leaderboard.compare_charts import confusion_chart

    words = view.words
    known = {label: kept for label, kept in evidence.items() if _is_matrix(kept.get("confusion"))}
    if not known:
        return
    st.subheader(words("compare.confusion"), anchor=False)
    for start in range(0, len(known), 2):
        for box, (label, kept) in zip(st.columns(2), list(known.items())[start : start + 2], strict=False):
            box.text(label)
            names = kept.get("class_names") or []
            box.altair_chart(confusion_chart(kept["confusion"], names if isinstance(names, list) else [], words))


def _show_latency(view: View, rows: dict[str, dict[str, Any]], evidence: dict[str, dict[str, Any]]) -> None:
    from leaderboard.compare_charts import latency_chart, latency_frame

    words = view.words
    hosts = {label: (row["target"], row["host"]) for label, row in rows.items()}
    first = next(iter(hosts.values()))
    here = {label: kept for label, kept in evidence.items() if hosts[label] == first}
    frame = latency_frame(here)
    if frame.empty:
        return
    st.subheader(words("compare.latency"), anchor=False)
    st.altair_chart(latency_chart(frame, words, list(here)))
    st.caption(words("compare.latency_help") + ("" if len(here) == len(rows) else " " + words("compare.elsewhere")))


def _show_maps(view: View, rows: dict[str, dict[str, Any]]) -> None:
    words = view.words
    pictures = [
        (label, picture)
        for label, row in rows.items()
        if (picture := read_picture(view.results, str(row["explanation"]))) is not None
    ]
    if not pictures:
        return
    st.subheader(words("compare.maps"), anchor=False)
    for start in range(0, len(pictures), 2):
        for box, (label, picture) in zip(st.columns(2), pictures[start : start + 2], strict=False):
            box.text(label)
            box.image(picture, width="stretch", alt=words("model.map_of", name=label))


def _show_parameters(view: View, runs: dict[str, dict[str, Any]]) -> None:
    words = view.words
    st.subheader(words("compare.parameters"), anchor=False)
    params = {label: run["params"] for label, run in runs.items() if isinstance(run.get("params"), dict)}
    differing = parameters_that_differ(params) if len(params) > 1 else pd.DataFrame()
    if differing.empty:
        st.text(words("compare.same_parameters" if len(params) == len(runs) else "compare.no_parameters"))
        return
    named = {"": words("compare.option")}
    st.dataframe(differing.rename(columns=named), hide_index=True, width="stretch", alt=words("compare.parameters"))


def _is_matrix(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(row, list) and all(isinstance(count, int | float) for count in row) for row in value)
    )


def _escaped(name: str) -> str:
    from leaderboard.table import escape_markdown

    return escape_markdown(name)
