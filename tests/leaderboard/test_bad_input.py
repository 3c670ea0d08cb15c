"""Boards that people, disks and servers spoilt: every page opens and says what was wrong, never with a stack trace."""

import contextlib
import http.server
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from pipeline import tracking
from pipeline.board import read_records, update_board
from pipeline.report import board_frame, write_board
from tests.leaderboard.conftest import turn_to
from tests.leaderboard.samples import WEIGHTS, measured_row, write_results

PAGES = ("overview", "trade_offs", "compare", "model", "methods")
OLD_BOARDS = Path(__file__).with_name("old_boards")
HEADER = "task,variant,accuracy,fps,size_mb"


def _remarks(at):
    return [box.label for box in at.expander if box.label.startswith("Remarks")], "\n".join(t.value for t in at.text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "There are no results yet", id="missing"),
        pytest.param(b"", "The board is empty", id="0 bytes"),
        pytest.param(b"task,variant\n", "The board is empty", id="header only"),
        pytest.param(b"accuracy,fps\n0.9,10\n", "cannot be shown", id="without names"),
        pytest.param(b"\x89PNG\0", "cannot be shown", id="not a CSV"),
        pytest.param(b"task,variant\nfire,\xff\n", "cannot be shown", id="not UTF-8"),
        pytest.param(b'task,variant\nfire,"a', "cannot be shown", id="cut short"),
    ],
)
def test_no_board_is_a_message(page, tmp_path, content, says):
    if content is not None:
        (tmp_path / "results" / "leaderboard.csv").write_bytes(content)
    at = page()
    assert says in " ".join(box.value for box in [*at.info, *at.error])
    assert str(tmp_path) not in "".join(box.value for box in at.text)
    assert not at.dataframe


@pytest.mark.parametrize(
    ("content", "rows", "says"),
    [
        pytest.param("task,variant\nfire,compact\n", 1, "columns that the file does not have", id="missing columns"),
        pytest.param("size_mb,x,variant,fps,task\n1,<b>,a,9,fire\n", 1, "does not have", id="reordered, one more"),
        pytest.param(f"{HEADER}\nfire,a,nan,10,1\n", 1, "accuracy: 1 value emptied", id="NaN"),
        pytest.param(f"{HEADER}\nfire,a,.9,inf,1\n", 1, "fps: 1 value emptied", id="inf"),
        pytest.param(f"{HEADER}\nfire,a,.9,-10,1\n", 1, "fps: 1 value emptied, for example '-10'", id="negative FPS"),
        pytest.param(f"{HEADER}\nfire,a,nan,inf,-1\nfire,b,2,0,0\n", 2, "emptied", id="no usable number"),
        pytest.param(f"{HEADER}\nfire,a,.9,10,1\nfire,a,.8,10,1\n", 1, "1 repeated row left out", id="duplicates"),
        pytest.param(f"{HEADER}\nfire,a,.9,10,1\n,b,.9,10,1\n", 1, "1 row without a task", id="a nameless row"),
        pytest.param(f"{HEADER},created_at\nfire,a,.9,10,1,yesterday\n", 1, "does not have", id="no date"),
        pytest.param(
            "task,variant,explanation,run_id\nfire,a,../../etc/passwd,../../x\n",
            1,
            "not have",
            id="paths that lead out",
        ),
    ],
)
def test_a_poor_board_is_shown_and_told_on_every_page(page, tmp_path, content, rows, says):
    (tmp_path / "results" / "leaderboard.csv").write_text(content)
    at = page()
    labels, said = _remarks(at)
    assert len(at.dataframe[0].value) == rows
    assert len(labels) == 1
    assert says in said
    for name in PAGES[1:]:
        assert len(_remarks(turn_to(at, name))[0]) == 1
        assert not at.error


def test_one_row_is_enough_for_every_page(page, tmp_path):
    write_board(tmp_path / "results" / "leaderboard.csv", board_frame([measured_row("compact") | {"task": "fire"}]))
    at = page()
    assert at.dataframe[0].value["rank_range"].tolist() == ["1"]
    assert any(box.value.startswith("1 row ·") for box in at.caption)
    for name in PAGES[1:]:
        assert not turn_to(at, name).error
    assert not _remarks(at)[0]


@pytest.mark.parametrize("name", ["first.csv", "with_warnings.csv"])
def test_boards_of_earlier_versions_open_on_every_page(page, tmp_path, name):
    (tmp_path / "results" / "leaderboard.csv").write_bytes((OLD_BOARDS / name).read_bytes())
    at = page()
    assert at.dataframe[0].value["accuracy"].notna().tolist() == [True] * 3
    for other in PAGES[1:]:
        assert not turn_to(at, other).error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_board_that_may_not_be_read_is_a_message(page, tmp_path):
    board = tmp_path / "results" / "leaderboard.csv"
    board.write_text("task,variant\nfire,a\n")
    board.chmod(0)
    assert "cannot be shown" in page().error[0].value


@contextlib.contextmanager
def _answers_500():
    class Handler(http.server.BaseHTTPRequestHandler):
        def _fail(self):
            self.send_error(500)

        do_GET = do_POST = do_PUT = _fail

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def _locked(folder):
    with contextlib.closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("BEGIN EXCLUSIVE")
        yield f"sqlite:///{folder}/store.db"


@contextlib.contextmanager
def _corrupt(folder):
    (folder / "store.db").write_bytes(b"no database at all, but longer than a header of one" * 40)
    yield f"sqlite:///{folder}/store.db"


@pytest.mark.parametrize(
    ("store", "says"),
    [
        pytest.param(_locked, "cannot be reached (database is locked)", id="locked"),
        pytest.param(_corrupt, "cannot be reached (file is not a database)", id="corrupt"),
        pytest.param(lambda _: _answers_500(), "500", id="500", marks=pytest.mark.slow),
    ],
)
def test_a_store_that_fails_is_a_line_and_a_remark_on_the_page(page, tmp_path, monkeypatch, capsys, store, says):
    from stages.collect import main as collect
    from stages.publish import main as publish

    write_results(tmp_path)
    update_board(tmp_path, read_records(tmp_path, ["fire"]), "workspace", WEIGHTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tracking, "PROBE_SECONDS", 0.5)
    monkeypatch.setattr("sys.argv", ["collect"])
    with store(tmp_path) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        publish()
        collect()
    told = capsys.readouterr().out
    assert told.count(says) >= 2, told
    assert "5 rows are kept and sent by the next" in told
    at = page()
    labels, said = _remarks(at)
    assert labels == ["Remarks on what was read (1)"]
    assert said.startswith(f"mlflow: MLflow at {uri} ".replace(f"{tmp_path}/", ""))
    assert says in said
    assert said.endswith("; the rows fetched before are kept.")
    assert len(at.dataframe[0].value) == 5
