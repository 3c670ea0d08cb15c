from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.gradients import gradient_x_input
from pipeline.explain.metrics.correlation import faithfulness_correlation
from pipeline.explain.metrics.drift_by_decision import changed_first, drift_by_decision
from pipeline.explain.metrics.randomisation import randomisation
from pipeline.explain.metrics.registry import METRICS, directions, metric, with_interval
from pipeline.explain.metrics.sensitivity import max_sensitivity
from pipeline.explain.metrics.similarity import rank_correlation, ssim
from pipeline.explain.metrics.sparseness import sparseness
from tests.explain.methods.planted_networks import SIZE, Residual, noise
from tests.explain.planted import FRAME_SIZE, PLANTED, bright_frame, patch_mask

ANSWERS = PLANTED
TRUE_MAP = patch_mask().astype(np.float32)
RANDOM_MAP = np.random.default_rng(0).random((FRAME_SIZE, FRAME_SIZE), dtype=np.float32)
FLAT = np.full((FRAME_SIZE, FRAME_SIZE), 0.3, dtype=np.float32)


def test_every_metric_has_a_direction_and_a_paper() -> None:
    assert directions(["xai_drift", "xai_faithfulness"]) == {"xai_drift": "lower", "xai_faithfulness": "higher"}
    assert all(one.direction in ("higher", "lower") and one.paper for one in METRICS.values())


def test_an_unknown_metric_tells_the_nearest() -> None:
    with pytest.raises(EdgeboardError, match="no such metric") as raised:
        metric("sparsness")
    assert "sparseness" in str(raised.value.mend)


@pytest.mark.parametrize("values", [[], [None], [None, None]])
def test_no_value_is_none_and_not_a_number(values: list[float | None]) -> None:
    assert with_interval("xai_ssim", values, seed=0) == {
        "xai_ssim": None, "xai_ssim_low": None, "xai_ssim_high": None, "xai_ssim_n": 0,
    }  # fmt: skip


def test_values_that_say_nothing_are_left_out() -> None:
    found = with_interval("xai_ssim", [0.1, None, 0.5], seed=0, frame_of=[0, 0, 1])
    assert (found["xai_ssim"], found["xai_ssim_n"]) == (pytest.approx(0.3), 2)
    assert found["xai_ssim_low"] <= 0.3 <= found["xai_ssim_high"]  # type: ignore[operator]


def test_faithfulness_correlation_of_a_linear_answer_is_one() -> None:
    weights = np.random.default_rng(1).random((24, 24)).astype(np.float32)
    linear = lambda frames: (frames[:, 0] * weights).sum((1, 2))[:, None]  # noqa: E731
    frame = np.ones((1, 3, 24, 24), dtype=np.float32)
    assert faithfulness_correlation(linear, frame, 0, weights, seed=0) == pytest.approx(1, abs=1e-4)
    assert faithfulness_correlation(linear, frame, 0, -weights, seed=0) == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize(("importance", "answers"), [(FLAT, ANSWERS), (TRUE_MAP, lambda f: np.ones((len(f), 2)))])
def test_faithfulness_correlation_of_what_never_differs_is_none(importance: np.ndarray, answers) -> None:  # type: ignore[no-untyped-def]
    assert faithfulness_correlation(answers, bright_frame(), 1, importance, seed=0) is None


@pytest.mark.parametrize(
    ("importance", "gini"),
    [
        (np.arange(5.0), 0.4),  # (2 Σ i x_i) / (n Σ x) - (n + 1) / n
        (np.eye(1, 100)[0], 0.99),
        (np.eye(1, 100)[0] * 7 + 3, 0.99),  # the least value counts as nothing
        (np.ones(9), None),
        (np.zeros(9), None),
    ],
)
def test_sparseness(importance: np.ndarray, gini: float | None) -> None:
    found = sparseness(importance.astype(np.float32)[:, None])
    assert found is None if gini is None else found == pytest.approx(gini, abs=1e-4)


