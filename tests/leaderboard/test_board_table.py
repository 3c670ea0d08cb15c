import json

import pandas as pd
import pytest

from leaderboard.charts import BEHIND, FRONT, plottable, trade_off_chart
from leaderboard.columns import column_config
from leaderboard.provenance import inside, provenance_text, read_picture, read_run, reproduce_commands
from leaderboard.table import choose, display_frame, escape_markdown, intervals, load_board
from pipeline.ranking import rank_board
from pipeline.report import MARK, board_frame, write_board
from tests.leaderboard.samples import SLOWER, WEIGHTS, big_board, measured_row, measured_rows, png


def _loaded(tmp_path, rows):
    write_board(tmp_path / "leaderboard.csv", rank_board(board_frame(rows), WEIGHTS))
    return load_board(tmp_path)


@pytest.mark.parametrize(
    ("content", "state"),
    [(None, "missing"), (b"", "empty"), (b"task,variant\n", "empty"), (b"\0\1\2", "broken"), (b"a\n1\n", "broken")],
)
def test_states_of_the_file(tmp_path, content, state):
    if content is not None:
        (tmp_path / "leaderboard.csv").write_bytes(content)
    assert load_board(tmp_path).state == state


def test_an_older_file_is_shown_with_what_it_has(tmp_path):
    (tmp_path / "leaderboard.csv").write_text("variant,task,accuracy\ncompact,fire,0.9\n")
    loaded = load_board(tmp_path)
    assert loaded.state == "ok"
    assert "does not have" in loaded.messages[0]
    rows = choose(loaded.board, "fire", loaded.board["place"].iloc[0], [])
    assert display_frame(rows)["accuracy"].tolist() == [0.9]


def test_choosing_filters_and_puts_the_best_first(tmp_path):
    board = _loaded(tmp_path, big_board(400)).board
    rows = choose(board, "face", board["place"].iloc[0], ["exp-0003", "exp-0005"])
    assert set(rows["task"]) == {"face"}
    assert set(rows["experiment"]) == {"exp-0003", "exp-0005"}
    assert rows["rank"].is_monotonic_increasing
    assert choose(board, "face", "elsewhere", []).empty


def test_the_experiment_leads_only_where_there_are_several():
    rows = rank_board(board_frame(big_board(40)), WEIGHTS)
    assert list(display_frame(rows).columns)[:5] == ["rank", "front", "mark", "variant", "experiment"]
    assert list(display_frame(rows.head(5)).columns)[-2:] == ["experiment", "note"]


def test_marked_rows_have_a_sign_and_the_zipped_size_stands_beside_the_size():
    rows = [measured_row("baseline"), measured_row("compact", warning=SLOWER)]
    shown = display_frame(board_frame(rows))
    assert shown["mark"].tolist() == ["", MARK]
    assert shown.columns[list(shown.columns).index("size_mb") + 1] == "size_compressed_mb"
    assert shown["size_compressed_mb"].tolist() == pytest.approx([44.7 * 0.92, 2.31 * 0.92])


@pytest.mark.parametrize("names", [["a"], ["a", "a-name-of-forty-letters-which-is-the-longest"]])
def test_every_column_of_the_table_is_described(names):
    rows = board_frame([measured_row("compact") | {"variant": name} for name in names])
    config = column_config(rows)
    assert set(config) == set(display_frame(rows).columns)
    assert (config["variant"]["width"] > 200) is (len(names) > 1)
    assert MARK in config["mark"]["help"]
    assert config["size_compressed_mb"]["label"] == "Zipped (MB)"


def test_intervals():
    rows = pd.DataFrame({"accuracy_low": [0.911, None], "accuracy_high": [0.958, 0.9], "n_test": [360, None]})
    rows["n_test"] = rows["n_test"].astype("Int64")
    assert intervals(rows).tolist() == ["91.1–95.8 % (n=360)", ""]


def test_markdown_is_escaped():
    assert escape_markdown("<b>*a*_b_ :red[x] $y$") == "\\<b\\>\\*a\\*\\_b\\_ \\:red\\[x\\] \\$y\\$"


def test_the_chart_samples_what_it_cannot_draw_and_keeps_the_front():
    board = rank_board(board_frame(big_board(4000, tasks=("fire",))), WEIGHTS)
    points, complete = plottable(board, limit=500)
    assert (len(points), complete) == (500, 4000)
    assert points["pareto"].sum() == board["pareto"].sum()
    assert set(range(1, 200)) <= set(points["rank"])
    assert points.index.tolist() == plottable(board, limit=500)[0].index.tolist()


