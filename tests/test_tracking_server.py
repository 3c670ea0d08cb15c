"""Publishing to MLflow's own server, which dies after it has done what it was asked and before it says so."""

import contextlib
import shutil
import socket
import threading
from collections import Counter

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from pipeline.board import read_records, update_board
from pipeline.tracking import KEY_TAG, publish
from tests.leaderboard.samples import WEIGHTS, shared_store, write_results

pytestmark = pytest.mark.slow


class _Dying:
    """An application that, once, answers a request of that kind by dropping the connection."""

    def __init__(self, app, ending):
        self.app, self.ending, self.deaths = app, ending, 0

    def __call__(self, environ, start_response):
        answer = b"".join(self.app(environ, start_response))  # what was asked for has happened
        if not self.deaths and environ["PATH_INFO"].endswith(self.ending):
            self.deaths += 1
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return [answer]


class _Silent(WSGIRequestHandler):
    def log(self, *_):
        pass

    def log_error(self, *_):
        pass


@pytest.fixture
def server(tmp_path, tmp_path_factory, monkeypatch):
    """Starts MLflow's server on a fresh store; gives the application around it and its address."""
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copyfile(shared_store(tmp_path_factory.getbasetemp()), folder / "store.db")
    from mlflow.server import app, constants, handlers

    monkeypatch.setenv(constants.BACKEND_STORE_URI_ENV_VAR, f"sqlite:///{folder}/store.db")
    monkeypatch.setenv(constants.ARTIFACT_ROOT_ENV_VAR, "mlflow-artifacts:/")
    monkeypatch.setenv(constants.ARTIFACTS_DESTINATION_ENV_VAR, str(folder / "artifacts"))
    monkeypatch.setenv(constants.SERVE_ARTIFACTS_ENV_VAR, "true")
    monkeypatch.setattr(handlers, "_tracking_store", None)
    monkeypatch.setattr(handlers, "_artifact_repo", None)

    @contextlib.contextmanager
    def serve(ending):
        dying = _Dying(app.wsgi_app, ending)
        running = make_server("127.0.0.1", 0, dying, threaded=True, request_handler=_Silent)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield dying, f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            running.server_close()

    return serve


@pytest.mark.parametrize("ending", ["runs/create", "model.onnx", "runs/update"])
def test_a_server_that_dies_in_between_gets_every_row_once(tmp_path, server, ending):
    from mlflow import MlflowClient

    clone = tmp_path / "clone"
    clone.mkdir()
    write_results(clone, variants=["baseline", "compact"])
    update_board(clone, read_records(clone, ["fire"]), "workspace", WEIGHTS)
    with server(ending) as (dying, uri):
        first = publish(clone, {"MLFLOW_TRACKING_URI": uri})
        assert dying.deaths == 1
        assert "1 row is kept" in first[-1], first
        assert publish(clone, {"MLFLOW_TRACKING_URI": uri})[0].startswith("1 row sent")
        assert "nothing to send" in publish(clone, {"MLFLOW_TRACKING_URI": uri})[0]
        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name("edgeboard/fire")
        runs = client.search_runs([experiment.experiment_id])
        assert [run.info.status for run in runs] == ["FINISHED"] * 2
        assert set(Counter(run.data.tags[KEY_TAG] for run in runs).values()) == {1}
        assert all(len(client.get_metric_history(run.info.run_id, "fps")) == 1 for run in runs)
