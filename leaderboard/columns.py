"""How the table's columns look: their headings, widths, number formats and help texts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.report import MARK


def column_config(rows: pd.DataFrame) -> dict[str, Any]:
    """Streamlit's configuration for the columns of `display_frame(rows)`."""
    column = st.column_config
    return {
        "rank": column.NumberColumn(
            "Rank", width=60, help="Within this task, data, target and host, over all experiments"
        ),
        "front": column.TextColumn("Pareto", width=65, help="◆: no other row is at least as good in all three"),
        "mark": column.TextColumn(
            "Mark",
            width=55,
            help=f"{MARK}: slower, bigger or with more memory here than the variant that its recipe went on from; "
            "tick the row for the words",
        ),
        "variant": column.TextColumn("Variant", width=_name_width(rows["variant"])),
        "precision": column.TextColumn("Precision", width=75),
        "accuracy": column.ProgressColumn("Accuracy", format="percent", min_value=0.0, max_value=1.0, width=130),
        "interval": column.TextColumn("95 % interval", width=150),
        "size_mb": _bar("Size (MB)", rows["size_mb"], "%.2f"),
        "size_compressed_mb": column.NumberColumn(
            "Zipped (MB)", format="%.2f", width=95, help="What ships, after zlib: the size of a download"
        ),
        "fps": _bar("FPS", rows["fps"], "%.1f"),
        "speedup": column.NumberColumn("Speed-up", format="%.2f×", width=80, help="FPS over the baseline's, one run"),
        "latency_ms_p50": column.NumberColumn("Latency (ms)", format="%.2f", width=95, help="Median, whole frame"),
        "xai_faithfulness": column.NumberColumn("Faithfulness", format="%.3f", width=95),
        "xai_drift": column.NumberColumn("Drift", format="%.3f", width=65, help="Of the map from the baseline's"),
        "recipe": column.TextColumn("Recipe"),
        "experiment": column.TextColumn("Experiment", width=110),
        "note": column.TextColumn("Note"),
    }


def _bar(label: str, values: pd.Series, form: str) -> Any:
    top = values.max()
    return st.column_config.ProgressColumn(
        label, format=form, min_value=0.0, max_value=float(top) if top > 0 else 1.0, width=130
    )


def _name_width(names: pd.Series) -> int:
    """Pixels for the longest name, within bounds: a recipe may have up to 40 letters."""
    return int(min(260, max(105, 25 + 7 * names.str.len().max())))
