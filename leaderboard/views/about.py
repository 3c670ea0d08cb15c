"""How each number is measured, and how to read the board."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from leaderboard.reference import reference
from leaderboard.table import default_weights
from leaderboard.wording import Wording

PARTS = ("accuracy", "speed", "size", "explanation", "ranking", "pareto", "sources", "reference", "privacy")


def show(words: Wording, results: Path) -> None:
    weights = default_weights(results)
    shares = {name: f"{value / sum(weights.values()):.0%}" for name, value in weights.items()}
    st.markdown(words("about.intro"))
    for part in PARTS:
        st.subheader(words(f"about.{part}_title"), anchor=part)
        text = words(f"about.{part}")
        if part == "ranking":
            text = words(f"about.{part}", **shares)
        elif part == "reference":
            text = words(f"about.{part}", host=reference().host)
        st.markdown(text)
