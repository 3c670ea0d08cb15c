import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rank_intervals import PAIRWISE_LIMIT, rank_intervals
from pipeline.report import board_frame

EVEN = {"accuracy": 1.0, "size": 1.0, "fps": 1.0}
ACCURACY_ONLY = {"accuracy": 1.0, "size": 0.0, "fps": 0.0}


def _row(variant, accuracy, half=0.0, size_mb=4.0, fps=100.0, fps_half=0.0, **changes):
    return {
        "task": "fire",
        "variant": variant,
        "experiment": "workspace",
        "accuracy": accuracy,
        "accuracy_low": None if accuracy is None else accuracy - half,
        "accuracy_high": None if accuracy is None else accuracy + half,
        "size_mb": size_mb,
        "fps": fps,
        "fps_low": None if fps is None else fps - fps_half,
        "fps_high": None if fps is None else fps + fps_half,
        "run_id": f"{variant}-run",
    } | changes


def _ranks(rows, weights=EVEN, **options):
    found = rank_intervals(board_frame(rows), weights, **options)
    return list(zip(found.best.tolist(), found.worst.tolist(), strict=True))


@pytest.mark.parametrize(
    ("rows", "ranks"),
    [
        pytest.param([], [], id="no rows"),
        pytest.param([_row("a", 0.9, 0.02)], [(1, 1)], id="one row"),
        pytest.param([_row("a", None)], [(0, 0)], id="nothing measured"),
        pytest.param([_row("a", 0.9), _row("b", 0.8), _row("c", None)], [(1, 1), (2, 2), (0, 0)], id="one has none"),
        pytest.param([_row("a", 0.9), _row("b", 0.9)], [(1, 2), (1, 2)], id="equal rows without intervals are tied"),
        pytest.param([_row("a", 0.9), _row("b", 0.8), _row("c", 0.7)], [(1, 1), (2, 2), (3, 3)], id="all known"),
        pytest.param([_row("a", 0.9, 0.3), _row("b", 0.89, 0.3)], [(1, 2), (1, 2)], id="wide intervals cannot tell"),
        pytest.param(
            [_row("a", 0.95, 0.01), _row("b", 0.70, 0.01), _row("c", 0.69, 0.01)],
            [(1, 1), (2, 3), (2, 3)],
            id="one sure, two tied",
        ),
    ],
)
def test_hand_worked_ranks(rows, ranks):
    assert _ranks(rows, ACCURACY_ONLY) == ranks


def test_the_speed_of_a_restless_machine_leaves_the_ranks_open():
    steady = [_row("a", 0.9, fps=110, fps_half=1), _row("b", 0.9, fps=100, fps_half=1)]
    restless = [_row("a", 0.9, fps=110, fps_half=40), _row("b", 0.9, fps=100, fps_half=40)]
    assert _ranks(steady) == [(1, 1), (2, 2)]
    assert _ranks(restless) == [(1, 2), (1, 2)]


def _decided(correct):
    return ("frames", np.array(correct, dtype=bool))


def test_decisions_on_the_same_frames_tell_more_than_intervals():
    # b errs wherever a errs and on 30 frames more: unpaired intervals of ±5 % overlap, the paired ones do not.
    a = np.ones(400, dtype=bool)
    a[:60] = False
    b = a.copy()
    b[60:80] = False
    rows = [_row("a", a.mean(), 0.036), _row("b", b.mean(), 0.039)]
    decisions = {"a-run": _decided(a), "b-run": _decided(b)}
    assert _ranks(rows, ACCURACY_ONLY) == [(1, 2), (1, 2)]
    assert _ranks(rows, ACCURACY_ONLY, decisions=decisions) == [(1, 1), (2, 2)]
    found = rank_intervals(board_frame(rows), ACCURACY_ONLY, decisions)
    assert found.basis == ["decisions", "decisions"]


def test_decisions_on_other_frames_are_not_paired():
    a, b = np.ones(400, dtype=bool), np.ones(400, dtype=bool)
    a[:60], b[:80] = False, False
    rows = [_row("a", a.mean()), _row("b", b.mean())]
    assert _ranks(rows, ACCURACY_ONLY, decisions={"a-run": ("one", a), "b-run": ("other", b)}) == [(1, 2), (1, 2)]


def test_the_paired_difference_to_the_baseline_tells_more_than_intervals():
    delta = {"accuracy_delta": -0.04, "accuracy_delta_low": -0.05, "accuracy_delta_high": -0.03}
    rows = [_row("baseline", 0.90, 0.04), _row("pruned", 0.86, 0.04, **delta)]
    assert _ranks([rows[0], _row("pruned", 0.86, 0.04)], ACCURACY_ONLY) == [(1, 2), (1, 2)]
    assert _ranks(rows, ACCURACY_ONLY) == [(1, 1), (2, 2)]
    assert rank_intervals(board_frame(rows), ACCURACY_ONLY).basis == ["interval", "difference"]


@given(
    st.lists(
        st.tuples(st.floats(0.1, 0.9), st.floats(0, 0.1), st.floats(1, 50), st.floats(1, 500)), min_size=1, max_size=12
    ),
    st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_the_rank_of_the_score_lies_within_its_interval(numbers, seed):
    rows = [_row(f"v{i}", a, half, size, fps, fps / 20) for i, (a, half, size, fps) in enumerate(numbers)]
    found = rank_intervals(board_frame(rows), EVEN, seed=seed)
    place = pd.Series(found.score).rank(method="min", ascending=False).to_numpy()
    assert (found.best <= place).all()
    assert (place <= found.worst).all()
    assert found.best.min() == 1
    assert found.worst.max() == len(rows)


@given(st.lists(st.floats(0.1, 0.9), min_size=2, max_size=10), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_without_intervals_does_not_matter(accuracies, shuffler):
    rows = [_row(f"v{i}", accuracy) for i, accuracy in enumerate(accuracies)]
    ranks = dict(zip([row["variant"] for row in rows], _ranks(rows), strict=True))
    shuffler.shuffle(rows)
    assert dict(zip([row["variant"] for row in rows], _ranks(rows), strict=True)) == ranks


def test_many_rows_are_compared_by_their_own_intervals():
    count = PAIRWISE_LIMIT + 20
    rows = [_row(f"v{i}", 0.5 + 0.4 * i / count, 0.001) for i in range(count)]
    found = rank_intervals(board_frame(rows), ACCURACY_ONLY)
    assert not found.pairwise
    # Neighbours lie 0.0033 apart with intervals of ±0.001: every rank is sure.
    assert found.best.tolist() == found.worst.tolist() == list(range(count, 0, -1))
    wide = [row | {"accuracy_low": row["accuracy"] - 0.004, "accuracy_high": row["accuracy"] + 0.004} for row in rows]
    best, worst = zip(*_ranks(wide, ACCURACY_ONLY), strict=True)
    # Within 0.008 lie two neighbours on either side.
    assert (best[60], worst[60]) == (count - 60 - 2, count - 60 + 2)


def test_the_same_seed_gives_the_same_ranks():
    rows = [_row(f"v{i}", 0.9 - 0.01 * i, 0.03) for i in range(8)]
    assert _ranks(rows, seed=5) == _ranks(rows, seed=5)


def test_faithfulness_counts_where_it_is_weighed():
    rows = [_row("a", 0.9, xai_faithfulness=0.2), _row("b", 0.9, xai_faithfulness=0.6)]
    weights = EVEN | {"faithfulness": 1.0}
    assert _ranks(rows, weights) == [(1, 2), (1, 2)]
    assert _ranks(rows, weights, faithfulness=True) == [(2, 2), (1, 1)]
