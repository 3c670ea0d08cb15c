"""The filters above each page. Every choice stands in the address, so that a filtered view can be sent as a link."""

from __future__ import annotations

import datetime
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from leaderboard.address import Address, one_of, some_of
from leaderboard.table import Filters, all_steps, default_weights
from leaderboard.wording import Wording

_MEASURES = ("accuracy", "size", "fps", "faithfulness")


def choose_filters(board: pd.DataFrame, words: Wording, address: Address) -> Filters:
    """Widgets for task and place, and the rest in a drawer."""
    task_box, place_box = st.columns([1, 3])
    tasks = sorted(board["task"].unique())
    task = choose_one(task_box, words("filter.task"), {name: name for name in tasks}, "task", address)
    of_task = board[board["task"] == task]
    places = of_task["place"].value_counts().index.tolist()
    place = choose_some(
        place_box, words("filter.place"), places, "place", address,
        empty=words("filter.everywhere"), explained=words("filter.place_help"),
    )  # fmt: skip
    with st.expander(words("filter.more"), icon=":material/filter_alt:"):
        first, second = st.columns(2), st.columns(3)
        offered = {
            "variant": (first[0], sorted(of_task["variant"].unique())),
            "step": (first[1], all_steps(of_task)),
            "experiment": (second[0], sorted(of_task["experiment"].unique())),
            "target": (second[1], sorted(of_task["target"].unique())),
            "source": (second[2], sorted(of_task["source"].unique())),
        }
        chosen = {
            name: choose_some(box, words(f"filter.{name}"), options, name, address, empty=words("filter.all"))
            for name, (box, options) in offered.items()
        }
        since, until = _dates(of_task, words, address)
    return Filters(
        task, place, chosen["target"], chosen["experiment"], chosen["variant"], chosen["step"], chosen["source"],
        since, until,
    )  # fmt: skip


def choose_weights(results: Path, words: Wording, rows: pd.DataFrame, address: Address) -> dict[str, float]:
    """Sliders from 0 to 100 for what the composite weighs; params.yaml's weights at first."""
    default = default_weights(results)
    total = sum(default.values())
    weights: dict[str, float] = {}
    with st.expander(words("weights.title"), icon=":material/tune:"):
        st.caption(words("weights.help"))
        for box, name in zip(st.columns(len(_MEASURES)), _MEASURES, strict=True):
            key, first = f"weigh_{name}", round(100 * default.get(name, 0.0) / total / 5) * 5
            address.prepare(key, first, _read_percent)
            weights[name] = box.slider(
                words(f"weights.{name}"),
                0,
                100,
                step=5,
                key=key,
                disabled=name == "faithfulness" and not rows["xai_faithfulness"].notna().any(),
            )
            address.keep(key, weights[name], first)
        if not rows["xai_faithfulness"].notna().any():
            weights["faithfulness"] = 0  # an old address may ask for it; then no row would have a score
        if not any(weights[name] for name in ("accuracy", "size", "fps")):
            st.warning(words("weights.all_zero"))
            weights |= {name: 100 * value / total for name, value in default.items()}
    return {name: value / 100 for name, value in weights.items()}


def choose_one(box: DeltaGenerator, label: str, names: dict[str, str], key: str, address: Address) -> str:
    """One of `names` (name -> text for people). The address holds the name, so that a link works in every language.

    The first name is the default.
    """
    first = next(iter(names))
    address.prepare(key, first, one_of(list(names)))
    chosen: str = box.selectbox(label, list(names), format_func=names.__getitem__, key=key)
    address.keep(key, chosen, first)
    return chosen


def choose_some(
    box: DeltaGenerator, label: str, options: list[str], key: str, address: Address, *, empty: str,
    explained: str | None = None,
) -> list[str]:  # fmt: skip
    """Any of `options`; none means all of them."""
    nothing: list[str] = []
    address.prepare(key, nothing, some_of(options))
    chosen = box.multiselect(label, options, key=key, placeholder=empty, help=explained)
    address.keep(key, chosen, nothing)
    return chosen


def _dates(rows: pd.DataFrame, words: Wording, address: Address) -> tuple[str, str]:
    """From and until, as days; nothing where no row has a date."""
    days = rows["created_at"].str[:10]
    known = sorted({day for day in days.unique() if _day(day) is not None})
    if len(known) < 2:
        return "", ""
    first, last = _day(known[0]), _day(known[-1])

    def read(texts: list[str]) -> datetime.date | None:
        day = _day(texts[-1]) if texts else None
        return None if day is None or first is None or last is None else min(max(day, first), last)

    chosen = []
    for box, name in zip(st.columns(2), ("since", "until"), strict=True):
        address.prepare(name, None, read)
        day = box.date_input(words(f"filter.{name}"), None, min_value=first, max_value=last, key=name)
        address.keep(name, day, None)
        chosen.append(day.isoformat() if isinstance(day, datetime.date) else "")
    return chosen[0], chosen[1]


def _read_percent(texts: list[str]) -> int | None:
    try:
        return min(max(round(float(texts[-1]) / 5) * 5, 0), 100) if texts else None
    except (ValueError, OverflowError):
        return None


def _day(text: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(text))
    except ValueError:
        return None
