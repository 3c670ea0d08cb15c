"""The board of 10,000 rows in real Chromium: the first view and one filter step, against a plain st.dataframe page.

Both servers have shown one page each before the clock starts, so that imports and the first reading of the file do
not count; the pages are then opened in turn, each in a browser context without a cache. Prints the ratio of the median
times with its range over rounds. Needs Chromium and playwright.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.ranking import rank_board
from pipeline.report import board_frame, write_board
from tests.leaderboard.samples import WEIGHTS, big_board
from tests.leaderboard.test_board_browser import CHROMIUM, SETTLED, SWITCHES

ROOT = Path(__file__).resolve().parent.parent
ROWS, ROUNDS = 10_000, 7
# The plain page: the same rows, all of them, and the one widget that a filter step needs.
PLAIN = """
import os
import pandas as pd
import streamlit as st

st.set_page_config(layout="wide")

@st.cache_resource
def load():
    return pd.read_csv(os.path.join(os.environ["EDGEBOARD_RESULTS"], "leaderboard.csv"))

board = load()
chosen = st.multiselect("Variant", sorted(board["variant"].unique()), key="variant", bind="query-params")
st.dataframe(board[board["variant"].isin(chosen)] if chosen else board)
"""
TABLE = "[data-testid=stDataFrame] canvas"


@contextlib.contextmanager
def served(script: Path, results: Path, port: int) -> Iterator[str]:
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    environment = os.environ | {"EDGEBOARD_RESULTS": str(results)}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def first_view(browser: object, address: str) -> tuple[float, float]:
    """Seconds until the table is drawn and the script has ended; then seconds of one filter step in the same page."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})  # type: ignore[attr-defined]
    page = context.new_page()
    page.set_default_timeout(120_000)
    began = time.perf_counter()
    page.goto(address)
    page.locator(TABLE).first.wait_for()
    page.wait_for_function(SETTLED)
    seen = time.perf_counter() - began
    if page.get_by_text("More filters").count():
        page.get_by_text("More filters").click()
    box = page.get_by_role("combobox", name="Variant")
    # By its name: what the Enter key takes is settled a moment after the letters.
    choice = page.get_by_role("option", name="compact", exact=True)
    for _ in range(20):
        if choice.is_visible():
            break
        box.click()  # again where a drawer that was still opening has closed the list
        page.wait_for_timeout(500)
    began = time.perf_counter()
    choice.click()
    page.wait_for_function("location.search.includes('variant=compact')")
    page.wait_for_function(SETTLED)
    step = time.perf_counter() - began
    context.close()
    return seen, step


def main() -> None:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        print("Chromium is not installed; nothing was measured")
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        results = Path(folder) / "results"
        rows = big_board(ROWS, tasks=("fire",))
        write_board(results / "leaderboard.csv", rank_board(board_frame(rows), WEIGHTS))
        plain = Path(folder) / "plain.py"
        plain.write_text(PLAIN)
        addresses = [
            stack.enter_context(served(script, results, port))
            for script, port in ((ROOT / "leaderboard" / "app.py", 18601), (plain, 18602))
        ]
        driver = stack.enter_context(sync_playwright())
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{switch}" for switch in SWITCHES])
        for address in addresses:
            opened(browser, address)
        times = [[first_view(browser, address) for address in addresses] for _ in range(ROUNDS)]
        browser.close()
    for place, name in ((0, "first view"), (1, "filter step")):
        ours, theirs = ([pair[side][place] for pair in times] for side in (0, 1))
        ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
        print(
            f"{name} of {ROWS:,} rows: {statistics.median(ours):.2f} s, plain page {statistics.median(theirs):.2f} s, "
            f"{statistics.median(ratios):.2f} times as long ({ratios[0]:.2f} to {ratios[-1]:.2f} in {ROUNDS} rounds)"
        )


def opened(browser: object, address: str) -> None:
    """Open a page once, as soon as its server answers."""
    for _ in range(200):
        try:
            first_view(browser, address)
            return
        except Exception as error:  # the server is not up yet: Playwright tells that by an error of its own
            if "ERR_CONNECTION" not in str(error):
                raise
            time.sleep(0.3)
    raise SystemExit(f"{address} does not answer")


if __name__ == "__main__":
    main()
