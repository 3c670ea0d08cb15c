import json
import multiprocessing
import shutil

import pytest

from pipeline.board import (
    experiment_name,
    experiments_of_runs,
    main_root,
    merge,
    read_records,
    update_board,
)
from pipeline.errors import EdgeboardError
from pipeline.report import board_frame, read_board
from tests.leaderboard.samples import VARIANTS, WEIGHTS, measured_row, write_results


def _update(root, experiment="workspace", task="fire"):
    return update_board(root, read_records(root, [task]), experiment, WEIGHTS)


def _row(**changes):
    row = measured_row("compact") | {"task": "fire", "experiment": "workspace", "host": "h"} | changes
    return {name: value for name, value in row.items() if name not in ("model_file", "per_class")}


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param("", id="an ordinary clone"),
        pytest.param(".dvc/tmp/exps/standalone/tmpab12", id="dvc exp run --temp"),
        pytest.param(".dvc/tmp/exps/tmpab12", id="dvc exp run --queue"),
        pytest.param(".dvc/tmp/exps/tmpab12/.dvc/tmp/exps/x", id="a copy of a copy"),
    ],
)
def test_main_root(tmp_path, inside):
    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    assert main_root(tmp_path / inside, {}) == tmp_path


def test_main_root_from_the_environment(tmp_path):
    assert main_root(tmp_path / "copy", {"EDGEBOARD_HOME": str(tmp_path)}) == tmp_path
    with pytest.raises(EdgeboardError, match="EDGEBOARD_HOME"):
        main_root(tmp_path, {"EDGEBOARD_HOME": str(tmp_path / "absent")})


def test_similar_folders_are_no_dvc_copy(tmp_path):
    folder = tmp_path / "dvc" / "tmp" / "exps" / "x"
    folder.mkdir(parents=True)
    assert main_root(folder, {}) == folder


def test_experiment_name():
    assert experiment_name({}) == experiment_name({"DVC_EXP_NAME": ""}) == "workspace"
    assert experiment_name({"DVC_EXP_NAME": "puffy-daks"}) == "puffy-daks"


def test_records_carry_measurement_explanation_and_provenance(tmp_path):
    write_results(tmp_path)
    records = {record.row["variant"]: record for record in read_records(tmp_path, ["fire"])}
    assert set(records) == set(VARIANTS)
    row = records["compact"].row
    assert (row["task"], row["host"], row["git_dirty"]) == ("fire", "AMD EPYC 7763 (2 cores) [a1b2c3d4]", False)
    assert (row["xai_faithfulness"], row["power_w"]) == (0.401, None)
    assert [folder for folder, _ in records["compact"].files] == ["benchmark", "explanation", "model", "explanation"]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"created_at": "2030-01-01T00:00:00+00:00", "git_commit": "f" * 40, "git_dirty": True}, True),
        ({"params_hash": "00"}, False),
        ({"data_hash": "00"}, False),
        ({"host": {"id": "ffff", "name": "AMD EPYC 7763 (2 cores)"}}, False),
        ({"rows": [measured_row("compact", fps=300.0)]}, False),
        ({"rows": [measured_row("compact", model_sha256="00")]}, False),
    ],
)
def test_a_run_is_its_content_not_its_date(tmp_path, change, same):
    write_results(tmp_path, variants=["compact"])
    before = read_records(tmp_path, ["fire"])[0].run_id
    write_results(tmp_path, variants=["compact"], **change)
    assert (read_records(tmp_path, ["fire"])[0].run_id == before) is same


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "A file is missing", id="absent"),
        pytest.param("{", "not valid JSON", id="half a file"),
        pytest.param("[]", "lacks a part", id="another shape"),
        pytest.param('{"rows": []}', "lacks a part", id="no provenance"),
        pytest.param(
            '{"rows": [{}], "params_hash": "", "data_hash": "", "host": {"name": "x"}}', "lacks a part", id="no variant"
        ),
    ],
)
def test_a_broken_benchmark_report_is_refused(tmp_path, content, message):
    path = tmp_path / "results" / "benchmark" / "fire.json"
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_text(content)
    with pytest.raises(EdgeboardError, match=message) as caught:
        read_records(tmp_path, ["fire"])
    assert "benchmark@fire" in str(caught.value)


