"""Accuracy against speed or size, with the front drawn and the workshop's figures as dotted marks."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd

from leaderboard.ranked import MAY_BE, ON_FRONT
from leaderboard.wording import Wording

POINT_LIMIT = 2000
LABEL_LIMIT = 12
INTERVAL_LIMIT = 60
# Okabe and Ito's colours: told apart by colour-blind eyes, legible on white and on black. Shape says the rest.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999"]
NEUTRAL = "#808690"  # legible on white and on the dark page alike
# Beyond as many variants a colour would stand for two of them; the precision, one of three, is then told by it.
_COLOURED_VARIANTS = len(COLOURS)
_LEGEND_COLUMNS = {"top": 2, "bottom": 3}  # as many as a phone has room for
# The room for names lets the axis reach beyond what an accuracy can be.
_NO_ACCURACY_ABOVE_1 = "datum.value > 1 ? '' : datum.label"
_NAME_ROOM = np.array([0.3, 0.12])  # of the spread of the points, across and up
_SHAPES = {ON_FRONT: "diamond", MAY_BE: "triangle-up", "": "circle"}
_TOOLTIP = (
    "variant", "experiment", "recipe", "precision", "accuracy", "interval", "fps", "size_mb", "speedup",
    "xai_faithfulness", "rank_range", "place", "source", "commit", "created_at",
)  # fmt: skip
_FORMATS = {"accuracy": ".2%", "fps": ".1f", "size_mb": ".2f", "speedup": ".2f", "xai_faithfulness": ".3f"}
Axis = Literal["fps", "size_mb", "speedup", "accuracy", "xai_faithfulness"]
_MORE_IS_BETTER = {"fps": True, "size_mb": False, "speedup": True, "accuracy": True, "xai_faithfulness": True}


def plottable(
    rows: pd.DataFrame, limit: int = POINT_LIMIT, needed: tuple[str, ...] = ("accuracy", "fps", "size_mb")
) -> tuple[pd.DataFrame, int]:
    """The rows with all numbers that are needed, at most `limit` of them, and how many there are in all.

    Where some must go, the front and the best-ranked half stay and the rest is a sample, the same at every call.
    """
    keep = rows[list(needed)].notna().all(axis=1)
    for name in {"fps", "size_mb", "speedup"} & set(needed):
        keep &= rows[name] > 0
    complete = rows[keep]
    if len(complete) <= limit:
        return complete, len(complete)
    kept = complete[complete["pareto"].fillna(False).astype(bool)].head(limit)
    best = complete.drop(kept.index).nsmallest(max(0, limit // 2 - len(kept)), "rank")
    kept = pd.concat([kept, best])
    rest = complete.drop(kept.index).sample(limit - len(kept), random_state=0)
    return pd.concat([kept, rest]).sort_index(), len(complete)


def trade_off_chart(
    points: pd.DataFrame,
    texts: pd.DataFrame,
    words: Wording,
    x: Axis = "fps",
    y: Axis = "accuracy",
    reference: pd.DataFrame | None = None,
    height: int = 440,
) -> alt.LayerChart | alt.FacetChart:
    """The trade-off as a chart; `points` as from `plottable`, `texts` with the same index: interval, rank_range.

    The line is the front of the two axes alone; the diamonds are the front of everything that is ranked.
    """
    told = "variant" if points["variant"].nunique() <= _COLOURED_VARIANTS else "precision"
    signs = {sign: words(f"front.{shape}") for sign, shape in _SHAPES.items()}
    data = points[[name for name in (*_TOOLTIP, "rank", "accuracy_low", "accuracy_high") if name in points]].assign(
        interval=texts["interval"],
        rank_range=texts["rank_range"],
        commit=points["git_commit"].str[:10],
        sign=points["front"].map(signs),
    )
    # Drawn in this order: the front lies on top, and a small mark is never hidden behind a large one.
    data = data.sort_values("size_mb", ascending=False)
    data = data.sort_values("sign", kind="stable", key=lambda column: column == signs[ON_FRONT])
    across, up = _axis(x, words, alt.X, 50), _axis(y, words, alt.Y, 25)
    tooltip = [
        alt.Tooltip(name, title=words(f"column.{name}"), format=_FORMATS.get(name, alt.Undefined))
        for name in _TOOLTIP
        if name in data
    ]
    few = len(data) <= INTERVAL_LIMIT
    colour = alt.Color(
        f"{told}:N",
        title=words(f"column.{told}"),
        scale=alt.Scale(range=COLOURS),
        legend=_legend("bottom"),
    )
    base = alt.Chart(data).encode(x=across)
    marks = base.mark_point(filled=True, strokeWidth=1).encode(
        y=up,
        size=_size(words, few),
        color=colour,
        shape=alt.Shape(
            "sign:N",
            title=words("column.front"),
            scale=alt.Scale(domain=list(signs.values()), range=list(_SHAPES.values())),
            legend=_legend("top", symbolFillColor=NEUTRAL, symbolStrokeColor=NEUTRAL),
        ),
        # Thousands of marks must let each other through; a few must be seen on a dark page.
        opacity=alt.condition(alt.datum.sign == signs[ON_FRONT], alt.value(0.95), alt.value(0.85 if few else 0.55)),
        tooltip=tooltip,
    )
    layers: list[alt.Chart] = [_front_line(data, x, y, across, up)]
    if few and y == "accuracy":
        low_high = alt.Y("accuracy_low:Q", title=_title(y, words), scale=alt.Scale(zero=False, padding=25))
        layers.append(base.mark_rule(opacity=0.5).encode(y=low_high, y2="accuracy_high:Q", color=colour))
    layers.append(marks)
    layers += _labels(data[data["sign"] == signs[ON_FRONT]], x, y, across, up) if few else []
    if reference is not None and not reference.empty and {x, y} <= set(reference.columns):
        layers += _reference_layers(reference, across, up, words)
    described = words("chart.description", x=_title(x, words), y=_title(y, words))
    return alt.layer(*layers).properties(height=height, description=described)


def front_of_two(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """The points that no other one beats in the two plotted measures, from left to right."""
    towards = [1.0 if _MORE_IS_BETTER[name] else -1.0 for name in (x, y)]
    across, up = points[x].to_numpy(dtype=float) * towards[0], points[y].to_numpy(dtype=float) * towards[1]
    order = np.lexsort((-up, -across))
    highest = np.maximum.accumulate(np.r_[-np.inf, up[order]])[:-1]
    return points.iloc[order[up[order] > highest]].sort_values(x)


def _front_line(data: pd.DataFrame, x: Axis, y: Axis, across: alt.X, up: alt.Y) -> alt.Chart:
    # The stairs turn so that everything behind the front lies inside of them.
    turn: Literal["step-before", "step-after"] = "step-before" if _MORE_IS_BETTER[x] else "step-after"
    line = alt.Chart(front_of_two(data, x, y)[[x, y]])
    return line.mark_line(interpolate=turn, color=NEUTRAL, opacity=0.7, strokeWidth=1.5).encode(x=across, y=up)


def spaced(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """The points, best-ranked first, whose names do not lie on another's: text in a chart does not step aside."""
    across = np.log(points[x].to_numpy(dtype=float)) if x != "xai_faithfulness" else points[x].to_numpy(dtype=float)
    places = np.column_stack([across, points[y].to_numpy(dtype=float)])
    spread = np.ptp(places, axis=0)
    places = places / np.where(spread > 0, spread, 1) / _NAME_ROOM
    kept: list[int] = []
    for place in np.argsort(points["rank"].to_numpy(dtype=float, na_value=np.inf), kind="stable"):
        if all((np.abs(places[place] - places[other]) >= 1).any() for other in kept):
            kept.append(int(place))
    return points.iloc[kept]


