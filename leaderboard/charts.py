"""Accuracy against FPS, the size as the bubble."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

POINT_LIMIT = 2000
LABEL_LIMIT = 12
INTERVAL_LIMIT = 60
FRONT, BEHIND = "on the front", "behind it"
# Okabe and Ito's colours: told apart by colour-blind eyes, legible on white and on black. Shape says the rest.
_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999"]
# Beyond as many variants a colour would stand for two of them; the precision, one of three, is then told by it.
_COLOURED_VARIANTS = len(_COLOURS)
_NEUTRAL = "#808690"  # legible on white and on the dark page alike
_TOOLTIP = {
    "variant": "Variant",
    "experiment": "Experiment",
    "recipe": "Recipe",
    "precision": "Precision",
    "accuracy": "Accuracy",
    "interval": "95 % interval",
    "fps": "FPS",
    "size_mb": "Size (MB)",
    "speedup": "Speed-up",
    "rank": "Rank",
    "host": "Host",
    "commit": "Commit",
    "created_at": "Measured at",
}
_FORMATS = {"accuracy": ".2%", "fps": ".1f", "size_mb": ".2f", "speedup": ".2f"}


def plottable(rows: pd.DataFrame, limit: int = POINT_LIMIT) -> tuple[pd.DataFrame, int]:
    """The rows with all three numbers, at most `limit` of them, and how many there are in all.

    Where some must go, the front and the best-ranked half stay and the rest is a sample, the same at every call.
    """
    measured = rows[["accuracy", "fps", "size_mb"]].notna().all(axis=1)
    complete = rows[measured & (rows["fps"] > 0) & (rows["size_mb"] > 0)]
    if len(complete) <= limit:
        return complete, len(complete)
    kept = complete[complete["pareto"].fillna(False).astype(bool)].head(limit)
    best = complete.drop(kept.index).nsmallest(max(0, limit // 2 - len(kept)), "rank")
    kept = pd.concat([kept, best])
    rest = complete.drop(kept.index).sample(limit - len(kept), random_state=0)
    return pd.concat([kept, rest]).sort_index(), len(complete)


def trade_off_chart(points: pd.DataFrame, intervals: pd.Series) -> alt.LayerChart | alt.FacetChart:
    """The trade-off as a chart; `points` as from `plottable`, `intervals` as texts with the same index."""
    data = points[[name for name in _TOOLTIP if name in points]].assign(
        interval=intervals,
        commit=points["git_commit"].str[:10],
        front=points["pareto"].fillna(False).astype(bool).map({True: FRONT, False: BEHIND}),
        accuracy_low=points["accuracy_low"],
        accuracy_high=points["accuracy_high"],
    )
    # Drawn in this order: the front lies on top, and a small mark is never hidden behind a large one.
    data = data.sort_values("size_mb", ascending=False)
    data = data.sort_values("front", kind="stable", key=lambda column: column == FRONT)
    x = alt.X("fps:Q", title="FPS, whole frame (log scale) →", scale=alt.Scale(type="log", nice=False, padding=50))
    percent = alt.Axis(format=".1%", tickCount=8)
    y = alt.Y("accuracy:Q", title="Accuracy →", axis=percent, scale=alt.Scale(zero=False, padding=25))
    tooltip = [
        alt.Tooltip(name, title=title, format=_FORMATS.get(name, alt.Undefined)) for name, title in _TOOLTIP.items()
    ]
    few = len(data) <= INTERVAL_LIMIT
    sizes = [70, 1000] if few else [30, 250]
    size_legend = _legend(values=sorted({float(data["size_mb"].min()), float(data["size_mb"].max())}), format=".3~g")
    told = "variant" if data["variant"].nunique() <= _COLOURED_VARIANTS else "precision"
    colour = alt.Color(f"{told}:N", title=told.capitalize(), scale=alt.Scale(range=_COLOURS))
    base = alt.Chart(data).encode(x=x)
    marks = base.mark_point(filled=True, strokeWidth=1).encode(
        y=y,
        size=alt.Size("size_mb:Q", title="Size (MB)", scale=alt.Scale(type="sqrt", range=sizes), legend=size_legend),
        color=colour,
        shape=alt.Shape(
            "front:N",
            title="Pareto",
            scale=alt.Scale(domain=[FRONT, BEHIND], range=["diamond", "circle"]),
            legend=_legend(),
        ),
        opacity=alt.condition(alt.datum.front == FRONT, alt.value(0.95), alt.value(0.55)),
        tooltip=tooltip,
    )
    layers: list[alt.Chart] = []
    if few:
        low_high = alt.Y("accuracy_low:Q", title="Accuracy →", scale=alt.Scale(zero=False, padding=25))
        layers.append(base.mark_rule(opacity=0.5).encode(y=low_high, y2="accuracy_high:Q", color=colour))
    layers.append(marks)
    labelled = data[data["front"] == FRONT]
    if few and 0 < len(labelled) <= LABEL_LIMIT:
        names = alt.Chart(labelled).mark_text(dy=-20, fontSize=13, fontWeight=600, color=_NEUTRAL)
        layers.append(names.encode(x=x, y=y, text="variant:N"))
    description = "Accuracy against frames per second; the area of a mark is the size, diamonds are on the front."
    return alt.layer(*layers).properties(height=440, description=description)


def _legend(**options: Any) -> alt.Legend:
    return alt.Legend(symbolFillColor=_NEUTRAL, symbolStrokeColor=_NEUTRAL, **options)
