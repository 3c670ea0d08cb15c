import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import tracking
from pipeline.board import read_records, update_board
from pipeline.tracking import prepare_store, publish, shown, tracking_uri, why_unreachable
from tests.leaderboard.samples import REPOSITORY, WEIGHTS, measured_row, model_bytes, shared_store, write_results

VARIANTS = ["baseline", "compact"]


@pytest.fixture(scope="session")
def new_store(tmp_path_factory):
    return shared_store(tmp_path_factory.getbasetemp())


@pytest.fixture
def clone(tmp_path, new_store):
    shutil.copyfile(new_store, tmp_path / "mlflow.db")
    _measure(tmp_path)
    return tmp_path


def _measure(root, experiment="workspace", **report):
    write_results(root, variants=report.pop("variants", VARIANTS), **report)
    update_board(root, read_records(root, ["fire"]), experiment, WEIGHTS)


def _runs(root, uri=None):
    from mlflow import MlflowClient

    client = MlflowClient(uri or f"sqlite:///{root}/mlflow.db")
    experiment = client.get_experiment_by_name("edgeboard/fire")
    return client, client.search_runs([experiment.experiment_id]) if experiment else []


def _artifacts(client, run_id, folder=None):
    found = []
    for item in client.list_artifacts(run_id, folder):
        found += _artifacts(client, run_id, item.path) if item.is_dir else [item.path]
    return sorted(found)


def test_every_row_arrives_whole(clone):
    assert publish(clone, {})[0].startswith("2 rows sent")
    client, runs = _runs(clone)
    run = next(run for run in runs if run.info.run_name == "workspace/compact")
    assert run.info.status == "FINISHED"
    assert run.data.metrics["fps"] == 318.7
    assert run.data.metrics["per_class/fire/recall"] == 0.95
    assert "latency_ms_p99" not in run.data.metrics
    params = {"variant": "compact", "seed": "7", "compress.ratio": "0.8", "compress.recipes.pruned": '["prune"]'}
    assert params.items() <= run.data.params.items()
    assert run.data.params["version.torch"] == "2.15.0"
    assert run.data.tags["edgeboard.git_dirty"] == "false"
    assert run.data.tags["edgeboard.data_hash"] == "c4" * 32
    assert run.data.tags["mlflow.source.git.commit"].startswith("0123")
    assert _artifacts(client, run.info.run_id) == [
        "benchmark/fire.json",
        "explanation/compact.png",
        "explanation/report.json",
        "model/model.onnx",
        "run.json",
    ]
    assert run.info.artifact_uri.startswith((clone / "mlartifacts").as_uri())
    model = client.download_artifacts(run.info.run_id, "model/model.onnx", str(clone))
    assert Path(model).read_bytes() == model_bytes("fire", "compact")


@pytest.mark.parametrize("ledger", ["kept", "lost", "broken"])
def test_publishing_twice_makes_one_run_a_row(clone, ledger):
    publish(clone, {})
    path = clone / "results" / "published.json"
    if ledger == "lost":
        path.unlink()
    elif ledger == "broken":
        path.write_text("{")
    publish(clone, {})
    assert len(_runs(clone)[1]) == 2
    assert publish(clone, {}) == [f"MLflow at sqlite:///{clone}/mlflow.db has every row; nothing to send."]


@pytest.mark.parametrize("moment", ["log_batch", "log_artifact", "log_dict", "set_terminated"])
def test_a_run_left_unfinished_is_taken_up_again(clone, monkeypatch, moment):
    from mlflow import MlflowClient

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, moment, _killed)
        with pytest.raises(KeyboardInterrupt):
            publish(clone, {})
    assert [run.info.status for run in _runs(clone)[1]] == ["RUNNING"]
    assert publish(clone, {})[0].startswith("2 rows sent")
    client, runs = _runs(clone)
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    assert all(len(client.get_metric_history(run.info.run_id, "fps")) == 1 for run in runs)


def _killed(*_, **__):
    raise KeyboardInterrupt


