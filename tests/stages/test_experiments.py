"""Experiments beside the workspace, under real DVC."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import run
from tests.stages.outcome import VARIANTS, board

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_an_experiment_adds_its_rows_and_keeps_the_others(reproduced_repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "edgeboard"
    # With its cache and results, so that only what depends on the ratio runs.
    subprocess.run(["cp", "-a", str(reproduced_repository), str(clone)], check=True)
    run(["git", "add", "-A"], clone)
    run(["git", "commit", "-q", "-m", "reproduced"], clone)
    run(["dvc", "exp", "run", "-n", "half", "-S", "compress.ratio=0.5"], clone)
    rows = board(clone)
    assert sorted(set(rows["experiment"])) == ["half", "workspace"]
    assert [sorted(part["variant"]) for _, part in rows.groupby("experiment")] == [VARIANTS, VARIANTS]
    params = rows[rows["variant"] == "pruned"].set_index("experiment")["params"]
    assert params["half"] > 2 * params["workspace"]
    run(["git", "checkout", "-q", "."], clone)

    run(["dvc", "exp", "run", "--temp", "-n", "third", "-S", "compress.ratio=0.3"], clone)
    assert sorted(set(board(clone)["experiment"])) == ["half", "third", "workspace"]
