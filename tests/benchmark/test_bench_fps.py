"""benchmarks/bench_fps.py runs, and both sides of a pair measure the same thing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline.benchmark.statistics import Estimate
from tests.benchmark.onnx_files import write_linear_model
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_fps", REPOSITORY / "benchmarks" / "bench_fps.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["bench_fps"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow  # the tool's package imports torch
def test_every_pair_is_timed_in_every_round(
    bench: ModuleType, linear_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "COLD_FRAMES", 2)
    arguments = [str(linear_model), "--threads", "1", "--rounds", "2", "--frames", "3", "--picture", "30x40"]
    assert bench.main(arguments) == 0
    shown = capsys.readouterr().out
    for name in ("network against a bare loop", "whole frame against a bare loop", "network against onnxruntime_test"):
        assert name in shown
    for pair in bench._pairs(linear_model, np.zeros((30, 40, 3), np.uint8), 1):
        ours, theirs = pair.ours(3), pair.theirs(3)
        assert ours.size == theirs.size == (1 if "test" in pair.name else 3)
        assert ours.min() > 0


def test_the_mean_of_the_tool_is_without_its_first_frames(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, linear_model: Path
) -> None:
    first_ms, then_ms = 9.0, 2.0  # the first COLD_FRAMES are slow
    monkeypatch.setattr(
        bench,
        "_printed_mean_ms",
        lambda _model, _feeds, n: (bench.COLD_FRAMES * first_ms + (n - bench.COLD_FRAMES) * then_ms) / n,
    )
    assert bench._of_the_tool(linear_model, {}, 40) == pytest.approx([then_ms])


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.98, 1.02, "yes"),
        (0.97, 1.03, "yes"),
        (0.90, 1.02, "cannot be told"),
        (0.90, 0.96, "no"),
        (1.04, 1.05, "no"),
    ],
)
def test_verdicts(bench: ModuleType, low: float, high: float, verdict: str) -> None:
    assert bench._verdict(Estimate((low + high) / 2, low, high)) == verdict


@pytest.mark.parametrize("picture", ["480", "x640", "a x b"])
def test_what_is_no_size_is_told(
    bench: ModuleType, tmp_path: Path, picture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_linear_model(tmp_path / "model.onnx")
    assert bench.main([str(model), "--picture", picture, "--threads", "1"]) == 2
    assert "height x width, such as 480x640" in capsys.readouterr().err
