from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.benchmark.guard import Cost, guard, input_of
from pipeline.benchmark.self_check import smallest_difference

FIXED = {
    "baseline": [],
    "pruned": ["prune"],
    "distilled": ["prune", "distill"],
    "quantized": ["quantize"],
    "compact": ["prune", "distill", "quantize"],
}


@pytest.mark.parametrize(
    ("recipes", "name", "expected"),
    [
        pytest.param({"baseline": []}, "baseline", None, id="the baseline itself"),
        pytest.param({"baseline": [], "same": []}, "same", None, id="an empty prefix is proper to nothing empty"),
        pytest.param(FIXED, "pruned", "baseline", id="one step"),
        pytest.param(FIXED, "distilled", "pruned", id="two steps"),
        pytest.param(FIXED, "compact", "distilled", id="the longest of three prefixes"),
        pytest.param(FIXED, "quantized", "baseline", id="same last step, other beginning"),
        pytest.param(
            {"baseline": [], "pruned": ["prune"], "compact": ["prune", "distill", "quantize"]},
            "compact",
            "pruned",
            id="a prefix in between was not measured",
        ),
        pytest.param(
            {"baseline": [], "compact": ["prune", "quantize"], "pruned": ["prune"]},
            "compact",
            "pruned",
            id="named after it",
        ),
        pytest.param(
            {"baseline": [], "one": ["prune"], "two": ["prune"], "three": ["prune", "quantize"]},
            "three",
            "one",
            id="two equal prefixes: the first named",
        ),
        pytest.param(
            {"baseline": [], "one": ["prune"], "two": ["prune"]}, "two", "baseline", id="its equal is no proper prefix"
        ),
        pytest.param(
            {"baseline": [], "pruned": ["prune"], "half": ["prune@ratio=0.5", "distill"]},
            "half",
            "baseline",
            id="another ratio is another step",
        ),
        pytest.param(
            {
                "baseline": [],
                "pruned": ["prune"],
                "half": ["prune@ratio=0.5,structure=filter"],
                "both": ["prune@ratio=0.5,structure=filter", "quantize@method=fp16"],
            },
            "both",
            "half",
            id="the same options",
        ),
        pytest.param(
            {"baseline": [], "pruned": ["prune"], "p": ["prune@ratio=0.5"]},
            "p",
            "baseline",
            id="a name that begins alike is no prefix",
        ),
        pytest.param(
            {"baseline": [], "last": ["distill"], "x": ["prune", "distill"]}, "x", "baseline", id="a suffix is none"
        ),
    ],
)
def test_the_input_of_a_variant(recipes: dict[str, list[str]], name: str, expected: str | None) -> None:
    assert input_of(name, recipes) == expected


def _cost(*ms: float, **changes: Any) -> Cost:
    """ms: the median of each of 20 rounds, or of all of them."""
    rng = np.random.default_rng(0)
    rounds = [one * (1 + 0.01 * rng.standard_normal(30)) for one in (ms * 20 if len(ms) == 1 else ms)]
    given = {"recipe": ["prune"], "size_bytes": 2_100_000, "memories_mb": [20.0, 20.1, 20.2]} | changes
    return Cost(rounds_ms=rounds, **given)


BEFORE = _cost(10.0, recipe=[])


def _warning(cost: Cost, smallest: float = 0.03, before: Cost = BEFORE) -> str:
    return guard({"baseline": before, "pruned": cost}, smallest, seed=0)["pruned"]["warning"]


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        pytest.param(_cost(10.0), "", id="all equal"),
        pytest.param(_cost(5.0, size_bytes=1, memories_mb=[1.0]), "", id="better in all"),
        pytest.param(_cost(10.2), "", id="slower within the tolerance, however sure"),
        pytest.param(_cost(*[12.0] * 12, *[9.5] * 8), "", id="slower, but the interval reaches 1"),
        pytest.param(_cost(12.0), "slower than baseline: 0.83×", id="slower"),
        pytest.param(
            _cost(10.0, size_bytes=2_100_001), "bigger than baseline: 2,100,001 bytes against 2,100,000 bytes"
        ),
        pytest.param(_cost(10.0, size_bytes=2_320_000), "bigger than baseline: 2.32 MB against 2.10 MB", id="bigger"),
        pytest.param(_cost(10.0, memories_mb=[21.21]), "", id="5 % more memory"),
        pytest.param(
            _cost(10.0, memories_mb=[21.3]), "more memory than baseline: 21.3 MB against 20.1 MB", id="6 % more"
        ),
        pytest.param(_cost(10.0, memories_mb=[20.0, 30.0, 30.0]), "", id="more memory in some processes only"),
        pytest.param(_cost(10.0, size_bytes=0, memories_mb=[0.0]), "", id="nothing at all"),
    ],
)
def test_the_warning(cost: Cost, expected: str) -> None:
    assert _warning(cost).startswith(expected)
    assert bool(_warning(cost)) is bool(expected)


def test_an_input_that_sometimes_takes_more_memory_excuses_as_much() -> None:
    assert (
        _warning(_cost(10.0, memories_mb=[40.6]), before=_cost(10.0, recipe=[], memories_mb=[37.9, 37.9, 40.6])) == ""
    )
    assert (
        _warning(_cost(10.0, memories_mb=[43.0]), before=_cost(10.0, recipe=[], memories_mb=[37.9, 37.9, 40.6])) != ""
    )


def test_all_three_in_one_warning() -> None:
    words = _warning(_cost(12.0, size_bytes=2_320_000, memories_mb=[30.0])).split("; ")
    assert [word.split(" than ")[0] for word in words] == ["slower", "bigger", "more memory"]


def test_the_columns() -> None:
    costs = {
        "baseline": _cost(10.0, recipe=[]),
        "compact": _cost(3.0, recipe=["prune", "quantize"]),
        "pruned": _cost(2.0),
    }
    columns = guard(costs, 0.03, seed=0)
    assert columns["baseline"] == {
        "input": None,
        "speedup_over_input": None,
        "speedup_over_input_low": None,
        "speedup_over_input_high": None,
        "warning": "",
    }
    compact = columns["compact"]
    assert compact["input"] == "pruned"
    assert compact["speedup_over_input"] == pytest.approx(2 / 3, rel=0.02)
    assert compact["speedup_over_input_low"] < compact["speedup_over_input"] < compact["speedup_over_input_high"] < 1
    low, high = compact["speedup_over_input_low"], compact["speedup_over_input_high"]
    assert compact["warning"] == f"slower than pruned: {compact['speedup_over_input']:.2f}× [{low:.2f}, {high:.2f}]"
    # Faster than the baseline, yet slower than what it was made from.
    assert columns["pruned"]["warning"] == ""


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"passed": True, "tolerance": 0.03, "ratio": 1.2}, 0.03),
        ({"passed": False, "tolerance": 0.03, "ratio": 0.88}, 0.12),
        ({"passed": False, "tolerance": 0.03, "ratio": 1.12}, 0.12),
    ],
)
def test_a_restless_machine_calls_only_larger_differences(check: dict[str, Any], expected: float) -> None:
    assert smallest_difference(check) == pytest.approx(expected)
    assert bool(_warning(_cost(11.0), smallest_difference(check))) is check["passed"]
