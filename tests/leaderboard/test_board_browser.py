"""The page in a real browser: what a person sees, not what the script asked for."""

import contextlib
import os
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
        deadline = time.monotonic() + 60
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


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
def test_the_board_in_chromium(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    write_results(tmp_path)
    update_board(tmp_path, read_records(tmp_path, ["fire"]), "<script>document.title='x'</script>", WEIGHTS)
    with _served(tmp_path / "results") as address, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{switch}" for switch in SWITCHES])
        page = browser.new_page(viewport={"width": 1400, "height": 2600})
        failures = []
        page.on("pageerror", lambda error: failures.append(error))
        page.goto(address)
        page.get_by_role("heading", name="Where compact").wait_for(timeout=60_000)
        page.get_by_role("heading", name="What the models look at").wait_for()
        page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
        assert page.get_by_text("5 rows").is_visible()
        assert page.get_by_text("<script>document.title='x'</script>").first.is_visible()
        page.wait_for_function("[...document.images].filter(picture => picture.naturalWidth > 0).length >= 5")

        table = page.locator("[data-testid=stDataFrame]").first
        table.scroll_into_view_if_needed()
        corner = table.bounding_box()
        page.mouse.click(corner["x"] + 15, corner["y"] + 35 * 2 + 17)  # the box before the second row
        page.get_by_role("heading", name="Where quantized").wait_for()
        page.screenshot(path=tmp_path / "board.png")
        assert page.title() == "Edgeboard"
        assert not failures
        browser.close()
    assert (tmp_path / "board.png").stat().st_size > 50_000
