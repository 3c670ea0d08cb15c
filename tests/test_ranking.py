import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ranking import composite_score, pareto_front, possible_front, rank_board

NAN = float("nan")
EVEN = {"accuracy": 1.0, "size": 1.0, "fps": 1.0}


@pytest.mark.parametrize(
    ("points", "front"),
    [
        pytest.param([], [], id="no rows"),
        pytest.param([(0.9, 5, 100)], [True], id="one row"),
        pytest.param([(0.9, 5, 100), (0.9, 5, 100)], [True, True], id="equal rows are on it together"),
        pytest.param([(0.9, 5, 100), (0.8, 6, 90)], [True, False], id="worse in all three"),
        pytest.param([(0.9, 5, 100), (0.9, 5, 99)], [True, False], id="worse in one, equal in two"),
        pytest.param([(0.9, 5, 100), (0.8, 4, 50), (0.7, 6, 200)], [True, True, True], id="each best in one"),
        pytest.param([(0.9, 5, NAN), (0.8, 6, 90)], [False, True], id="a missing value beats nobody"),
        pytest.param([(NAN, NAN, NAN)], [False], id="nothing measured"),
        pytest.param(
            [(0.9, 45, 60), (0.89, 9, 150), (0.88, 9, 149), (0.90, 11, 170), (0.895, 2.3, 320)],
            [False, False, False, True, True],
            id="five variants, worked by hand",
        ),
    ],
)
def test_pareto_front(points, front):
    columns = np.array(points, dtype=float).reshape(-1, 3)
    assert pareto_front(columns[:, 0], columns[:, 1], columns[:, 2]).tolist() == front


# Few different values, so that ties and equal rows are common.
triples = st.tuples(*[st.integers(0, 5).map(float) | st.just(NAN)] * 3)


def _beats(a, b):
    at_least = a[0] >= b[0] and a[1] <= b[1] and a[2] >= b[2]
    return at_least and tuple(a) != tuple(b)


@given(st.lists(triples, max_size=25))
@settings(max_examples=200, deadline=None)
def test_front_is_exactly_the_rows_that_nobody_beats(points):
    columns = np.array(points, dtype=float).reshape(-1, 3)
    front = pareto_front(columns[:, 0], columns[:, 1], columns[:, 2])
    complete = [point for point in points if not any(np.isnan(point))]
    expected = [not any(np.isnan(p)) and not any(_beats(other, p) for other in complete) for p in points]
    assert front.tolist() == expected


@given(st.lists(triples, min_size=1, max_size=20), st.data())
@settings(max_examples=100, deadline=None)
def test_a_beaten_row_changes_nothing(points, data):
    columns = np.array(points, dtype=float)
    front = pareto_front(columns[:, 0], columns[:, 1], columns[:, 2])
    if front.any():
        accuracy, size_mb, fps = points[data.draw(st.sampled_from(np.flatnonzero(front).tolist()))]
        more = np.vstack([columns, [accuracy - 1, size_mb + 1, fps - 1]])
        assert pareto_front(more[:, 0], more[:, 1], more[:, 2]).tolist() == [*front.tolist(), False]


@pytest.mark.parametrize(
    ("points", "weights", "score"),
    [
        pytest.param([(0.9, 4, 100)], EVEN, [1.0], id="one row has nothing to be worse than"),
        pytest.param([(0.9, 4, 100), (0.8, 8, 50)], EVEN, [1.0, 0.0], id="best and worst in all"),
        pytest.param(
            [(1.0, 16, 100), (0.5, 4, 10), (0.5, 1, 1)],
            {"accuracy": 0.5, "size": 0.25, "fps": 0.25},
            [0.5 + 0.0 + 0.25, 0.0 + 0.125 + 0.125, 0.0 + 0.25 + 0.0],
            id="logarithms put 4 halfway between 1 and 16",
        ),
        pytest.param([(0.9, 4, 9), (0.8, 1, 99)], {"accuracy": 3.0, "size": 0, "fps": 0}, [1.0, 0.0], id="one weight"),
        pytest.param([(0.9, 0, 9), (0.8, 1, 0), (0.7, NAN, 1)], EVEN, [NAN] * 3, id="0 MB and 0 FPS were not measured"),
    ],
)
def test_composite_score(points, weights, score):
    columns = np.array(points, dtype=float)
    assert composite_score(*columns.T, weights) == pytest.approx(score, nan_ok=True)


def _board(rows):
    board = pd.DataFrame(rows, columns=["task", "target", "host", "accuracy", "size_mb", "fps"])
    return board.assign(data_hash="d1")


def test_ties_share_the_better_rank_and_the_next_is_skipped():
    rows = [("fire", "local", "a", accuracy, 4.0, 100.0) for accuracy in (0.9, 0.8, 0.9, 0.7)]
    ranked = rank_board(_board(rows), EVEN)
    assert ranked["rank"].tolist() == [1, 3, 1, 4]
    assert ranked["rank"].dtype == "Int64"


