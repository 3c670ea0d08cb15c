"""The filters above each page. Every choice stands in the address, so that a filtered view can be sent as a link."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from leaderboard.table import Filters, all_steps, default_weights
from leaderboard.wording import Wording

IN_THE_ADDRESS: Final = "query-params"
_MEASURES = ("accuracy", "size", "fps", "faithfulness")


def choose_filters(board: pd.DataFrame, words: Wording) -> Filters:
    """Widgets for task and place, and the rest in a drawer."""
    task_box, place_box = st.columns([1, 3])
    tasks = sorted(board["task"].unique())
    task = task_box.selectbox(words("filter.task"), tasks, key="task", bind=IN_THE_ADDRESS)
    of_task = board[board["task"] == task]
    place = place_box.multiselect(
        words("filter.place"),
        of_task["place"].value_counts().index.tolist(),
        key="place",
        bind=IN_THE_ADDRESS,
        placeholder=words("filter.everywhere"),
        help=words("filter.place_help"),
    )
    with st.expander(words("filter.more"), icon=":material/filter_alt:"):
        first, second = st.columns(2), st.columns(3)
        variants = _several(first[0], words, "variant", sorted(of_task["variant"].unique()))
        steps = _several(first[1], words, "step", all_steps(of_task))
        experiments = _several(second[0], words, "experiment", sorted(of_task["experiment"].unique()))
        targets = _several(second[1], words, "target", sorted(of_task["target"].unique()))
        sources = _several(second[2], words, "source", sorted(of_task["source"].unique()))
        since, until = _dates(of_task, words)
    return Filters(task, place, targets, experiments, variants, steps, sources, since, until)


def choose_weights(results: Path, words: Wording, rows: pd.DataFrame) -> dict[str, float]:
    """Sliders from 0 to 100 for what the composite weighs; params.yaml's weights at first."""
    default = default_weights(results)
    total = sum(default.values())
    weights: dict[str, float] = {}
    with st.expander(words("weights.title"), icon=":material/tune:"):
        st.caption(words("weights.help"))
        for box, name in zip(st.columns(len(_MEASURES)), _MEASURES, strict=True):
            first = round(100 * default.get(name, 0.0) / total / 5) * 5
            weights[name] = box.slider(
                words(f"weights.{name}"),
                0,
                100,
                first,
                5,
                key=f"weigh_{name}",
                bind=IN_THE_ADDRESS,
                disabled=name == "faithfulness" and not rows["xai_faithfulness"].notna().any(),
            )
        if not rows["xai_faithfulness"].notna().any():
            weights["faithfulness"] = 0  # an old address may ask for it; then no row would have a score
        if not any(weights[name] for name in ("accuracy", "size", "fps")):
            st.warning(words("weights.all_zero"))
            weights |= {name: 100 * value / total for name, value in default.items()}
    return {name: value / 100 for name, value in weights.items()}


def choose_in_address(box: DeltaGenerator, label: str, names: dict[str, str], key: str) -> str:
    """One of `names` (name -> text for people). The address holds the name, so that a link works in every language.

    A bound widget would put the text there. The first name is the default and stays out of the address.
    """
    asked, widget = st.query_params.get(key, next(iter(names))), f"{key} widget"
    is_choice = st.session_state.get(widget) in names
    if asked in names and (asked != st.session_state.get(f"{key} in the address") or not is_choice):
        st.session_state[widget] = asked
    elif not is_choice:
        st.session_state[widget] = next(iter(names))
    chosen: str = box.selectbox(label, list(names), format_func=names.__getitem__, key=widget)
    st.session_state[f"{key} in the address"] = chosen
    if chosen != next(iter(names)):
        st.query_params[key] = chosen
    elif key in st.query_params:
        del st.query_params[key]
    return chosen


def _several(box: DeltaGenerator, words: Wording, name: str, options: list[str]) -> list[str]:
    return box.multiselect(
        words(f"filter.{name}"), options, key=name, bind=IN_THE_ADDRESS, placeholder=words("filter.all")
    )


def _dates(rows: pd.DataFrame, words: Wording) -> tuple[str, str]:
    """From and until, as days; nothing where no row has a date."""
    days = rows["created_at"].str[:10]
    known = sorted({day for day in days.unique() if _day(day) is not None})
    if len(known) < 2:
        return "", ""
    first, last = _day(known[0]), _day(known[-1])
    since_box, until_box = st.columns(2)
    chosen = [
        box.date_input(words(f"filter.{name}"), None, min_value=first, max_value=last, key=name, bind=IN_THE_ADDRESS)
        for box, name in ((since_box, "since"), (until_box, "until"))
    ]
    since, until = (one.isoformat() if isinstance(one, datetime.date) else "" for one in chosen)
    return since, until


def _day(text: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(text))
    except ValueError:
        return None