def test_max_sensitivity_of_a_map_that_is_the_frame_is_the_noise() -> None:
    frame = noise(1)
    still = max_sensitivity(lambda _: RANDOM_MAP, frame, seed=0)
    moved = max_sensitivity(lambda one: one[0, 0], frame, seed=0, radius=0.02)
    more = max_sensitivity(lambda one: one[0, 0], frame, seed=0, radius=0.2)
    assert still == 0
    # Uniform noise of radius r has a standard deviation of r / sqrt(3); the frame's is 1.
    assert moved == pytest.approx(0.02 / 3**0.5, rel=0.15)
    assert more == pytest.approx(10 * moved, rel=1e-3)  # type: ignore[operator]
    assert max_sensitivity(lambda _: FLAT, frame, seed=0) is None


def test_maps_without_structure_are_alike_only_to_each_other() -> None:
    for likeness in (ssim, rank_correlation):
        assert likeness(FLAT, 2 * FLAT) == 1
        assert likeness(FLAT, RANDOM_MAP) == 0
        assert likeness(RANDOM_MAP, 5 * RANDOM_MAP + 1) == pytest.approx(1)
        assert likeness(RANDOM_MAP, 1 - RANDOM_MAP) < -0.9
    shifted = np.roll(TRUE_MAP, 4, axis=0)
    assert ssim(TRUE_MAP, RANDOM_MAP) < 0.1 < ssim(TRUE_MAP, shifted) < 0.95


def test_ssim_of_clips_is_the_mean_over_frames() -> None:
    clip = np.stack([RANDOM_MAP, TRUE_MAP])
    half = np.stack([RANDOM_MAP, RANDOM_MAP])
    assert ssim(clip, clip.copy()) == 1
    assert ssim(clip, half) == pytest.approx((1 + ssim(TRUE_MAP, RANDOM_MAP)) / 2, abs=0.02)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (RANDOM_MAP, RANDOM_MAP[:-1], "different shape"),
        (RANDOM_MAP, np.where(TRUE_MAP > 0, np.nan, RANDOM_MAP), "NaN or infinity"),
        (np.eye(2), 1 - np.eye(2), "too small"),
    ],
)
def test_maps_that_cannot_be_compared(one: np.ndarray, other: np.ndarray, message: str) -> None:
    with pytest.raises(EdgeboardError, match=message):
        ssim(one, other)


def test_drift_apart_where_the_decision_changed() -> None:
    base = [RANDOM_MAP, RANDOM_MAP, TRUE_MAP + RANDOM_MAP]
    maps = [RANDOM_MAP, 1 - RANDOM_MAP, TRUE_MAP + RANDOM_MAP]
    found = drift_by_decision(base, maps, [True, False, True], seed=0)
    assert [found[name]["n"] for name in ("all", "alike", "differ")] == [3, 2, 1]
    assert (found["alike"]["xai_drift"], found["alike"]["xai_ssim"]) == (0, 1)
    assert found["differ"]["xai_drift"] == pytest.approx(2)
    assert found["all"]["xai_drift"] == pytest.approx(2 / 3)
    none = drift_by_decision(base, maps, [True] * 3, seed=0)["differ"]
    assert (none["n"], none["xai_drift"], none["xai_ssim_low"]) == (0, None, None)
    # Two maps without any order do not differ, which must not pass for two that were found to be alike.
    flat = drift_by_decision([FLAT, FLAT], [FLAT, RANDOM_MAP], [True, False], seed=0)
    assert [flat[name]["n_constant"] for name in ("all", "alike", "differ")] == [1, 1, 0]
    assert (flat["alike"]["xai_drift"], flat["differ"]["xai_drift"]) == (0, 1)


def test_people_see_changed_decisions_first() -> None:
    assert changed_first([True, False, True, False]) == [1, 3, 0, 2]


