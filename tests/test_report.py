import math

import pytest

from pipeline.errors import EdgeboardError
from pipeline.report import COLUMNS, FIXED_COLUMNS, board_frame, read_board, set_aside, write_board

FIXED = [
    "task",
    "variant",
    "recipe",
    "experiment",
    "target",
    "engine",
    "precision",
    "frame_size",
    "metric",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "n_test",
    "size_mb",
    "params",
    "nonzero",
    "macs",
    "fps",
    "fps_network",
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p99",
    "speedup",
    "memory_mb",
    "power_w",
    "energy_mj",
    "xai_faithfulness",
    "xai_drift",
    "pareto",
    "rank",
    "git_commit",
    "git_dirty",
    "params_hash",
    "data_hash",
    "host",
    "created_at",
]
ROW = {
    "task": "fire",
    "variant": "compact",
    "experiment": "workspace",
    "target": "local",
    "engine": "onnxruntime",
    "precision": "int8",
    "host": "EPYC [ab]",
    "accuracy": 1 / 3,
    "n_test": 360,
    "fps": 317.20000000000005,
    "macs": 1_814_073_344,
    "power_w": None,
    "git_dirty": True,
    "note": 'a "note", with commas\nand é',
}


def _row(**changes):
    return ROW | changes


def test_the_fixed_columns_are_those_of_the_design():
    assert [column.name for column in FIXED_COLUMNS] == FIXED
    assert [column.name for column in COLUMNS][: len(FIXED)] == FIXED


def test_a_written_board_reads_back_the_same(tmp_path):
    path = tmp_path / "leaderboard.csv"
    write_board(path, board_frame([_row(), _row(variant="baseline", git_dirty=None)]))
    read = read_board(path)
    assert not read.warnings
    row = read.frame[read.frame["variant"] == "compact"].iloc[0]
    assert {name: row[name] for name in ROW if name != "power_w"} == {n: v for n, v in ROW.items() if n != "power_w"}
    assert math.isnan(row["power_w"])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",")[: len(FIXED)] == FIXED
    assert "317.20000000000005" in path.read_text()
    assert "true" in path.read_text()


def test_a_carriage_return_in_a_name_makes_no_second_row(tmp_path):
    path = tmp_path / "leaderboard.csv"
    write_board(path, board_frame([_row(variant="a\rfire,b", note="x\r\ny") | {"of others": "1\r2"}]))
    (row,) = read_board(path).frame.to_dict("records")
    assert (row["variant"], row["note"], row["of others"]) == ("a fire,b", "x \ny", "1 2")


def test_row_order_does_not_depend_on_the_order_of_arrival(tmp_path):
    rows = [_row(variant=v, experiment=e) for v in ("b", "a") for e in ("z", "workspace")]
    write_board(tmp_path / "one.csv", board_frame(rows))
    write_board(tmp_path / "two.csv", board_frame(rows[::-1]))
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize(
    ("text", "fps", "warning"),
    [
        pytest.param("task,variant,fps\nfire,a,5\n", [5.0], "does not have", id="missing columns"),
        pytest.param("fps,variant,task\n5,a,fire\n", [5.0], "does not have", id="reordered columns"),
        pytest.param("\ufefftask,variant,fps\nfire,a,5\n", [5.0], "does not have", id="byte order mark"),
        pytest.param("task,variant,fps\nfire,a,nan\n", [None], "fps: 1 value emptied, for example 'nan'", id="nan"),
        pytest.param("task,variant,fps\nfire,a,inf\n", [None], "fps: 1 value emptied, for example 'inf'", id="inf"),
        pytest.param("task,variant,fps\nfire,a,-3\n", [None], "fps: 1 value emptied, for example '-3'", id="negative"),
        pytest.param("task,variant,fps\nfire,a,fast\n", [None], "fps: 1 value emptied", id="a word"),
        pytest.param("task,variant,fps\nfire,a,\n", [None], "does not have", id="empty is no mistake"),
        pytest.param("task,variant,fps\nfire,a\n", [None], "does not have", id="short row"),
        pytest.param("task,variant,fps\nfire,a,5\n,a,6\n", [5.0], "without a task or a variant", id="nameless row"),
        pytest.param("task,variant,fps\nfire,a,5\nfire,a,6\n", [6.0], "1 repeated row left out", id="repeated row"),
        pytest.param("task,variant,fps\r\nfire,a,5\r\n", [5.0], "does not have", id="windows lines"),
    ],
)
def test_what_people_do_to_the_file(tmp_path, text, fps, warning):
    path = tmp_path / "leaderboard.csv"
    path.write_bytes(text.encode())
    read = read_board(path)
    assert [None if math.isnan(value) else value for value in read.frame["fps"]] == fps
    assert any(warning in line for line in read.warnings), read.warnings


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        ("accuracy", 1.01, False),
        ("accuracy", 0.0, True),
        ("n_test", 3.5, False),
        ("rank", 0, False),
        ("xai_drift", -0.2, True),
        ("size_compressed_mb", 0.0, True),
        ("size_compressed_mb", -0.1, False),
        ("ratio_reached", None, False),
        ("ratio_reached", 1.0, True),
        ("ratio_reached", 1.01, False),
        ("ratio_reached", -0.01, False),
        ("size_mb", float("inf"), False),
        ("git_dirty", "perhaps", False),
        ("git_dirty", "TRUE", True),
    ],
)
def test_ranges(column, given, kept):
    assert board_frame([_row(**{column: given})])[column].notna().item() is kept


