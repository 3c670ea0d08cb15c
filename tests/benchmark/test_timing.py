from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pipeline.benchmark import timing
from pipeline.benchmark.self_check import SELF_CHECK, self_check
from pipeline.benchmark.timing import PARTS, Timings, decode_top1, time_in_turn, turn_orders
from pipeline.data.frames import preprocess
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

CLASSES = ["fire", "none", "starting_fire"]
PICTURES = [np.full((10, 12, 3), i, dtype=np.uint8) for i in range(5)]


def _silent(_: np.ndarray) -> np.ndarray:
    return np.zeros((1, 3), dtype=np.float32)


def _time(networks: dict, **changed) -> Timings:  # type: ignore[no-untyped-def, type-arg]
    options = {"rounds": 6, "frames_per_turn": 4, "warmup": 3, "seed": 1} | changed
    return time_in_turn(
        networks,
        PICTURES,
        lambda picture: preprocess(picture, 8),
        dict.fromkeys(networks, lambda outputs: decode_top1(outputs, CLASSES)),
        **options,
    )


@pytest.mark.parametrize(
    ("logits", "expected_class", "expected_probability"),
    [
        ([0, 0, 0], "fire", 1 / 3),
        ([0, 1000, 0], "none", 1.0),
        ([-1000, -1000, -999], "starting_fire", np.e / (np.e + 2)),
    ],
)
def test_decode(logits: list[float], expected_class: str, expected_probability: float) -> None:
    name, probability = decode_top1(np.array([logits], dtype=np.float32), CLASSES)
    assert name == expected_class
    assert probability == pytest.approx(expected_probability, rel=1e-5)


@pytest.mark.parametrize("networks", [{}, None])
def test_nothing_to_time_is_refused(networks: dict | None) -> None:  # type: ignore[type-arg]
    with pytest.raises(EdgeboardError, match="Timing needs"):
        time_in_turn(
            {"a": lambda frame: frame} if networks is None else networks,
            [],
            lambda picture: picture.astype(np.float32),
            {"a": lambda outputs: outputs},
            rounds=1,
            frames_per_turn=1,
            warmup=1,
            seed=0,
        )


def test_turns_interleave_and_no_variant_always_follows_the_same_one() -> None:
    calls: list[str] = []

    def fake(name: str):  # type: ignore[no-untyped-def]
        def run(_: np.ndarray) -> np.ndarray:
            calls.append(name)
            return np.zeros((1, 3), dtype=np.float32)

        return run

    timings = _time({name: fake(name) for name in "abc"}, rounds=20, rewarm=2)
    measured = calls[sum(timings.warmup_frames.values()) :]
    turns = [measured[i : i + 6] for i in range(0, len(measured), 6)]  # 2 to wake the caches, 4 timed
    assert all(len(set(turn)) == 1 for turn in turns)
    rounds = ["".join(turn[0] for turn in turns[i : i + 3]) for i in range(0, len(turns), 3)]
    assert len(rounds) == 20
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert {order[1:] for order in rounds} >= {"ab", "ba", "bc", "cb", "ac", "ca"}


def test_every_timed_sample_is_kept_and_pictures_are_the_same_for_all() -> None:
    timings = _time(dict.fromkeys("ab", _silent))
    samples = timings.samples
    assert list(samples.columns) == ["round", "turn", "variant", "frame", *PARTS]
    assert len(samples) == 2 * 6 * 4
    assert (samples[list(PARTS)] >= 0).all().all()
    for _, one_round in samples.groupby("round"):
        seen = [group["frame"].tolist() for _, group in one_round.groupby("variant")]
        assert seen[0] == seen[1]
    assert set(samples["frame"]) == set(range(5))


def test_rounds_ms_adds_the_parts_up() -> None:
    timings = _time({"a": _silent})
    whole = timings.rounds_ms("a")
    parts = [timings.rounds_ms("a", part) for part in PARTS]
    assert [len(one) for one in whole] == [4] * 6
    assert whole[2] == pytest.approx(sum(part[2] for part in parts))


def test_warm_up_goes_on_until_stable_but_not_for_ever() -> None:
    clock = Counter[str]()

    def settling(_: np.ndarray) -> np.ndarray:
        clock["calls"] += 1
        for _ in range(max(0, 60 - clock["calls"]) * 400):  # slow at first, like a processor that raises its clock
            pass
        return np.zeros((1, 3), dtype=np.float32)

    timings = _time({"a": settling}, rounds=1, warmup=20)
    assert 20 < timings.warmup_frames["a"] <= 100


def test_what_never_settles_is_timed_all_the_same_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Counter[str]()
    monkeypatch.setattr(timing, "perf_counter_ns", lambda: clock["ns"])

    def steady(_: np.ndarray) -> np.ndarray:
        clock["ns"] += 1_000_000
        return np.zeros((1, 3), dtype=np.float32)

    def restless(_: np.ndarray) -> np.ndarray:
        clock["calls"] += 1
        clock["ns"] += int(1_000_000 * 1.03 ** clock["calls"])  # like a processor that gets hotter and hotter
        return np.zeros((1, 3), dtype=np.float32)

    timings = _time({"steady": steady, "restless": restless}, rounds=1, warmup=20)
    assert timings.warmup_frames == {"steady": 20, "restless": 100}
    assert timings.unsettled == ("restless",)
    assert len(timings.samples) == 2 * 4


def test_turn_orders_repeat_for_a_seed() -> None:
    assert turn_orders(["a", "b", "c"], 5, seed=3) == turn_orders(["a", "b", "c"], 5, seed=3)


def test_real_engine_and_self_check(linear_model: Path) -> None:
    engines = {name: OnnxRuntimeEngine(linear_model, threads=1) for name in ("baseline", SELF_CHECK)}
    timings = _time({name: engine.run for name, engine in engines.items()}, rounds=30, frames_per_turn=20)
    assert np.concatenate(timings.rounds_ms("baseline")).min() > 0
    check = self_check(timings, seed=0)
    assert check["ratio_low"] <= check["ratio"] <= check["ratio_high"]
    # A shared test machine may jump; that the same file is not called 1.5 times faster must hold even there.
    assert 1 / 1.5 < check["ratio"] < 1.5


@pytest.mark.parametrize(("factor", "passed"), [(1.0, True), (1.02, True), (1.2, False)])
def test_self_check_sees_a_real_difference(factor: float, passed: bool) -> None:
    rng = np.random.default_rng(0)
    timings = _time({"baseline": _silent})
    samples = timings.samples.copy()
    samples["network_ms"] = rng.normal(100, 0.1, len(samples))
    other = samples.assign(variant=SELF_CHECK, network_ms=samples["network_ms"] / factor)
    import pandas as pd

    assert self_check(Timings(pd.concat([samples, other]), {}), seed=0)["passed"] is passed