def test_killed_between_sending_and_noting_it(clone, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "_note_sent", _killed)
        with pytest.raises(KeyboardInterrupt):
            publish(clone, {})
    publish(clone, {})
    assert len(_runs(clone)[1]) == 2


@pytest.mark.slow
def test_kill_9_in_the_middle(clone):
    script = (
        "import os, signal, pathlib, mlflow\n"
        "mlflow.MlflowClient.set_terminated = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from pipeline.tracking import publish\n"
        "publish(pathlib.Path.cwd())\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=clone, env=_environment(), capture_output=True)
    assert killed.returncode == -9, killed.stderr
    publish(clone, {})
    assert [run.info.status for run in _runs(clone)[1]] == ["FINISHED"] * 2


def test_another_server_gets_everything(clone, new_store, tmp_path):
    publish(clone, {})
    shutil.copyfile(new_store, tmp_path / "team.db")
    assert publish(clone, {"MLFLOW_TRACKING_URI": "sqlite:///team.db"})[0].startswith("2 rows sent")
    assert len(_runs(clone, f"sqlite:///{clone}/team.db")[1]) == 2


def test_a_deleted_store_gets_everything_again(clone):
    publish(clone, {})
    (clone / "mlflow.db").unlink()
    assert publish(clone, {})[0].startswith("2 rows sent")
    assert len(_runs(clone)[1]) == 2


def test_two_experiments_with_one_result_are_two_runs(clone):
    _measure(clone, "it's \"quoted\" 'so'")
    publish(clone, {})
    assert len({run.info.run_name for run in _runs(clone)[1]}) == 4


@contextlib.contextmanager
def _dead_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


@contextlib.contextmanager
def _silent_server():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.timeout(120)  # a server that never answers must not hold the pipeline up
@pytest.mark.parametrize("server", [_dead_port, _silent_server])
def test_a_dead_server_costs_a_line(clone, server):
    with server() as uri:
        for _ in range(2):
            lines = publish(clone, {"MLFLOW_TRACKING_URI": uri})
            assert len(lines) == 1
            assert lines[0].startswith(f"MLflow at {uri} cannot be reached (")
            assert lines[0].endswith("2 rows are kept and sent by the next `dvc repro` or `python -m stages.publish`.")
    sent, waiting = publish(clone, {})
    assert sent.startswith("2 rows sent")
    assert waiting.startswith(f"2 rows still wait for {uri}")


def _broken(store):
    store.write_bytes(b"no database at all" * 100)


@contextlib.contextmanager
def _locked(store):
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def test_a_locked_store_costs_a_line(clone, monkeypatch):
    monkeypatch.setattr(tracking, "PROBE_SECONDS", 0.2)
    with _locked(clone / "mlflow.db"):
        assert "cannot be reached (database is locked)" in publish(clone, {})[0]
    assert publish(clone, {})[0].startswith("2 rows sent")


def test_rows_wait_with_their_files_while_the_workspace_moves_on(clone, new_store):
    _broken(clone / "mlflow.db")
    assert "cannot be used" in prepare_store(clone, {})
    assert "cannot be reached (file is not a database)" in publish(clone, {})[0]
    assert len(list((clone / "results" / "outbox").iterdir())) == 2

    shutil.rmtree(clone / "exports")
    shutil.rmtree(clone / "results" / "explain")
    other = measured_row("compact", fps=111.0)
    _measure(clone, variants=["compact"], rows=[other], params_hash="11" * 32)
    shutil.copyfile(new_store, clone / "mlflow.db")
    assert publish(clone, {})[0].startswith("3 rows sent")
    client, runs = _runs(clone)
    assert sorted(run.data.metrics["fps"] for run in runs) == [61.3, 111.0, 318.7]
    assert all("model/model.onnx" in _artifacts(client, run.info.run_id) for run in runs)
    assert not list((clone / "results" / "outbox").iterdir())


def test_what_arrived_just_before_a_kill_does_not_wait_for_ever(clone, new_store):
    _broken(clone / "mlflow.db")
    publish(clone, {})
    outbox = clone / "results" / "outbox"
    shutil.copytree(outbox, clone / "before")
    shutil.copyfile(new_store, clone / "mlflow.db")
    publish(clone, {})
    shutil.rmtree(outbox)
    shutil.move(clone / "before", outbox)
    assert "nothing to send" in publish(clone, {})[0]
    assert not list(outbox.iterdir())


def test_a_refused_row_does_not_stop_the_others(clone, monkeypatch):
    send = tracking._send

    def refuse_baseline(client, main, uri, shipment):
        if shipment.name == "fire/baseline":
            raise RuntimeError("quota\nand a long story")
        return send(client, main, uri, shipment)

    monkeypatch.setattr(tracking, "_send", refuse_baseline)
    sent, kept = publish(clone, {})
    assert sent.startswith("1 row sent")
    assert "did not take fire/baseline (RuntimeError: quota); 1 row is kept" in kept


def test_a_model_that_was_not_the_measured_one_is_not_sent(clone):
    (clone / "exports" / "fire" / "compact" / "model.onnx").write_bytes(b"newer")
    lines = publish(clone, {})
    assert "fire/compact is not sent: exports/fire/compact/model.onnx is not the file that was measured" in lines[0]
    assert lines[1].startswith("1 row sent")


def test_a_deleted_experiment_is_not_brought_back(clone):
    publish(clone, {})
    client, runs = _runs(clone)
    client.delete_experiment(runs[0].info.experiment_id)
    _measure(clone, params_hash="11" * 32)
    assert "was deleted there; `mlflow experiments restore -x" in publish(clone, {})[0]


def test_nothing_measured_is_nothing_to_send(tmp_path):
    assert "nothing to send" in publish(tmp_path, {})[0]
    assert not (tmp_path / "mlflow.db").exists()


def _environment(**changes):
    return {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | {
        "PYTHONPATH": str(REPOSITORY),
        **changes,
    }


def test_nothing_to_send_loads_nothing_slow(clone):
    publish(clone, {})
    script = (
        "import sys, pathlib, json; from pipeline.tracking import publish; publish(pathlib.Path.cwd())\n"
        "print(json.dumps([m for m in ('mlflow', 'pandas', 'torch', 'numpy', 'sqlalchemy') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=clone, env=_environment(), capture_output=True, text=True)
    assert json.loads(done.stdout) == [], done.stderr


@pytest.mark.slow
def test_four_processes_make_one_store(new_store):
    said, codes = json.loads((new_store.parent / "said.json").read_text())
    assert codes == [0] * 4, said
    assert sum("was made" in text for text in said) == 1
    assert sum("is ready" in text for text in said) == 3
    assert sorted(path.name for path in new_store.parent.iterdir()) == [".edgeboard", "mlflow.db", "said.json"]
    assert "is ready" in prepare_store(new_store.parent, {})


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        (None, "sqlite:////clone/mlflow.db"),
        ("", "sqlite:////clone/mlflow.db"),
        ("sqlite:///team.db", "sqlite:////clone/team.db"),
        ("sqlite:////data/team.db", "sqlite:////data/team.db"),
        ("http://server:5000", "http://server:5000"),
    ],
)
def test_tracking_uri(given, uri):
    assert tracking_uri(Path("/clone"), {} if given is None else {"MLFLOW_TRACKING_URI": given}) == uri


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("http://me:secret@server:5000/mlflow?token=secret", "http://server:5000/mlflow"),
        ("postgresql://me:secret@db/x", "postgresql://db/x"),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("databricks", "databricks"),
    ],
)
def test_no_password_is_printed_or_stored(uri, text):
    assert shown(uri) == text


@pytest.mark.parametrize("uri", ["http://127.0.0.1:notaport", "http://nowhere.invalid", "http://[bad"])
def test_an_odd_address_is_unreachable(uri):
    assert why_unreachable(uri)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("per_class/fire/recall", "per_class/fire/recall"),
        ("per_class/a b/recall", "per_class/a b/recall"),
        ("per_class/é<script>/x", "per_class/__script_/x"),
        ("per_class/../x", "per_class____x"),
        ("/etc", "_etc"),
    ],
)
def test_names_that_mlflow_takes(name, allowed):
    assert tracking._allowed_name(name) == allowed
