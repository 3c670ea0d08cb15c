"""Rows from Git's experiments and from an MLflow store, on real repositories and a real store."""

import hashlib
import json
import shutil
import subprocess

import numpy as np
import pytest
import yaml

from pipeline.board import read_records, update_board
from pipeline.board_sources.experiments import experiment_rows, git
from pipeline.board_sources.merging import merge_boards
from pipeline.board_sources.store import Found, Picture, read_remarks, write_remarks, write_source
from pipeline.evidence import decisions, read_evidence
from pipeline.report import board_frame, read_board
from pipeline.tracking import fetch_rows, publish
from tests.leaderboard.samples import VARIANTS, WEIGHTS, png, shared_store, write_results


def _git(root, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True, text=True).stdout


def _put(cache, data):
    md5 = hashlib.md5(data).hexdigest()
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return md5


def _put_folder(cache, folder):
    listing = json.dumps([{"md5": _put(cache, p.read_bytes()), "relpath": p.name} for p in sorted(folder.iterdir())])
    md5 = hashlib.md5(listing.encode()).hexdigest() + ".dir"
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(listing)
    return md5


def _raw(root):
    raw = root / "results" / "benchmark" / "fire"
    raw.mkdir(parents=True, exist_ok=True)
    logits = {f"logits_{name}": np.eye(2, dtype=np.float32)[[0, 1, 0]] for name in VARIANTS}
    np.savez(raw / "predictions.npz", labels=np.array([0, 1, 1]), files=np.array(list("abc")), **logits)


@pytest.fixture
def repository(tmp_path):
    """A repository with an experiment `photos` as `dvc exp pull` leaves it: a commit, and files in the cache."""
    root = tmp_path / "clone"
    (root / ".dvc").mkdir(parents=True)
    measured = tmp_path / "elsewhere"
    write_results(measured, params_hash="ab" * 32)
    _raw(measured)
    cache = root / ".dvc" / "cache"
    report = measured / "results" / "benchmark" / "fire.json"
    outs = [
        {"path": "results/benchmark/fire.json", "md5": _put(cache, report.read_bytes())},
        {"path": "results/benchmark/fire", "md5": _put_folder(cache, report.parent / "fire")},
        {"path": "results/explain/fire", "md5": _put_folder(cache, measured / "results" / "explain" / "fire")},
    ]
    _git(tmp_path, "init", "-q", str(root))
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"benchmark@fire": {"outs": outs}}}))
    _git(root, "add", "dvc.lock")
    _git(root, "commit", "-q", "-m", "experiment")
    commit = _git(root, "rev-parse", "HEAD").strip()
    _git(root, "update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/photos", commit)
    _git(root, "update-ref", "refs/exps/exec/EXEC_HEAD", commit)
    return root


def test_rows_of_an_experiment_that_was_pulled(repository):
    found, lines = experiment_rows(repository)
    assert lines == []
    assert [one.run["row"]["variant"] for one in found] == list(VARIANTS)
    assert {one.experiment for one in found} == {"photos"}
    assert {one.origin for one in found} == {"experiment photos"}
    assert found[0].run["row"]["params_hash"] == "ab" * 32
    assert found[0].picture.data == png(320, 200, 0)
    assert decisions(found[0].evidence)[1].tolist() == [True, True, False]


def test_an_experiment_without_its_files_is_told_with_the_mend(repository):
    shutil.rmtree(repository / ".dvc" / "cache")
    found, lines = experiment_rows(repository)
    assert found == []
    (line,) = lines
    assert "experiment photos: the results of fire are not in DVC's cache" in line
    assert "dvc exp pull" in line


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"rows": []}', b'{"rows": [{}]}', b"\xff\xfe"])
def test_a_broken_report_costs_its_experiment_only(repository, content):
    lock = yaml.safe_load((repository / "dvc.lock").read_text())
    md5 = lock["stages"]["benchmark@fire"]["outs"][0]["md5"]
    (repository / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]).write_bytes(content)
    found, lines = experiment_rows(repository)
    assert found == []
    assert lines[0].startswith("experiment photos cannot be read")


@pytest.mark.parametrize("md5", ["", "../../../etc/passwd", "zz", "../" + "a" * 30])
def test_a_hash_that_is_none_reads_nothing(repository, md5):
    lock = yaml.safe_load((repository / "dvc.lock").read_text())
    lock["stages"]["benchmark@fire"]["outs"][0]["md5"] = md5
    (repository / "dvc.lock").write_text(yaml.safe_dump(lock))
    _git(repository, "commit", "-q", "-am", "changed")
    commit = _git(repository, "rev-parse", "HEAD").strip()
    _git(repository, "update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/changed", commit)
    found, lines = experiment_rows(repository)
    assert {one.experiment for one in found} == {"photos"}
    assert len(lines) == 1


