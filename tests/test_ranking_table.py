import io

import pytest
from rich.console import Console

from pipeline.ranking import rank_board
from pipeline.ranking_table import ranking_table
from pipeline.report import MARK, board_frame
from tests.leaderboard.samples import SLOWER, VARIANTS, WEIGHTS, big_board, measured_row, measured_rows


def _row(variant="compact", **changes):
    return measured_row(variant) | {"task": "fire", "experiment": "workspace", "host": "h"} | changes


def _board(rows):
    return rank_board(board_frame(rows), WEIGHTS)


def _printed(board, width=130):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(ranking_table(board))
    return console.export_text()


def test_the_ranking_as_a_table():
    text = _printed(_board([_row(variant) for variant in VARIANTS]))
    assert "experiment" not in text
    first = next(line for line in text.splitlines() if "fire" in line)
    assert first.split() == [
        "fire",
        "1",
        "compact",
        "int8",
        "0.939",
        "(0.911–0.958,",
        "n=360)",
        "2.31",
        "318.7",
        "5.20×",
        "◆",
    ]


@pytest.mark.parametrize("board", [board_frame([]), _board([_row(fps=None, accuracy=None)])])
def test_the_table_of_little(board):
    assert "None" not in _printed(board)
    assert "nan" not in _printed(board)


def test_a_long_board_is_cut_and_names_are_no_markup():
    rows = [row | {"experiment": "[red]x[/red]"} for row in big_board(200)]
    text = _printed(_board(rows))
    assert "more in results/leaderboard.csv" in text
    both = _printed(_board([*rows, _row()]))
    assert "[red]x[/red]" in both
    assert MARK not in text


def _lines(text, *parts):
    return [line for line in text.splitlines() if all(part in line for part in parts)]


def test_a_marked_row_has_its_sign_in_the_table_and_its_words_below():
    rows = [_row(variant) for variant in VARIANTS]
    rows[1] |= {"warning": "slower than [bold]baseline[/bold]: 0.83× [0.80, 0.86]"}
    text = _printed(_board(rows))
    (row,) = _lines(text, "fp32", MARK)
    assert row.split()[2:4] == ["pruned", MARK]
    last = text.rstrip().splitlines()[-1]
    assert last.strip() == f"{MARK} fire · pruned: slower than [bold]baseline[/bold]: 0.83× [0.80, 0.86]"
    assert text.count(MARK) == 2


def test_the_words_name_the_experiment_where_there_are_several():
    rows = [_row(experiment="workspace"), _row(experiment="puffy", warning=SLOWER)]
    assert _lines(_printed(_board(rows)), f"{MARK} fire · puffy · compact: {SLOWER}")


@pytest.mark.parametrize("width", [80, 140])
def test_one_run_of_thirty_recipes_is_shown_whole(width):
    rows = [row | {"task": "fire", "experiment": "workspace", "host": "h"} for row in measured_rows(30)]
    text = _printed(_board(rows), width)
    assert "more" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    places = [line.split()[1] for line in _lines(text, "×") if line.split()[0] == "fire"]
    assert places == [str(place) for place in range(1, 32)]
    # Ten are marked: in the table and below it.
    assert text.count(MARK) == 20
    assert text.count(SLOWER) == 10
    if width == 140:
        assert all(row["variant"] in text for row in rows)


@pytest.mark.parametrize(("width", "intervals"), [(80, False), (100, True)])
def test_a_narrow_terminal_loses_the_intervals_and_no_name(width, intervals):
    text = _printed(_board([_row(variant, warning=SLOWER) for variant in VARIANTS]), width)
    assert ("(0.911–0.958, n=360)" in text) is intervals
    assert "…" not in text
    assert all(_lines(text, f" {variant} {MARK} ") for variant in VARIANTS)


def test_marks_that_are_cut_off_are_counted():
    rows = [row | {"warning": SLOWER} for row in big_board(100, tasks=("fire",))]
    text = _printed(_board(rows))
    assert f"… and 88 more, 88 of them with {MARK}, in results/leaderboard.csv" in text
