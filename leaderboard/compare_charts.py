"""Charts of several rows beside each other: classes, confusions, times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from leaderboard.charts import COLOURS, NEUTRAL
from leaderboard.wording import Wording

SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 6], [1, 4]]
LIMIT = len(COLOURS)  # rows that can be told apart by colour and shape
# What per_class holds, by the kind of task, with the names of its interval's ends.
_PER_CLASS = {"recall": ("low", "high"), "ap50": ("ap50_low", "ap50_high")}


def per_class_frame(per_class: Mapping[str, Mapping[str, Any]]) -> tuple[str, pd.DataFrame]:
    """Name of the measure and a frame label, class, value, low, high; empty where nothing usable was kept.

    per_class: label of a row -> class -> numbers, as in run.json.
    """
    records: list[dict[str, Any]] = []
    measure = ""
    for label, classes in per_class.items():
        for name, numbers in classes.items() if isinstance(classes, Mapping) else []:
            found = [one for one in _PER_CLASS if isinstance(numbers, Mapping) and _is_number(numbers.get(one))]
            if not found or (measure and found[0] != measure):
                continue
            measure = found[0]
            ends = [numbers.get(end) for end in _PER_CLASS[measure]]
            low, high = (end if _is_number(end) else numbers[measure] for end in ends)
            records.append({"label": label, "class": str(name), "value": numbers[measure], "low": low, "high": high})
    return measure, pd.DataFrame(records)


def per_class_chart(frame: pd.DataFrame, title: str, labels: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    """One line per class and row: a mark with its interval."""
    base = alt.Chart(frame).encode(
        y=alt.Y("class:N", title=None, sort=None),
        yOffset=alt.YOffset("label:N", sort=list(labels)),
        color=_colour(labels),
    )
    percent = alt.Axis(format=".0%")
    scale = alt.Scale(domain=[0, 1])
    marks = base.mark_point(filled=True, size=70).encode(
        x=alt.X("value:Q", title=title, axis=percent, scale=scale),
        shape=_shape(labels),
        tooltip=["label", "class", alt.Tooltip("value", format=".1%"), alt.Tooltip("low", format=".1%"),
                 alt.Tooltip("high", format=".1%")],
    )  # fmt: skip
    rules = base.mark_rule(opacity=0.6).encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q")
    height = 90 + 24 * len(labels) + frame["class"].nunique() * (16 * len(labels) + 14)
    return alt.layer(rules, marks).properties(height=height, description=title)


def confusion_chart(confusion: Sequence[Sequence[float]], class_names: Sequence[str], words: Wording) -> Any:
    """Rows: the truth; columns: the decision. Cells hold counts; the shade is their share of the row."""
    names = [str(name) for name in class_names]
    # A detector's matrix has one row and column more: what is no object, and what was not found.
    names += [words("compare.background")] * (len(confusion) - len(names))
    records = []
    for truth, counts in zip(names, confusion, strict=False):
        total = sum(counts)
        for decision, count in zip(names, counts, strict=False):
            records.append(
                {"truth": truth, "decision": decision, "count": count, "share": count / total if total else 0.0}
            )
    base = alt.Chart(pd.DataFrame(records)).encode(
        x=alt.X("decision:N", title=words("compare.decision"), sort=names, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("truth:N", title=words("compare.truth"), sort=names),
    )
    cells = base.mark_rect(stroke=NEUTRAL, strokeWidth=0.5).encode(
        color=alt.Color(
            "share:Q", scale=alt.Scale(domain=[0, 1], range=["#ffffff", "#0072B2"], interpolate="rgb"), legend=None
        ),
        tooltip=["truth", "decision", "count", alt.Tooltip("share", format=".1%")],
    )
    ink = alt.condition(alt.datum.share > 0.55, alt.value("white"), alt.value("black"))
    return (cells + base.mark_text(fontSize=11).encode(text="count:Q", color=ink)).properties(
        height=150 + 26 * len(names), description=words("compare.confusion")
    )


def latency_frame(evidence: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """label, percent, ms from the percentiles that were kept with each row."""
    records = []
    for label, kept in evidence.items():
        curve = kept.get("latency_ms")
        if isinstance(curve, list) and len(curve) > 1 and all(_is_number(value) and value > 0 for value in curve):
            step = 100 / (len(curve) - 1)
            records += [{"label": label, "percent": place * step, "ms": ms} for place, ms in enumerate(curve)]
    return pd.DataFrame(records)


def latency_chart(frame: pd.DataFrame, words: Wording, labels: Sequence[str]) -> alt.Chart:
    """The share of frames that took at most so long."""
    return (
        alt.Chart(frame)
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("ms:Q", title=words("compare.ms"), scale=alt.Scale(type="log", nice=False)),
            y=alt.Y("percent:Q", title=words("compare.share_of_frames")),
            color=_colour(labels),
            strokeDash=alt.StrokeDash("label:N", sort=list(labels), scale=alt.Scale(range=DASHES), title=None),
            tooltip=["label", alt.Tooltip("percent", format=".0f"), alt.Tooltip("ms", format=".2f")],
        )
        .properties(height=300, description=words("compare.latency"))
    )


def gains_chart(gains: pd.DataFrame, words: Wording) -> Any:
    """What each step did: accuracy, in points, against speed, one mark per row that it made."""
    steps = list(dict.fromkeys(gains["step"]))
    return (
        alt.Chart(gains.assign(accuracy=100 * gains["accuracy"]))
        .mark_point(filled=True, size=110, opacity=0.9)
        .encode(
            x=alt.X("speed:Q", title=words("methods.speed_axis"), scale=alt.Scale(type="log", nice=False, padding=40)),
            y=alt.Y("accuracy:Q", title=words("methods.accuracy_axis"), axis=alt.Axis(format="+.1f")),
            color=alt.Color(
                "step:N", title=words("methods.step"), sort=steps, scale=alt.Scale(range=COLOURS), legend=_below()
            ),
            shape=alt.Shape("step:N", sort=steps, scale=alt.Scale(range=SHAPES)),
            tooltip=[
                alt.Tooltip("variant", title=words("column.variant")),
                alt.Tooltip("step", title=words("methods.step")),
                alt.Tooltip("accuracy", title=words("methods.accuracy_axis"), format="+.2f"),
                alt.Tooltip("speed", title=words("methods.speed_axis"), format=".2f"),
                alt.Tooltip("size", title=words("methods.size"), format=".2f"),
            ],
        )
        .properties(height=400, description=words("methods.chart"))
    )


def _colour(labels: Sequence[str]) -> alt.Color:
    return alt.Color("label:N", title=None, sort=list(labels), scale=alt.Scale(range=COLOURS), legend=_below())


def _shape(labels: Sequence[str]) -> alt.Shape:
    return alt.Shape("label:N", title=None, sort=list(labels), scale=alt.Scale(range=SHAPES))


def _below() -> alt.Legend:
    return alt.Legend(orient="bottom", columns=1, labelLimit=400)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
