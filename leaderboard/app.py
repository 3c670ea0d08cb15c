"""The board. Widgets only: what they show comes from the pure functions beside this file.

Run from the project's root: streamlit run leaderboard/app.py
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

# `streamlit run` puts the folder of the script on the path, not the project.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from leaderboard.address import Address, one_of
from leaderboard.filter_widgets import choose_filters, choose_weights
from leaderboard.ranked import Ranked, rank_rows
from leaderboard.table import SOURCES, Filters, Loaded, board_files, filter_rows, load_board
from leaderboard.view import View
from leaderboard.wording import LANGUAGES, Wording, wording
from pipeline.board_sources.store import REMARKS_FILE

# Name of the module in leaderboard.views and of the page's address -> its icon.
PAGES = {
    "overview": ":material/leaderboard:",
    "trade_offs": ":material/scatter_plot:",
    "compare": ":material/compare_arrows:",
    "model": ":material/deployed_code:",
    "methods": ":material/compress:",
    "about": ":material/info:",
}
# A file of our own: a named symbol would be fetched from a server of others.
ICON = Path(__file__).with_name("icon.png")
WITHOUT_BOARD = "about"


def main() -> None:
    st.set_page_config(page_title="Edgeboard", page_icon=str(ICON), layout="wide")
    with Address() as address:
        _draw(address)


def _draw(address: Address) -> None:
    title_box, language_box = st.columns([4, 1], vertical_alignment="bottom")
    words = _choose_language(language_box, address)
    pages = {
        name: st.Page(
            _nothing,
            title=words(f"page.{name}"),
            icon=icon,
            url_path=name,
            default=name == "overview",
        )
        for name, icon in PAGES.items()
    }
    page = st.navigation(list(pages.values()), position="top")
    page.run()
    name = page.url_path or "overview"
    address.on(name)
    results = Path(os.environ.get("EDGEBOARD_RESULTS", "results")).resolve()
    title_box.title("Edgeboard" if name == "overview" else words(f"page.{name}"), anchor=False)
    if name == WITHOUT_BOARD:
        _show(name)(words, results)
        return
    loaded = _load(str(results), _stamp(results))
    if not _show_state(loaded, words):
        return
    filters = choose_filters(loaded.board, words, address)
    rows = filter_rows(loaded.board, filters)
    weights = choose_weights(results, words, rows, address)
    if rows.empty:
        st.info(words("state.no_row"))
        return
    ranked = _ranked(filters, tuple(weights.items()), str(results), _stamp(results))
    _show(name)(View(words, results, loaded.board, filters, ranked, address, pages))


def _choose_language(box: DeltaGenerator, address: Address) -> Wording:
    """The language in the address, else the browser's own if we have it."""
    names = list(LANGUAGES)
    first = names[list(LANGUAGES.values()).index("fr")] if (st.context.locale or "").lower()[:2] == "fr" else names[0]
    address.prepare("lang", first, one_of(names))
    chosen = box.selectbox("Language / Langue", names, key="lang", label_visibility="collapsed")
    address.keep("lang", chosen, first)
    return wording(LANGUAGES[chosen])


def _show(name: str) -> Callable[..., None]:
    # Imported only when a page is opened: the first view must not wait for the charts of the others.
    show: Callable[..., None] = import_module(f"leaderboard.views.{name}").show
    return show


@st.cache_resource(max_entries=4, show_spinner=False)
def _load(results: str, stamp: object) -> Loaded:  # noqa: ARG001 the state of the files is the cache's key
    """Read the boards once for each state of the files, not once for each click. The result is never changed."""
    return load_board(Path(results))


@st.cache_resource(max_entries=64, show_spinner=False)
def _ranked(filters: Filters, weights: tuple[tuple[str, float], ...], results: str, stamp: object) -> Ranked:
    """Rank once for each choice of rows and weights."""
    chosen = dict(weights)
    rows = filter_rows(_load(results, stamp).board, filters)
    return rank_rows(rows, chosen, Path(results), faithfulness=chosen.get("faithfulness", 0) > 0)


def _stamp(results: Path) -> tuple[tuple[str, int, int], ...]:
    stamps = []
    for path in (*board_files(results), results / SOURCES / REMARKS_FILE):
        try:
            status = path.stat()
        except OSError:
            continue
        stamps.append((path.name, status.st_mtime_ns, status.st_size))
    return tuple(stamps)


def _show_state(loaded: Loaded, words: Wording) -> bool:
    """Say what is wrong with the board's files, if anything. Returns whether there are rows to show."""
    if loaded.state == "broken":
        st.error(words("state.broken"))
    elif loaded.state != "ok":
        st.info(words(f"state.{loaded.state}"))
    if loaded.state == "ok" and loaded.messages:
        with st.expander(words("state.cleaned", count=len(loaded.messages)), icon=":material/warning:"):
            st.text("\n".join(loaded.messages))
    elif loaded.messages:
        st.text("\n".join(loaded.messages))
    return loaded.state == "ok"


def _nothing() -> None:
    """A page's own script: everything is drawn by `main`, which knows the filters."""


main()
