"""Latency while a network is being compressed: what is timed, and how two networks are timed in turn.

The statistics take any `Stopwatch`, so that a cost model can stand in for the machine.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Protocol

import numpy as np
import onnx
from torch import nn

from pipeline.compress.pruning.layer_shape import LayerShape, one_layer_model, some_values
from pipeline.export.onnx_file import export_onnx
from pipeline.targets.cores import physical_cores
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

_OPSET = 13
_WARMUP = 10
# The first frames after another network find cold caches (see benchmark/timing.py).
_REWARM = 2
_FRAMES_PER_TURN = 5
_LAYER_FRAMES = (7, 40)

# Runs one frame and returns its latency in ms.
OneFrame = Callable[[], float]


class Stopwatch(Protocol):
    """name: what the times were measured with, for the report."""

    name: str

    def open_network(self, network: nn.Module, frame_size: int) -> OneFrame:
        """Make a whole network ready to run frames `[1, 3, S, S]`; the network stays as it is."""

    def open_layer(self, shape: LayerShape) -> OneFrame:
        """Make a layer of that shape ready to run by itself."""


class OnnxRuntimeStopwatch:
    """This machine: exported files through ONNX Runtime, fp32, batch 1. threads: None means the physical cores."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or physical_cores()
        self.name = f"onnxruntime fp32, batch 1, {self._threads} threads"

    def open_network(self, network: nn.Module, frame_size: int) -> OneFrame:
        with tempfile.TemporaryDirectory() as folder:
            # The export moves what it is given to the CPU and into eval mode.
            export_onnx(copy.deepcopy(network), frame_size, Path(folder) / "network.onnx", _OPSET)
            return self._open(Path(folder) / "network.onnx")

    def open_layer(self, shape: LayerShape) -> OneFrame:
        with tempfile.TemporaryDirectory() as folder:
            onnx.save(one_layer_model(shape), Path(folder) / "layer.onnx")
            return self._open(Path(folder) / "layer.onnx")

    def _open(self, path: Path) -> OneFrame:
        engine = OnnxRuntimeEngine(path, self._threads)
        frame = some_values(engine.input_shape)

        def one_frame() -> float:
            start = perf_counter_ns()
            engine.run(frame)
            return (perf_counter_ns() - start) / 1e6

        return one_frame


@dataclass(frozen=True)
class Comparison:
    """Two networks timed in turn: the median latency of each in every round, in ms."""

    before_ms: tuple[float, ...]
    after_ms: tuple[float, ...]

    @property
    def speedup(self) -> float:
        """Median over the rounds of before / after: what slows a whole round down cancels out."""
        return float(np.median(self._ratios))

    @property
    def interval(self) -> tuple[float, float]:
        """10th and 90th percentile of the rounds' ratios."""
        low, high = np.percentile(self._ratios, (10, 90))
        return float(low), float(high)

    @property
    def difference(self) -> float:
        """By how much the two differ in a round, relative (median over the rounds): noise, if they are the same."""
        return float(np.median(np.abs(np.array(self._ratios) - 1)))

    @property
    def medians_ms(self) -> tuple[float, float]:
        """Median latency over the rounds, in ms: before, after."""
        return float(np.median(self.before_ms)), float(np.median(self.after_ms))

    @property
    def _ratios(self) -> list[float]:
        return [before / after for before, after in zip(self.before_ms, self.after_ms, strict=True)]


def compare(
    before: OneFrame, after: OneFrame, rounds: tuple[int, int] = (7, 25), budget_ms: float = 1500
) -> Comparison:
    """Time both in turn, after a warm-up: `rounds[0]` rounds, and more of them up to `rounds[1]` within `budget_ms`."""
    for one_frame in (before, after):
        for _ in range(_WARMUP):
            one_frame()
    times: tuple[list[float], list[float]] = ([], [])
    spent = 0.0
    while len(times[0]) < rounds[0] or (len(times[0]) < rounds[1] and spent < budget_ms):
        turns = [(times[0], before), (times[1], after)]
        # Whoever comes second may find the machine warmer.
        for medians, one_frame in turns if len(times[0]) % 2 == 0 else reversed(turns):
            samples = [one_frame() for _ in range(_REWARM + _FRAMES_PER_TURN)]
            medians.append(float(np.median(samples[_REWARM:])))
            spent += sum(samples)
    return Comparison(tuple(times[0]), tuple(times[1]))


def layer_ms(one_frame: OneFrame, budget_ms: float = 8) -> float:
    """Median latency of a layer by itself, after a warm-up."""
    samples = [one_frame() for _ in range(_REWARM + _LAYER_FRAMES[0])][_REWARM:]
    while len(samples) < _LAYER_FRAMES[1] and sum(samples) < budget_ms:
        samples.append(one_frame())
    return float(np.median(samples))
