"""One row: its numbers, where they come from to the last hash, its files, and the command that gives it again."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.compare import parts, shown
from leaderboard.provenance import artifacts, provenance, read_picture, read_run, reproduce_commands
from leaderboard.table import escape_markdown, labels, rank_ranges
from leaderboard.view import View

HEADLINE = ("accuracy", "size_mb", "fps", "speedup")
_ASKED, _WIDGET = "row in the address", "row widget"
DETAILS = (
    "latency_ms_p50", "latency_ms_p90", "latency_ms_p99", "memory_mb", "size_compressed_mb", "params", "macs",
    "power_w", "energy_mj", "xai_faithfulness", "xai_drift",
)  # fmt: skip
# Of some kinds of tasks: not named as missing where no row of the task has them.
OF_SOME_TASKS = (
    "map50_95", "tar_at_far_1_percent", "eer", "clips_per_s", "live_agreement", "live_agreement_running",
    "live_accuracy_running", "live_difference_running",
)  # fmt: skip


def show(view: View) -> None:
    row = _choose(view)
    words = view.words
    if row["warning"]:
        st.warning(escape_markdown(f"{row['variant']}: {row['warning']}"), icon=":material/warning:")
    for box, name in zip(st.columns(len(HEADLINE)), HEADLINE, strict=True):
        value, interval = parts(row, name)
        box.metric(
            words(f"column.{name}"),
            value,
            interval or None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    ranges = rank_ranges(view.rows[view.rows["row_id"] == row["row_id"]])
    if len(ranges) and ranges.iloc[0]:
        st.caption(words("model.rank", rank=ranges.iloc[0], count=f"{len(view.rows):,}", front=row["front"] or "–"))
    facts, again = st.columns([3, 2])
    run = read_run(view.results, row)
    with facts:
        _show_provenance(view, row, run)
    with again:
        _show_commands(view, row, run)
        _show_files(view, row, run)
    _show_map(view, row, run)


def _choose(view: View) -> dict[str, Any]:
    """The row of the address, found in the whole board: a link must open whatever the filters say."""
    words, state = view.words, st.session_state
    asked = st.query_params.get("row", "")
    named = labels(view.rows)
    ids = view.rows["row_id"].tolist()
    found = view.board[view.board["row_id"] == asked]
    if asked and found.empty:
        st.warning(words("model.gone"))
    if len(found) and asked not in ids:
        row = found.iloc[0]
        st.subheader(escape_markdown(f"{row['variant']} · {row['experiment']}"), anchor=False)
        st.caption(words("model.outside"))
        return dict(row) | {"front": "", "rank": pd.NA, "rank_high": pd.NA}
    # A new address wins over what the widget said before; else the widget wins and the address follows.
    is_choice = state.get(_WIDGET) in set(named)
    if len(found) and (asked != state.get(_ASKED) or not is_choice):
        state[_WIDGET] = named.iloc[ids.index(asked)]
    elif not is_choice:
        state[_WIDGET] = named.iloc[0]
    choice = st.selectbox(words("model.row"), named.tolist(), key=_WIDGET)
    row = view.rows.iloc[named.tolist().index(choice)]
    st.query_params["row"] = state[_ASKED] = str(row["row_id"])
    return dict(row)


def _show_provenance(view: View, row: dict[str, Any], run: dict[str, Any]) -> None:
    words = view.words
    st.subheader(words("model.provenance"), anchor=False)
    facts = provenance(row, run)
    if facts["git_dirty"]:
        facts["git_dirty"] = words(f"fact.git_dirty_{facts['git_dirty']}")
    lines = [f"{words(f'fact.{name}')}: {fact or words('fact.unknown')}" for name, fact in facts.items()]
    st.code("\n".join(lines), language=None, wrap_lines=True)
    of_task = view.board[view.board["task"] == row["task"]]
    known = [*DETAILS, *(name for name in OF_SOME_TASKS if of_task[name].notna().any())]
    measured = [name for name in known if pd.notna(row.get(name))]
    st.subheader(words("model.numbers"), anchor=False)
    st.code("\n".join(f"{words(f'column.{n}')}: {shown(row, n)}" for n in measured), language=None, wrap_lines=True)
    absent = [words(f"column.{name}") for name in known if name not in measured]
    st.caption(words("model.not_measured", names=", ".join(absent)) if absent else "")


def _show_commands(view: View, row: dict[str, Any], run: dict[str, Any]) -> None:
    words = view.words
    st.subheader(words("model.again"), anchor=False)
    st.code(reproduce_commands(row), language="bash", wrap_lines=True)
    if str(row.get("git_dirty")) == "True":
        st.caption(words("model.dirty"))
    if isinstance(run.get("params"), dict) and run["params"]:
        with st.expander(words("model.parameters")):
            st.json(run["params"], expanded=2)


def _show_files(view: View, row: dict[str, Any], run: dict[str, Any]) -> None:
    words = view.words
    st.subheader(words("model.files"), anchor=False)
    found = artifacts(view.results, row, run)
    if not found:
        st.text(words("model.no_files"))
    for one in found:
        st.download_button(
            f"{escape_markdown(one.name)} ({_size(one.size_bytes)})",
            one.path.read_bytes,  # read when the button is pressed
            one.name,
            "application/octet-stream",
            key=f"file {one.name}",
            on_click="ignore",
            icon=":material/download:",
        )


def _show_map(view: View, row: dict[str, Any], run: dict[str, Any]) -> None:
    words = view.words
    st.subheader(words("model.map"), anchor=False)
    picture = read_picture(view.results, str(row["explanation"]))
    if picture is None:
        st.markdown(words("model.no_map"))
    else:
        st.image(picture, width="content", alt=words("model.map_of", name=str(row["variant"])))
    _show_methods(view, run)


def _show_methods(view: View, run: dict[str, Any]) -> None:
    """Which methods drew the maps, those that explain nothing apart."""
    explanation = run.get("explanation")
    methods = explanation.get("methods") if isinstance(explanation, dict) else None
    known = [one for one in methods.values() if isinstance(one, dict)] if isinstance(methods, dict) else []
    for key, flagged in (("model.methods", False), ("model.flagged", True)):
        names = [str(one.get("title", "")) for one in known if (one.get("flagged") is True) is flagged]
        if names:
            st.caption(view.words(key, names=escape_markdown(", ".join(names))))


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