def test_a_map_that_asks_no_weights_is_flagged() -> None:
    network, frames = Residual().eval(), noise(3)
    edges = lambda _: np.abs(frames).mean(axis=1)  # noqa: E731 - an edge detector that never asks the network
    found = randomisation(network, edges, seed=0)
    assert found.flagged
    assert found.ssim == [[1.0] * 3] * 3
    honest = randomisation(network, lambda one: gradient_x_input(one, frames, [0, 1, 2]), seed=0)
    assert not honest.flagged
    assert np.mean(honest.ssim[-1]) < 0.6
    assert (honest.shares, len(honest.rank), len(honest.rank[0])) == ((0.1, 0.4, 1.0), 3, 3)


def test_the_cascade_goes_from_the_top_and_leaves_the_network() -> None:
    network = Residual().eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state, seen = torch.get_rng_state(), []

    def explain(one: nn.Module) -> np.ndarray:
        seen.append({key for key, value in one.state_dict().items() if not torch.equal(value, before[key])})
        return np.random.default_rng(len(seen)).random((1, SIZE, SIZE), dtype=np.float32)

    randomisation(network, explain, seed=0, shares=(0.25, 0.5, 1.0))
    weights = ["head.weight", "second.weight", "norm.weight", "first.weight"]
    assert [sorted(name for name in weights if name in one) for one in seen] == [
        [],
        ["head.weight"],
        ["head.weight", "second.weight"],
        sorted(weights),
    ]
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def _deep() -> nn.Module:
    """Each layer as PyTorch draws it leaves half of the signal or less."""
    blocks = [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(20)]
    return nn.Sequential(nn.Conv2d(3, 8, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)).eval()


@pytest.mark.parametrize("measured", [False, True])
def test_with_random_weights_a_deep_network_still_tells_frames_apart_by_statistics_of_frames(measured: bool) -> None:
    frames = noise(4) * np.array([0.5, 1, 2, 4], dtype=np.float32)[:, None, None, None]
    network, seen = _deep(), list[nn.Module]()

    def explain(one: nn.Module) -> np.ndarray:
        seen.append(one)
        return np.stack([RANDOM_MAP])

    randomisation(network, explain, 0, shares=(0.3, 1.0), frames_nchw=frames if measured else None)
    trained, some, all_random = seen
    with torch.no_grad():
        answers = all_random(torch.from_numpy(frames)).numpy()[:, 0]
    assert float(np.ptp(answers)) > 1e-2 if measured else float(np.ptp(answers)) < 1e-6
    # What is still as trained keeps its statistics, and the network that was given all of them.
    first, last = some.get_submodule("1.1"), some.get_submodule("20.1")
    assert not first.running_mean.any()
    assert bool(last.running_mean.any()) is measured
    assert not any(one.training for one in some.modules())
    assert last.momentum == 0.1
    assert not trained.get_submodule("20.1").running_mean.any()


def test_maps_that_are_constant_with_random_weights_do_not_hide_one_that_survives() -> None:
    maps = iter([np.stack([RANDOM_MAP] * 4), np.stack([RANDOM_MAP, FLAT, FLAT, FLAT])])
    found = randomisation(_deep(), lambda _: next(maps), 0, shares=(1.0,))
    assert (found.flagged, found.n_flat, found.is_flat) == (True, 3, False)
    maps = iter([np.stack([RANDOM_MAP] * 4), np.stack([FLAT] * 4)])
    silent = randomisation(_deep(), lambda _: next(maps), 0, shares=(1.0,))
    assert (silent.flagged, silent.n_flat, silent.is_flat) == (False, 4, True)


def test_a_network_without_weights_cannot_be_randomised() -> None:
    with pytest.raises(EdgeboardError, match="no weights"):
        randomisation(nn.Sequential(nn.Flatten()), lambda _: np.zeros((1, 4, 4), dtype=np.float32), seed=0)
