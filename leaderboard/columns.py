"""How the table's columns look: their headings, widths, number formats and help texts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.wording import Wording
from pipeline.report import MARK


def column_config(rows: pd.DataFrame, words: Wording) -> dict[str, Any]:
    """Streamlit's configuration for the columns of `display_frame(rows)`."""
    column = st.column_config

    def named(name: str) -> dict[str, Any]:
        key = f"column.{name}_help"
        return {"label": words(f"column.{name}"), "help": words(key, mark=MARK) if words.has(key) else None}

    def number(name: str, form: str, width: int) -> Any:
        return column.NumberColumn(**named(name), format=form, width=width)

    return {
        "rank": column.NumberColumn(**named("rank"), width=55, pinned=True),
        "rank_range": column.TextColumn(**named("rank_range"), width=90),
        "front": column.TextColumn(**named("front"), width=60),
        "mark": column.TextColumn(**named("mark"), width=55),
        "variant": column.TextColumn(**named("variant"), width=_name_width(rows["variant"])),
        "precision": column.TextColumn(**named("precision"), width=75),
        "picture": column.ImageColumn(**named("picture"), width=140),
        "accuracy": column.ProgressColumn(
            **named("accuracy"), format="percent", min_value=0.0, max_value=1.0, width=130
        ),
        "interval": column.TextColumn(**named("interval"), width=150),
        "size_mb": _bar(named("size_mb"), rows["size_mb"], "%.2f"),
        "size_compressed_mb": number("size_compressed_mb", "%.2f", 95),
        "fps": _bar(named("fps"), rows["fps"], "%.1f"),
        "speedup": number("speedup", "%.2f×", 100),
        "score": number("score", "%.3f", 70),
        "latency_ms_p50": number("latency_ms_p50", "%.2f", 95),
        "xai_faithfulness": number("xai_faithfulness", "%.3f", 95),
        "xai_drift": number("xai_drift", "%.3f", 65),
        "place": column.TextColumn(**named("place"), width=200),
        "source": column.TextColumn(**named("source"), width=140),
        "recipe": column.TextColumn(**named("recipe")),
        "experiment": column.TextColumn(**named("experiment"), width=110),
        "created_at": column.TextColumn(**named("created_at"), width=160),
        "note": column.TextColumn(**named("note")),
        "link": column.LinkColumn(**named("link"), display_text=":material/open_in_new:", width=60),
    }


def _bar(named: dict[str, Any], values: pd.Series, form: str) -> Any:
    top = values.max()
    return st.column_config.ProgressColumn(
        **named, format=form, min_value=0.0, max_value=float(top) if top > 0 else 1.0, width=130
    )


def _name_width(names: pd.Series) -> int:
    """Pixels for the longest name, within bounds: a recipe may have up to 40 letters."""
    return int(min(260, max(105, 25 + 7 * names.str.len().max())))
