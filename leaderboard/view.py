"""What every page is given: the words, the rows that the filters leave, and where their files lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from leaderboard.address import Address
from leaderboard.ranked import Ranked
from leaderboard.table import Filters
from leaderboard.wording import Wording


@dataclass(frozen=True)
class View:
    """What is shown, and the words for it.

    board: all rows. filters and ranked: what is shown of them. address: what widgets hold stands in it. pages:
    Streamlit's page objects by name.
    """

    words: Wording
    results: Path
    board: pd.DataFrame
    filters: Filters
    ranked: Ranked
    address: Address
    pages: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> pd.DataFrame:
        return self.ranked.rows