def test_rows_that_cannot_be_drawn_are_left_out():
    board = rank_board(board_frame([row | {"fps": 0} for row in big_board(5)] + big_board(10)[5:]), WEIGHTS)
    assert len(plottable(board)[0]) == 5
    assert plottable(board.head(0))[1] == 0


@pytest.mark.parametrize("count", [1, 5, 400])
def test_the_chart_tells_the_front_by_shape(count):
    board = rank_board(board_frame(big_board(count)), WEIGHTS)
    chart = trade_off_chart(plottable(board)[0], intervals(board)).to_dict()
    shapes = [layer["encoding"]["shape"] for layer in chart["layer"] if "shape" in layer["encoding"]]
    assert shapes[0]["scale"] == {"domain": [FRONT, BEHIND], "range": ["diamond", "circle"]}
    assert "diamonds" in chart["description"]


@pytest.mark.parametrize(("recipes", "told"), [(6, "variant"), (7, "precision"), (30, "precision")])
def test_no_colour_of_the_chart_stands_for_two_variants(recipes, told):
    board = rank_board(board_frame(measured_rows(recipes)), WEIGHTS)
    chart = trade_off_chart(plottable(board)[0], intervals(board)).to_dict()
    coloured = [layer["encoding"]["color"] for layer in chart["layer"] if "color" in layer["encoding"]]
    assert {colour["field"] for colour in coloured} == {told}
    values = board[told].unique()
    assert len(values) <= len(coloured[0]["scale"]["range"])


def test_ten_thousand_rows_load(tmp_path):
    rows = big_board(10_000)
    _loaded(tmp_path, rows)
    board = load_board(tmp_path).board
    assert len(board) == 10_000
    place = board["place"].iloc[0]
    shown = display_frame(choose(board, "fire", place, []))
    assert len(shown) == ((board["task"] == "fire") & (board["place"] == place)).sum() > 100


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "", "a\0b", "link.png", "absent.png", "runs"])
def test_nothing_outside_the_results_is_opened(tmp_path, name):
    results = tmp_path / "results"
    (results / "runs").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(png(4, 4))
    (results / "link.png").symlink_to(tmp_path / "secret.png")
    assert inside(results, name) is None
    assert read_picture(results, name) is None


@pytest.mark.parametrize("data", [b"", b"text", png(40, 40)[:60]], ids=["0 bytes", "text", "cut short"])
def test_a_picture_that_is_none_is_left_out(tmp_path, data):
    (tmp_path / "good.png").write_bytes(png(4, 4))
    assert read_picture(tmp_path, "good.png") == png(4, 4)
    (tmp_path / "bad.png").write_bytes(data)
    assert read_picture(tmp_path, "bad.png") is None


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_a_run_that_is_not_kept(tmp_path, content):
    folder = tmp_path / "runs" / "0123456789ab"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "run.json").write_text(content)
    assert read_run(tmp_path, "0123456789ab") == read_run(tmp_path, "../0123456789") == read_run(tmp_path, "") == {}
    (folder / "run.json").write_text(json.dumps({"params": {"seed": 7}}))
    assert read_run(tmp_path, "0123456789ab") == {"params": {"seed": 7}}


def test_provenance_says_what_is_not_known():
    text = provenance_text({"git_commit": "abc", "git_dirty": True, "note": ""}, {"versions": {"torch": "2.15.0"}})
    assert "git commit:   abc" in text
    assert "versions:     torch 2.15.0" in text
    assert "uncommitted:  yes" in text
    assert "data hash:    not recorded" in text


@pytest.mark.parametrize(
    ("row", "commands"),
    [
        (
            {"task": "fire", "git_commit": "ab", "experiment": "workspace"},
            ["git checkout ab", "dvc repro benchmark@fire"],
        ),
        (
            {"task": "fire", "git_commit": "ab", "experiment": "x; rm -rf ~"},
            ["git checkout ab", "dvc exp apply 'x; rm -rf ~'", "dvc repro benchmark@fire"],
        ),
        ({"task": "fire"}, ["# the commit was not recorded", "dvc repro benchmark@fire"]),
    ],
)
def test_how_to_get_a_row_again(row, commands):
    assert reproduce_commands(row).splitlines() == commands