def test_hosts_targets_and_tasks_are_ranked_apart():
    rows = [
        ("fire", "local", "slow", 0.9, 4.0, 10.0),
        ("fire", "local", "fast", 0.9, 4.0, 999.0),
        ("fire", "jetson", "slow", 0.9, 4.0, 50.0),
        ("face", "local", "slow", 0.9, 4.0, 70.0),
        ("fire", "local", "slow", 0.8, 5.0, 9.0),
    ]
    ranked = rank_board(_board(rows), EVEN)
    assert ranked["rank"].tolist() == [1, 1, 1, 1, 2]
    assert ranked["pareto"].tolist() == [True, True, True, True, False]


def test_rows_of_other_data_are_ranked_apart():
    board = _board([("fire", "local", "a", 0.9, 4.0, 100.0), ("fire", "local", "a", 0.8, 5.0, 90.0)])
    assert rank_board(board, EVEN)["rank"].tolist() == [1, 2]
    assert rank_board(board.assign(data_hash=["d1", "d2"]), EVEN)["rank"].tolist() == [1, 1]


def test_a_row_without_a_score_has_no_rank():
    ranked = rank_board(_board([("fire", "local", "a", 0.9, 4.0, NAN), ("fire", "local", "a", 0.8, 4.0, 9.0)]), EVEN)
    assert ranked["rank"].isna().tolist() == [True, False]
    assert ranked["pareto"].tolist() == [False, True]


def test_an_empty_board_can_be_ranked():
    assert rank_board(_board([]), EVEN).empty


def test_ten_thousand_rows_that_are_nearly_all_on_the_front():
    draw = np.random.default_rng(0)
    angle = np.sort(draw.uniform(0, np.pi / 2, 10_000))
    board = _board([("fire", "local", "a", 0.0, 1.0, 0.0)] * 10_000)
    # On a quarter of a circle nobody beats anybody; then one row in ten is moved inside.
    inside = np.arange(10_000) % 10 == 5
    radius = np.where(inside, 0.9, 1.0)
    board["accuracy"], board["fps"] = radius * np.sin(angle), radius * np.cos(angle) + 0.01
    ranked = rank_board(board, EVEN)
    assert ranked["pareto"].tolist() == (~inside).tolist()
    assert ranked["rank"].notna().all()


quadruples = st.tuples(*[st.integers(0, 3).map(float) | st.just(NAN)] * 4)


@given(st.lists(quadruples, max_size=25))
@settings(max_examples=100, deadline=None)
def test_the_front_of_four_is_exactly_the_rows_that_nobody_beats(points):
    columns = np.array(points, dtype=float).reshape(-1, 4)
    front = pareto_front(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])
    complete = [point for point in points if not any(np.isnan(point))]
    expected = [
        not any(np.isnan(p))
        and not any((_beats(other, p) and other[3] >= p[3]) or _equal_but_more_faithful(other, p) for other in complete)
        for p in points
    ]
    assert front.tolist() == expected


def _equal_but_more_faithful(other, point):
    return tuple(other[:3]) == tuple(point[:3]) and other[3] > point[3]


def test_two_thousand_rows_have_the_front_of_three_whatever_way_it_is_found():
    draw = np.random.default_rng(1)
    accuracy, size_mb, fps = draw.normal(size=(3, 2000))
    same = np.zeros(2000)
    assert pareto_front(accuracy, size_mb, fps).tolist() == pareto_front(accuracy, size_mb, fps, same).tolist()


@pytest.mark.parametrize(
    ("lower", "upper", "mask"),
    [
        pytest.param([], [], [], id="no rows"),
        pytest.param([(0.8, 1)], [(0.9, 1)], [True], id="one row"),
        pytest.param([(0.8, 1), (0.7, 1)], [(0.9, 1), (0.85, 1)], [True, True], id="the intervals overlap"),
        pytest.param([(0.8, 1), (0.6, 1)], [(0.9, 1), (0.7, 1)], [True, False], id="they part"),
        pytest.param([(0.8, 1), (0.6, 2)], [(0.9, 1), (0.7, 2)], [True, True], id="it is surely better elsewhere"),
        pytest.param([(0.8, 1), (0.8, 1)], [(0.8, 1), (0.8, 1)], [True, True], id="equal and known"),
        pytest.param([(NAN, 1), (0.1, 0)], [(0.9, 1), (0.2, 0)], [False, True], id="not measured"),
    ],
)
def test_who_may_be_on_the_front(lower, upper, mask):
    shaped = (np.array(ends, dtype=float).reshape(-1, 2) for ends in (lower, upper))
    assert possible_front(*shaped).tolist() == mask


@given(st.lists(st.tuples(triples, st.integers(0, 2)), max_size=15))
@settings(max_examples=80, deadline=None)
def test_whoever_is_on_the_front_may_be_on_it(points):
    values = np.array([point for point, _ in points], dtype=float).reshape(-1, 3) * [1, -1, 1]
    half = np.array([half for _, half in points], dtype=float).reshape(-1, 1)
    on = pareto_front(values[:, 0], -values[:, 1], values[:, 2])
    may_be = possible_front(values - half, values + half)
    assert not (on & ~may_be).any()