def test_unknown_columns_are_kept_behind_the_known(tmp_path):
    path = tmp_path / "leaderboard.csv"
    path.write_text("colour,task,variant\nred,fire,a\n")
    write_board(path, read_board(path).frame)
    assert path.read_text().splitlines()[0].endswith(",colour")
    assert path.read_text().splitlines()[1].endswith(",red")


@pytest.mark.parametrize("content", [None, b"", b" \n"], ids=["absent", "0 bytes", "blank"])
def test_no_file_is_an_empty_board(tmp_path, content):
    path = tmp_path / "leaderboard.csv"
    if content is not None:
        path.write_bytes(content)
    read = read_board(path)
    assert read.frame.empty
    assert list(read.frame.columns) == [column.name for column in COLUMNS]


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0",
        b"\xff\xfe\xfd",
        b"a;b\n1;2\n",
        b'task,variant\nfire,"a\n',
        b"task,variant\na,b\n1,2,3,4\n",
    ],
    ids=["picture", "not UTF-8", "other header", "open quote", "too many fields"],
)
def test_a_broken_board_is_refused_and_set_aside_whole(tmp_path, content):
    path = tmp_path / "leaderboard.csv"
    path.write_bytes(content)
    with pytest.raises(EdgeboardError, match="cannot be read"):
        read_board(path)
    aside = set_aside(path)
    assert aside.name.startswith("leaderboard.csv.broken-")
    assert aside.read_bytes() == content
    assert not path.exists()


def test_a_difference_to_the_baseline_may_be_below_0(tmp_path):
    rows = [{"task": "fire", "variant": "compact", "fps": 10.0, "accuracy_delta": -0.05, "accuracy_delta_low": -0.09}]
    write_board(tmp_path / "board.csv", board_frame(rows))
    read = read_board(tmp_path / "board.csv")
    assert read.frame[["accuracy_delta", "accuracy_delta_low"]].iloc[0].tolist() == [-0.05, -0.09]
    assert not read.warnings


WARNING = 'slower than distilled: 0.83× [0.80, 0.86]; bigger than "distilled", 2.32 MB'


def test_a_board_without_the_guard_reads_as_unmarked(tmp_path):
    path = tmp_path / "leaderboard.csv"
    path.write_text("task,variant,fps\nfire,compact,5\n")
    read = read_board(path)
    assert read.frame[["warning", "input"]].iloc[0].tolist() == ["", ""]
    assert read.frame[["size_compressed_mb", "ratio_reached"]].isna().all().all()
    # Only the fixed columns are missed: older boards are no mistake of anybody.
    assert not any("warning" in line for line in read.warnings)


def test_what_the_guard_says_survives_the_file(tmp_path):
    given = {"input": "distilled", "warning": WARNING, "size_compressed_mb": 2.13, "ratio_reached": 0.7994}
    write_board(tmp_path / "board.csv", board_frame([_row(**given), _row(variant="baseline", warning=None)]))
    read = read_board(tmp_path / "board.csv").frame.set_index("variant")
    assert {name: read.loc["compact", name] for name in given} == given
    assert read.loc["baseline", "warning"] == ""
