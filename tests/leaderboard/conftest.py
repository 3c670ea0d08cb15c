"""The board's pages as tests open them."""

import functools

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.leaderboard.samples import REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def _components_are_looked_for_once():
    """Every AppTest looks through all installed packages for Streamlit components, which takes longer than a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", functools.cache(manifest_scanner.scan_component_manifests)
        )
        yield


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Opens a page of the board of tmp_path/results: name and what stands in the address."""
    monkeypatch.setenv("EDGEBOARD_RESULTS", str(tmp_path / "results"))
    (tmp_path / "results").mkdir()

    def run(name="overview", **query):
        at = AppTest.from_file(str(REPOSITORY / "leaderboard" / "app.py"), default_timeout=60)
        for key, value in query.items():
            at.query_params[key] = value
        return turn_to(at, name)

    return run


def turn_to(at, name):
    """Run the script on another page of the same session."""
    # AppTest has no public way to a page that is no file.
    at._page_hash = "" if name == "overview" else calc_hash(name)
    at.run()
    assert not at.exception
    return at
