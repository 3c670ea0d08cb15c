"""Buttons that give what is shown as a file."""

from __future__ import annotations

import streamlit as st

from leaderboard.exports import to_csv, to_latex, to_markdown
from leaderboard.view import View


def show_downloads(view: View) -> None:
    """CSV, Markdown, LaTeX and a page that opens without a server; each made only when its button is pressed."""
    from leaderboard.snapshot import snapshot

    words, rows = view.words, view.rows
    st.subheader(words("export.title"), anchor=False)
    name = f"edgeboard-{view.filters.task or 'all'}"
    kinds = (
        ("CSV", f"{name}.csv", "text/csv", lambda: "\ufeff" + to_csv(rows)),
        ("Markdown", f"{name}.md", "text/markdown", lambda: to_markdown(rows, words)),
        ("LaTeX", f"{name}.tex", "application/x-tex", lambda: to_latex(rows, words)),
        ("HTML", f"{name}.html", "text/html", lambda: snapshot(rows, view.results, words, view.filters.task)),
    )
    with st.container(horizontal=True):
        for label, file_name, mime, make in kinds:
            st.download_button(
                label,
                make,
                file_name,
                mime,
                key=f"download {label}",
                on_click="ignore",
                icon=":material/download:",
                help=words(f"export.{label.lower()}_help"),
            )
