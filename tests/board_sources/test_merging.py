import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.board_sources.merging import merge_boards
from pipeline.report import board_frame


def _row(run_id="aaaaaaaaaaaa", **changes):
    return {
        "task": "fire", "variant": "compact", "experiment": "workspace", "run_id": run_id, "host": "h",
        "git_commit": "c1", "params_hash": "p", "data_hash": "d", "created_at": "2026-01-01T00:00:00+00:00",
    } | changes  # fmt: skip


OTHER = "bbbbbbbbbbbb"


@pytest.mark.parametrize(
    ("mine", "theirs", "kept"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([_row()], [], ["here"], id="only mine"),
        pytest.param([], [_row()], ["there"], id="only theirs"),
        pytest.param([_row()], [_row()], ["here"], id="the same run"),
        pytest.param([_row()], [_row(experiment="exp")], ["there"], id="the same run, named there"),
        pytest.param([_row(experiment="exp")], [_row()], ["here"], id="the same run, named here"),
        pytest.param([_row()], [_row(OTHER, host="i")], ["here", "there"], id="another machine"),
        pytest.param([_row()], [_row(OTHER, params_hash="q")], ["here", "there"], id="other parameters"),
        pytest.param([_row()], [_row(OTHER, git_commit="c2")], ["here", "there"], id="another commit"),
        pytest.param([_row()], [_row(OTHER)], ["here"], id="a repetition that was published before"),
        pytest.param([_row(""), _row("", variant="a")], [_row("", variant="b")], ["here", "here", "there"], id="no id"),
    ],
)
def test_doubles(mine, theirs, kept):
    merged = merge_boards([("here", board_frame(mine)), ("there", board_frame(theirs))])
    assert merged["source"].tolist() == kept


def test_the_newest_of_repetitions_is_kept():
    rows = [_row(OTHER, accuracy=0.5), _row("c" * 12, accuracy=0.9, created_at="2026-01-02T00:00:00+00:00")]
    merged = merge_boards([("here", board_frame([])), ("there", board_frame(rows))])
    # One source alone is taken as it is: its own board has no doubles.
    assert len(merged) == 2
    merged = merge_boards([("here", board_frame([_row(host="i")])), ("there", board_frame(rows))])
    assert merged.loc[merged["source"] == "there", "accuracy"].tolist() == [0.9]


runs = st.lists(
    st.builds(
        _row,
        run_id=st.sampled_from(["a" * 12, "b" * 12, "c" * 12]),
        experiment=st.sampled_from(["workspace", "exp"]),
        git_commit=st.sampled_from(["c1", "c2"]),
    ),
    min_size=1,
    max_size=6,
)


@given(runs, runs)
@settings(max_examples=25, deadline=None)
def test_merging_the_same_again_changes_nothing(mine, theirs):
    boards = [("here", board_frame(mine)), ("there", board_frame(theirs))]
    once = merge_boards(boards)
    twice = merge_boards([*boards, ("again", board_frame(mine)), ("again", board_frame(theirs))])
    assert len(twice) == len(once)
    assert not once.duplicated(["run_id", "experiment"]).any()
    # A run of this clone is never lost: it may only be listed under its name instead of as `workspace`.
    assert {row["run_id"] for row in mine} <= set(once["run_id"])