def test_a_folder_that_is_no_repository_has_no_experiments(tmp_path):
    assert experiment_rows(tmp_path) == ([], [])
    assert git(tmp_path, "log") is None


def test_what_is_kept_of_a_source(tmp_path):
    run = {"run_id": "0123456789ab", "row": {"task": "fire", "variant": "a", "accuracy": 0.9, "unknown": 1}}
    other = {"run_id": "ba9876543210", "row": run["row"] | {"variant": "b"}}
    found = [
        Found(run, "exp", "MLflow http://x", {"n": 1}, Picture(".png", png(4, 4))),
        Found(run | {"run_id": "../../x"}, "exp", "MLflow http://x"),
        Found(other, "exp", "MLflow http://x", picture=Picture(".svg", b"<svg/>")),
    ]
    assert write_source(tmp_path, "mlflow", found) == 2
    folder = tmp_path / "results" / "sources" / "mlflow"
    frame = read_board(folder / "leaderboard.csv").frame
    assert frame["source"].tolist() == ["MLflow http://x"] * 2
    assert sorted(frame["explanation"]) == ["", "sources/mlflow/runs/0123456789ab/explanation.png"]
    assert read_evidence(folder / "runs" / "0123456789ab" / "evidence.json") == {"n": 1}
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["0123456789ab", "ba9876543210"]
    assert write_source(tmp_path, "mlflow", []) == 0
    assert read_board(folder / "leaderboard.csv").frame.empty


@pytest.fixture
def published(tmp_path, tmp_path_factory):
    root = tmp_path / "clone"
    root.mkdir()
    shutil.copyfile(shared_store(tmp_path_factory.getbasetemp()), root / "mlflow.db")
    write_results(root)
    _raw(root)
    update_board(root, read_records(root, ["fire"]), "workspace", WEIGHTS)
    publish(root, {})
    return root


@pytest.mark.slow
def test_rows_of_an_mlflow_store_come_back_whole_and_are_no_doubles(published):
    found, lines = fetch_rows(published, {})
    assert len(found) == 5
    assert lines[0].startswith("5 rows in MLflow at sqlite:///")
    assert decisions(found[0].evidence)[1].tolist() == [True, True, False]
    assert all(one.picture is not None for one in found)
    write_source(published, "mlflow", found)
    own = read_board(published / "results" / "leaderboard.csv").frame
    theirs = read_board(published / "results" / "sources" / "mlflow" / "leaderboard.csv").frame
    assert theirs["accuracy"].tolist() == own["accuracy"].tolist()
    assert merge_boards([("here", own), ("mlflow", theirs)])["source"].tolist() == ["here"] * 5
    # What was fetched before is read from the disk: the server's files may be gone.
    shutil.rmtree(published / "mlartifacts")
    again, _ = fetch_rows(published, {})
    assert sorted(one.run_id for one in again) == sorted(one.run_id for one in found)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("http://127.0.0.1:1", "cannot be reached"),
        ("sqlite:///broken.db", "cannot be reached"),
        ("sqlite:///absent.db", "There is no MLflow store"),
    ],
)
def test_a_store_that_cannot_be_asked_is_a_line(tmp_path, uri, says):
    (tmp_path / "broken.db").write_bytes(b"no database at all, but longer than a header of one" * 40)
    found, (line,) = fetch_rows(tmp_path, {"MLFLOW_TRACKING_URI": uri})
    assert says in line
    assert found == ([] if "absent" in uri else None)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'{"mlflow": 3}', b"\xff"])
def test_remarks_that_are_none(tmp_path, content):
    folder = tmp_path / "results" / "sources"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "remarks.json").write_bytes(content)
    assert read_remarks(folder) == {}
    write_remarks(tmp_path, "mlflow", ["is down"])
    write_remarks(tmp_path, "experiments", [])
    assert read_remarks(folder) == {"mlflow": ["is down"], "experiments": []}


def test_an_empty_board_has_an_origin_too():
    assert merge_boards([("here", board_frame([]))])["source"].tolist() == []


def test_the_command_collects_offline_and_twice_the_same(repository, monkeypatch, capsys):
    from stages.collect import main

    monkeypatch.chdir(repository)
    monkeypatch.setattr("sys.argv", ["collect", "--offline"])
    main()
    assert capsys.readouterr().out == "5 rows of experiments that Git knows.\n"
    board = repository / "results" / "sources" / "experiments" / "leaderboard.csv"
    before = board.read_bytes()
    main()
    assert board.read_bytes() == before
    assert read_board(board).frame["experiment"].tolist() == ["photos"] * 5