def _labels(front: pd.DataFrame, x: Axis, y: Axis, across: alt.X, up: alt.Y) -> list[alt.Chart]:
    if not 0 < len(front) <= LABEL_LIMIT:
        return []
    names = alt.Chart(spaced(front, x, y)).mark_text(dy=-20, fontSize=13, fontWeight=600, color=NEUTRAL)
    return [names.encode(x=across, y=up, text="variant:N")]


def _reference_layers(reference: pd.DataFrame, across: alt.X, up: alt.Y, words: Wording) -> list[alt.Chart]:
    data = reference.assign(name=[words(f"reference.{kind}") for kind in reference["kind"]])
    tooltip = [
        alt.Tooltip("name", title=words("reference.title")),
        *(alt.Tooltip(n, title=words(f"column.{n}"), format=_FORMATS[n]) for n in ("accuracy", "size_mb", "fps")),
    ]
    base = alt.Chart(data).encode(x=across, y=up, tooltip=tooltip)
    ring = base.mark_point(filled=False, shape="square", size=220, strokeDash=[2, 3], strokeWidth=2, color=NEUTRAL)
    # One name above, one below: the two squares may lie on each other.
    names = [
        base.transform_filter(alt.datum.kind == kind)
        .mark_text(dy=dy, fontSize=12, fontStyle="italic", color=NEUTRAL)
        .encode(text="name:N")
        for kind, dy in (("baseline", -18), ("compressed", 22))
    ]
    return [ring, *names]


def _axis(name: Axis, words: Wording, channel: Any, padding: int) -> Any:
    title = _title(name, words)
    if name == "accuracy":
        return channel(
            f"{name}:Q",
            title=title,
            axis=alt.Axis(format=".1%", tickCount=8, labelExpr=_NO_ACCURACY_ABOVE_1),
            scale=alt.Scale(zero=False, nice=False, padding=padding),
        )
    logarithmic = name in ("fps", "size_mb", "speedup")
    scale = (
        alt.Scale(type="log", nice=False, padding=padding) if logarithmic else alt.Scale(zero=False, padding=padding)
    )
    return channel(f"{name}:Q", title=title, scale=scale)


def _title(name: Axis, words: Wording) -> str:
    return words(f"axis.{name}")


def _size(words: Wording, few: bool) -> alt.Size:
    scale = alt.Scale(type="sqrt", range=[70, 1000] if few else [30, 250])
    return alt.Size("size_mb:Q", title=words("column.size_mb"), scale=scale, legend=None)


def _legend(orient: Literal["top", "bottom"], **options: Any) -> alt.Legend:
    # Above and below, never beside, where it would leave the marks a third of a phone's width.
    return alt.Legend(
        orient=orient, direction="horizontal", columns=_LEGEND_COLUMNS[orient], symbolOpacity=0.95, **options
    )
