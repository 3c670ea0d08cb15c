import shutil
import subprocess
import sys

import pytest

from pipeline.board import read_records, update_board
from tests.leaderboard.samples import REPOSITORY, WEIGHTS, shared_store, write_results


def _publish(folder, *arguments, **environment):
    command = [sys.executable, "-m", "stages.publish", *arguments]
    env = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.slow
def test_publish_leaves_runs_with_artifacts_and_a_ledger(tmp_path, tmp_path_factory):
    shutil.copyfile(shared_store(tmp_path_factory.getbasetemp()), tmp_path / "mlflow.db")
    write_results(tmp_path, variants=["compact"])
    update_board(tmp_path, read_records(tmp_path, ["fire"]), "workspace", WEIGHTS)
    first = _publish(tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("1 row sent to MLflow at sqlite:///")
    assert not first.stderr
    assert (tmp_path / "results" / "published.json").is_file()
    assert len(list((tmp_path / "mlartifacts").rglob("model.onnx"))) == 1
    again = _publish(tmp_path)
    assert again.stdout.strip().endswith("has every row; nothing to send.")


def test_a_dead_server_does_not_fail_the_pipeline(tmp_path):
    write_results(tmp_path, variants=["compact"])
    update_board(tmp_path, read_records(tmp_path, ["fire"]), "workspace", WEIGHTS)
    done = _publish(tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 0
    assert "cannot be reached (Connection refused); 1 row is kept" in done.stdout
    assert len(list((tmp_path / "results" / "outbox").glob("*/files/model/model.onnx"))) == 1


def test_init_leaves_a_server_alone(tmp_path):
    done = _publish(tmp_path, "--init", MLFLOW_TRACKING_URI="http://me:secret@127.0.0.1:9")
    assert done.returncode == 0
    assert "MLflow is the server at http://127.0.0.1:9" in done.stdout
    assert not (tmp_path / "mlflow.db").exists()
