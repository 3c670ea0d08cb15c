"""The board in a real browser: what a person sees, not what the script asked for."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from pipeline.board import read_records, update_board
from tests.leaderboard.samples import REPOSITORY, WEIGHTS, write_results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "no-sandbox",
    "disable-gpu",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
)
SETTLED = "document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'notRunning'"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]


@contextlib.contextmanager
def _served(results):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "leaderboard/app.py", "--server.port", str(port)]
    environment = os.environ | {"EDGEBOARD_RESULTS": str(results)}
    log = results.parent / "streamlit.log"
    with log.open("w") as said:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The address of a board whose experiment is called like a script, and a browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    root = tmp_path_factory.mktemp("board")
    write_results(root)
    update_board(root, read_records(root, ["fire"]), "<script>document.title='x'</script>", WEIGHTS)
    with _served(root / "results") as address, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{switch}" for switch in SWITCHES])
        yield address, browser
        browser.close()


@pytest.fixture
def page(board):
    """A page that fails the test when a script of it fails or when it asks any other server for anything."""
    address, browser = board
    opened = browser.new_page(viewport={"width": 1400, "height": 1600})
    failures, elsewhere = [], []
    opened.on("pageerror", lambda error: failures.append(str(error)))
    opened.on("request", lambda request: elsewhere.append(request.url) if _leaves(request.url, address) else None)
    opened.set_default_timeout(120_000)
    yield opened
    assert failures == []
    assert elsewhere == []
    opened.close()


def _leaves(url, address):
    return url.startswith("http") and not url.startswith(address)


def _open(page, address):
    page.goto(address)
    page.get_by_role("heading").first.wait_for()
    page.wait_for_function(SETTLED)


def test_from_the_table_to_a_model_and_a_comparison(board, page, tmp_path):
    address, _ = board
    _open(page, address)
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    assert page.get_by_text("5 rows").is_visible()
    table = page.locator("[data-testid=stDataFrame]").first
    corner = table.bounding_box()
    for row in (1, 2):
        page.mouse.click(corner["x"] + 15, corner["y"] + 35 * row + 17)  # the box before the row
        page.wait_for_function(SETTLED)
    page.get_by_role("link", name="Compare these 2 rows").click()
    page.get_by_role("heading", name="What the models look at").wait_for()
    assert page.get_by_text("<script>document.title='x'</script>").first.is_visible()
    page.wait_for_function("[...document.images].filter(picture => picture.naturalWidth > 0).length >= 2")
    page.screenshot(path=tmp_path / "compare.png")
    page.get_by_role("link", name="One model").first.click()
    page.get_by_role("heading", name="Where it comes from").wait_for()
    assert page.title() in ("Edgeboard", "One model")
    assert (tmp_path / "compare.png").stat().st_size > 30_000


def test_a_filtered_view_is_a_link(board, page):
    address, _ = board
    _open(page, f"{address}/?variant=compact&variant=pruned&weigh_size=80")
    assert page.get_by_text("2 rows").is_visible()
    page.get_by_role("link", name="Trade-offs").first.click()
    page.get_by_role("heading", name="On the front, or maybe").wait_for()
    page.wait_for_url(re.compile("variant=compact"))  # the page is drawn before its address is written
    assert "weigh_size=80" in page.url


@pytest.mark.parametrize("name", ["", "trade_offs", "compare", "model", "methods", "about"])
def test_a_phone_shows_every_page_without_scrolling_sideways(board, page, name):
    address, _ = board
    page.set_viewport_size({"width": 390, "height": 844})
    _open(page, f"{address}/{name}")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_the_keyboard_reaches_the_filters(board, page):
    address, _ = board
    _open(page, address)
    page.get_by_role("heading", name="Take it with you").wait_for()  # what is drawn meanwhile would take the focus
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText")
        )
    said = " ".join(str(one) for one in reached)
    assert "Task" in said
    assert "More filters" in said
