import os
import shutil
import subprocess
import sys

import pytest

from pipeline.report import read_board
from tests.conftest import set_params
from tests.leaderboard.samples import REPOSITORY, write_results


@pytest.fixture
def project(tmp_path):
    shutil.copyfile(REPOSITORY / "params.yaml", tmp_path / "params.yaml")
    set_params(tmp_path / "params.yaml", {"tasks": ["fire"]})
    write_results(tmp_path)
    return tmp_path


def _leaderboard(folder, *arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "EDGEBOARD_"))}
    command = [sys.executable, "-m", "stages.leaderboard", *arguments]
    env = kept | {"PYTHONPATH": str(REPOSITORY), **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_it_leaves_the_board_and_the_runs_and_prints_the_ranking(project):
    done = _leaderboard(project, DVC_EXP_NAME="puffy-daks")
    assert done.returncode == 0, done.stderr
    board = read_board(project / "results" / "leaderboard.csv").frame
    assert set(board["experiment"]) == {"puffy-daks"}
    assert len(board) == 5
    assert len(list((project / "results" / "runs").glob("*/run.json"))) == 5
    assert "0.939 (0.911–0.958, n=360)" in done.stdout

    before = (project / "results" / "leaderboard.csv").read_bytes()
    shown = _leaderboard(project, "--show")
    assert "0.939 (0.911–0.958, n=360)" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "Open the board: make leaderboard"
    assert (project / "results" / "leaderboard.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        pytest.param("results/benchmark/fire.json", [], "dvc repro benchmark@fire", id="no benchmark"),
        pytest.param("params.yaml", [], "params.yaml is missing", id="no params"),
        pytest.param("results", ["--show"], "The board is empty", id="nothing to show"),
    ],
)
def test_what_is_missing_is_named(project, spoil, arguments, message):
    path = project / spoil
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = _leaderboard(project, *arguments)
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if arguments else 2)