def test_a_report_cannot_name_files_outside_the_project(tmp_path):
    write_results(tmp_path, rows=[measured_row("compact", model_file="../../etc/passwd")])
    with pytest.raises(EdgeboardError, match="outside the project"):
        read_records(tmp_path, ["fire"])


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        pytest.param([], [{}], [("workspace", "compact")], id="first rows"),
        pytest.param([{}], [], [("workspace", "compact")], id="nothing new"),
        pytest.param([{"experiment": "a"}], [{}], [("a", "compact"), ("workspace", "compact")], id="others stay"),
        pytest.param([{"fps": 1.0}], [{"fps": 2.0}], [("workspace", "compact")], id="a re-run replaces its own"),
        pytest.param([{"variant": "gone"}], [{}], [("workspace", "compact")], id="variants no longer built go"),
        pytest.param([{"host": "b"}], [{}], [("workspace", "compact")] * 2, id="another host stays"),
        pytest.param([{"target": "jetson"}], [{}], [("workspace", "compact")] * 2, id="another target stays"),
        pytest.param([{"task": "face"}], [{}], [("workspace", "compact")] * 2, id="another task stays"),
    ],
)
def test_merge(old, new, kept):
    merged = merge(board_frame([_row(**change) for change in old]), board_frame([_row(**change) for change in new]))
    assert list(zip(merged["experiment"], merged["variant"], strict=True)) == kept
    assert 1.0 not in merged["fps"].tolist()


def test_experiments_meet_on_one_board(tmp_path):
    write_results(tmp_path)
    _update(tmp_path)
    write_results(tmp_path, params_hash="11" * 32, variants=["compact"])
    board = _update(tmp_path, "puffy").board
    assert board["experiment"].value_counts().to_dict() == {"workspace": 5, "puffy": 1}
    on_disk = read_board(tmp_path / "results" / "leaderboard.csv")
    assert not on_disk.warnings
    assert len(on_disk.frame) == 6
    assert sorted(on_disk.frame["rank"]) == [1, 1, 3, 4, 5, 6]
    for row in on_disk.frame.to_dict("records"):
        run = json.loads((tmp_path / "results" / "runs" / row["run_id"] / "run.json").read_text())
        assert run["row"]["variant"] == row["variant"]
        assert run["versions"]["torch"] == "2.15.0"
        assert (tmp_path / "results" / row["explanation"]).is_file()


def test_the_same_state_gives_the_same_bytes(tmp_path):
    write_results(tmp_path)
    _update(tmp_path)
    first = (tmp_path / "results" / "leaderboard.csv").read_bytes()
    _update(tmp_path)
    assert (tmp_path / "results" / "leaderboard.csv").read_bytes() == first


def test_after_an_experiment_a_plain_repro_does_not_list_its_runs_again(tmp_path):
    write_results(tmp_path)
    _update(tmp_path, "puffy")
    assert set(_update(tmp_path).board["experiment"]) == {"puffy"}


def test_a_dvc_copy_reaches_the_main_board(tmp_path):
    write_results(tmp_path)
    _update(tmp_path)
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpab12"
    write_results(copy, params_hash="11" * 32)
    _update(copy, "queued")
    shutil.copyfile(copy / "results" / "leaderboard.csv", tmp_path / "of_copy.csv")
    shutil.rmtree(copy)
    main = read_board(tmp_path / "results" / "leaderboard.csv").frame
    assert main["experiment"].value_counts().to_dict() == {"queued": 5, "workspace": 5}
    assert all((tmp_path / "results" / name).is_file() for name in main["explanation"])
    assert (tmp_path / "of_copy.csv").read_bytes() == (tmp_path / "results" / "leaderboard.csv").read_bytes()


