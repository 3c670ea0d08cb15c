"""Texts that a chart shows when it is pointed at."""

from __future__ import annotations

import pandas as pd

from leaderboard.table import intervals, rank_ranges


def chart_texts(points: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"interval": intervals(points), "rank_range": rank_ranges(points)}, index=points.index)
