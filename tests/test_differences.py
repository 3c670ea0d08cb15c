import math

import numpy as np
import pytest

from pipeline.benchmark.statistics import paired_difference, wilson
from pipeline.differences import accuracy_difference, comparable, ratio


def _row(correct, **changes):
    estimate = wilson(int(correct.sum()), correct.size)
    return {
        "variant": "x",
        "accuracy": estimate.value,
        "accuracy_low": estimate.low,
        "accuracy_high": estimate.high,
    } | changes


def _two(n=360, wrong_a=40, wrong_b=60, shared=30):
    a, b = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    a[:wrong_a] = False
    b[wrong_a - shared : wrong_a - shared + wrong_b] = False
    return a, b


def test_paired_decisions_give_nearly_the_benchmarks_own_interval():
    a, b = _two()
    found = accuracy_difference(_row(a), _row(b), ("f", a), ("f", b))
    # The benchmark's is Newcombe's method 10, this is method 8: they differ by the continuity correction only.
    exact = paired_difference(a, b)
    assert found.basis == "decisions"
    assert found.value == pytest.approx(exact.value)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.003)


def test_without_decisions_the_interval_is_wider():
    a, b = _two()
    paired = accuracy_difference(_row(a), _row(b), ("f", a), ("f", b))
    apart = accuracy_difference(_row(a), _row(b), None, ("f", b))
    assert apart.basis == "intervals"
    assert apart.low < paired.low < paired.high < apart.high


@pytest.mark.parametrize("other", [("g", np.ones(360, dtype=bool)), ("f", np.ones(12, dtype=bool))])
def test_other_frames_are_not_paired(other):
    a, b = _two()
    assert accuracy_difference(_row(a), _row(b), ("f", a), other).basis == "intervals"


def test_the_stored_difference_is_taken_only_against_the_baseline_of_the_same_run():
    a, b = _two()
    run = {"experiment": "e", "params_hash": "p", "data_hash": "d", "host": "h", "created_at": "t"}
    stored = {"accuracy_delta": 0.05, "accuracy_delta_low": 0.02, "accuracy_delta_high": 0.08}
    found = accuracy_difference(_row(a, **run, **stored), _row(b, variant="baseline", **run), None, None)
    assert (found.value, found.low, found.high, found.basis) == (0.05, 0.02, 0.08, "stored")
    other = accuracy_difference(
        _row(a, **run, **stored), _row(b, variant="baseline", **run | {"host": "i"}), None, None
    )
    assert other.basis == "intervals"


def test_what_was_not_measured_has_no_difference():
    a, _ = _two()
    for row in ({"accuracy": None}, {"accuracy": 0.9, "accuracy_low": None}, {}):
        found = accuracy_difference(row, _row(a), None, None)
        assert found.basis == "none"
        assert math.isnan(found.low)
        assert not found.is_sure


def test_ratios():
    fast, slow = {"fps": 300.0, "fps_low": 290.0, "fps_high": 310.0}, {"fps": 100.0, "fps_low": 95.0, "fps_high": 105.0}
    found = ratio(fast, slow, "fps")
    assert found.value == pytest.approx(3)
    # On logarithms, by hand: sqrt(ln(300/290)² + ln(105/100)²) = 0.0594, sqrt(ln(310/300)² + ln(100/95)²) = 0.0609.
    assert (found.low, found.high) == pytest.approx((3 * math.exp(-0.05942), 3 * math.exp(0.06086)), rel=1e-3)
    assert ratio({"fps": 300.0}, {"fps": 100.0}, "fps").value == pytest.approx(3)
    for bad in ({"fps": 0.0}, {"fps": None}, {}, {"fps": -1.0}):
        assert math.isnan(ratio(bad, slow, "fps").value)


def test_fps_is_set_against_fps_on_one_machine_only():
    one = {"target": "local", "host": "a"}
    assert comparable(one, dict(one))
    assert not comparable(one, one | {"host": "b"})
    assert not comparable(one, one | {"target": "jetson"})