def test_runs_that_no_row_names_are_removed(tmp_path):
    write_results(tmp_path)
    old = set(_update(tmp_path).board["run_id"])
    (tmp_path / "results" / "runs" / "notes").mkdir()
    write_results(tmp_path, params_hash="11" * 32)
    new = set(_update(tmp_path).board["run_id"])
    assert not old & new
    assert {path.name for path in (tmp_path / "results" / "runs").iterdir()} == new | {"notes"}


def test_a_broken_board_is_set_aside_and_its_runs_are_kept(tmp_path):
    write_results(tmp_path)
    old = set(_update(tmp_path, "puffy").board["run_id"])
    path = tmp_path / "results" / "leaderboard.csv"
    path.write_bytes(path.read_bytes()[:200] + b"\0\0\0")
    broken = path.read_bytes()
    write_results(tmp_path, params_hash="11" * 32)
    for _ in range(2):
        update = _update(tmp_path)
    assert len(update.board) == 5
    asides = list((tmp_path / "results").glob("leaderboard.csv.broken-*"))
    assert [aside.read_bytes() for aside in asides] == [broken]
    assert old <= {folder.name for folder in (tmp_path / "results" / "runs").iterdir()}


def test_rows_that_cannot_be_kept_are_copied_aside(tmp_path):
    write_results(tmp_path)
    _update(tmp_path)
    path = tmp_path / "results" / "leaderboard.csv"
    path.write_text(path.read_text() + ",lost\n")
    update = _update(tmp_path)
    assert "without a task" in update.lines[0]
    assert "is kept as" in update.lines[1]


def _worker(root, name, start):
    start.wait()
    for turn in range(3):
        write_results(root / name, params_hash=f"{turn}{name}", variants=["compact"])
        update_board(root / name, read_records(root / name, ["fire"]), f"{name}-{turn}", WEIGHTS)


def test_processes_that_merge_at_once_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEBOARD_HOME", str(tmp_path))
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    workers = [context.Process(target=_worker, args=(tmp_path, name, start)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    board = read_board(tmp_path / "results" / "leaderboard.csv").frame
    assert sorted(board["experiment"]) == [f"{name}-{turn}" for name in "ab" for turn in range(3)]


def test_experiments_of_runs_without_pandas(tmp_path):
    assert experiments_of_runs(tmp_path / "absent.csv") == {}
    write_results(tmp_path, variants=["compact"])
    _update(tmp_path, 'a "quoted", name')
    run_id = _update(tmp_path, "b").board["run_id"].iloc[0]
    assert experiments_of_runs(tmp_path / "results" / "leaderboard.csv") == {run_id: ['a "quoted", name', "b"]}


def test_everything_around_a_measured_model_belongs_to_its_row(tmp_path):
    write_results(tmp_path, variants=["compact"])
    artifact = tmp_path / "models" / "fire" / "quantize" / "compact"
    artifact.mkdir(parents=True)
    (artifact / "meta.json").write_text("{}")
    (tmp_path / "exports" / "fire" / "compact" / "model.tensorrt.onnx").write_bytes(b"for the board")
    proof = {"variants": {"compact": {"artifact": "models/fire/quantize/compact"}}}
    (tmp_path / "exports" / "fire" / "report.json").write_text(json.dumps(proof))
    (record,) = read_records(tmp_path, ["fire"])
    names = [(folder, path.name) for folder, path in record.files]
    # The measured file comes first: its hash decides whether the row may still be sent.
    assert [name for folder, name in names if folder == "model"] == ["model.onnx", "model.tensorrt.onnx"]
    assert ("export", "report.json") in names
    assert [name for folder, name in names if folder == "artifact"] == ["meta.json"]


@pytest.mark.parametrize(
    ("ships", "models"),
    [
        pytest.param("model.onnx", ["model.onnx", "model.tensorrt.onnx"], id="what runs ships"),
        pytest.param(
            "model.onnx.packed", ["model.onnx", "model.onnx.packed", "model.tensorrt.onnx"], id="a packed file ships"
        ),
        pytest.param("model.tensorrt.onnx", ["model.onnx", "model.tensorrt.onnx"], id="none is sent twice"),
        pytest.param("absent.packed", ["model.onnx", "model.tensorrt.onnx"], id="a file that is gone"),
    ],
)
def test_what_ships_is_sent_beside_what_was_measured(tmp_path, ships, models):
    folder = tmp_path / "exports" / "fire" / "compact"
    row = measured_row("compact", ships=f"exports/fire/compact/{ships}")
    write_results(tmp_path, variants=["compact"], rows=[row])
    for name in ("model.tensorrt.onnx", "model.onnx.packed"):
        (folder / name).write_bytes(b"x")
    (record,) = read_records(tmp_path, ["fire"])
    # The measured file comes first: its hash decides whether the row may still be sent.
    assert [path.name for kind, path in record.files if kind == "model"] == models


def test_a_shipped_file_outside_the_project_is_refused(tmp_path):
    write_results(tmp_path, rows=[measured_row("compact", ships="../../etc/passwd")])
    with pytest.raises(EdgeboardError, match="outside the project"):
        read_records(tmp_path, ["fire"])


def test_the_guard_reaches_the_board(tmp_path):
    words = "slower than distilled: 0.83× [0.80, 0.86]"
    write_results(tmp_path, rows=[measured_row("baseline"), measured_row("compact", warning=words)])
    board = _update(tmp_path).board.set_index("variant")
    columns = ["input", "warning", "size_compressed_mb", "ratio_reached"]
    assert board.loc["compact", columns].tolist() == ["distilled", words, pytest.approx(2.31 * 0.92), 0.7994]
    assert board.loc["baseline", ["input", "warning"]].tolist() == ["", ""]


_ALL = {"benchmark/face.json", "benchmark/compact.roc.png", "benchmark/compact.confusion.png", "export/report.json",
        "explanation/report.json", "explanation/compact.png", "artifact/meta.json", "artifact/weights.safetensors",
        "model/model.onnx"}  # fmt: skip
_NAMELESS = {"benchmark/compact.roc.png", "model/model.onnx"}


@pytest.mark.parametrize(
    ("data", "files"),
    [
        pytest.param({"source": "faces", "share": False}, _NAMELESS, id="private"),
        pytest.param({"source": "faces", "share": True}, _ALL, id="they may be seen"),
        pytest.param({"source": "synthetic", "share": False}, _ALL, id="drawn people"),
        pytest.param({"source": "photos"}, _ALL, id="no people"),
    ],
)
def test_names_templates_and_pictures_of_private_people_are_not_behind_a_row(tmp_path, data, files):
    write_results(tmp_path, "face", ["compact"], params={"data": {"face": data}})
    for name in ("roc", "confusion"):
        chart = tmp_path / "results" / "benchmark" / "face" / f"compact.{name}.png"
        chart.parent.mkdir(exist_ok=True)
        chart.write_bytes(b"\x89PNG")
    artifact = tmp_path / "models" / "face" / "prune"
    artifact.mkdir(parents=True)
    for name in ("meta.json", "weights.safetensors"):
        (artifact / name).write_text("Ada")
    proof = {"class_names": ["Ada"], "variants": {"compact": {"artifact": "models/face/prune"}}}
    (tmp_path / "exports" / "face" / "report.json").write_text(json.dumps(proof))
    (record,) = read_records(tmp_path, ["face"])
    assert {f"{folder}/{path.name}" for folder, path in record.files} == files
    explanation = _update(tmp_path, task="face").board["explanation"].iloc[0]
    assert bool(explanation) == ("explanation/compact.png" in files)
    kept = [path for path in (tmp_path / "results" / "runs").rglob("*") if path.is_file()]
    assert any(path.suffix == ".png" for path in kept) == bool(explanation)
    assert not any(b"Ada" in path.read_bytes() for path in kept)
