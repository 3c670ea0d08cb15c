"""Ranges of the activations of a float graph on real frames, by the calibrators of ONNX Runtime.

minmax: the smallest and the largest value seen. entropy: the cut whose 8-bit histogram is nearest, by KL divergence,
to the uncut one (Migacz, 8-bit Inference with TensorRT, GTC 2017). percentile: 99.999 % of the absolute values
(Wu et al., Integer Quantization for Deep Learning Inference, 2020, arXiv:2004.09602).
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import HistogramCollector, TensorsData, create_calibrator
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from pipeline.data.frames import Frames, normalise
from pipeline.errors import EdgeboardError
from pipeline.export.onnx_file import INPUT_NAME

_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
# With its own default, as many bins as levels, ONNX Runtime's entropy search has a single candidate: the whole range.
# The search is quadratic in the bins, in Python: 512 take 0.1 s a tensor, the 2048 of the source 0.7 s.
_ENTROPY_BINS = {"num_bins": 512, "num_quantized_bins": 128}
# Histograms need whole activations, some hundred MB a frame in a large network.
_FRAMES_AT_ONCE = 8

# Every operator that the quantizer of any engine takes, so that one calibration serves all engines.
QUANTIZABLE = sorted({*QLinearOpsRegistry, *QDQRegistry})


def drawn_evenly(frames: Frames, count: int, seed: int) -> NDArray[np.int64]:
    """Indices of at most `count` frames, drawn in turn from the classes."""
    generator = np.random.default_rng([seed, 1])
    # Of a detector, frames without an object are a class by themselves.
    per_class = [generator.permutation(np.flatnonzero(frames.labels == c)) for c in np.unique(frames.labels)]
    longest = max((len(indices) for indices in per_class), default=0)
    in_turn = [indices[i] for i in range(longest) for indices in per_class if i < len(indices)]
    return np.array(in_turn[:count], dtype=np.int64)


def calibration_frames(frames: Frames, count: int, seed: int) -> NDArray[np.uint8]:
    """At most `count` training frames `[n, S, S, 3]`, drawn evenly over the classes."""
    if len(frames) == 0:
        raise EdgeboardError(
            "There is no training frame to calibrate with",
            where="data/<task>/index.csv",
            value="0 frames in the split train",
            mend="add photos to the data source, or a larger data.<task>.split.train",
        )
    return frames.frames_nhwc[drawn_evenly(frames, count, seed)]


def calibrate(graph: Path, frames_nhwc: NDArray[np.uint8], method: str) -> TensorsData:
    """The range of every activation of a float ONNX file that a quantizer may ask for.

    method: minmax, entropy or percentile. frames_nhwc: at least one frame `[n, S, S, 3]`.
    Raises EdgeboardError where an activation is not a finite number.
    """
    with tempfile.TemporaryDirectory(prefix="edgeboard-") as folder:
        extremes = _calibrator(graph, Path(folder), "minmax")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, of what is told below
            extremes.collect_data(_Reader(frames_nhwc))
        ranges: TensorsData = extremes.compute_data()
        _require_finite(ranges, [name for node in extremes.model.graph.node for name in node.input])
        if method == "minmax":
            return ranges
        calibrator = _calibrator(graph, Path(folder), method)
        calibrator.collector = _collector_within(ranges, calibrator)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a line for every batch
            for start in range(0, len(frames_nhwc), _FRAMES_AT_ONCE):
                calibrator.collect_data(_Reader(frames_nhwc[start : start + _FRAMES_AT_ONCE]))
            return calibrator.compute_data()


def largest_activation(ranges: TensorsData) -> tuple[str, float]:
    """The activation with the largest absolute value, and that value."""
    largest = {name: float(np.abs([data.lowest, data.highest]).max()) for name, data in ranges.items()}
    name = max(sorted(largest), key=largest.__getitem__)
    return name, largest[name]


def _calibrator(graph: Path, folder: Path, method: str) -> Any:
    return create_calibrator(
        graph,
        QUANTIZABLE,
        augmented_model_path=str(folder / f"{method}.onnx"),
        calibrate_method=_METHODS[method],
        extra_options=_ENTROPY_BINS if method == "entropy" else {},
    )


def _collector_within(ranges: TensorsData, calibrator: Any) -> HistogramCollector:
    """Empty histograms over the known ranges.

    Left alone, the collector takes the bins of its first batch and adds bins of that width for larger values: a tensor
    that is nearly dead in the first batch then gets millions of bins.
    """
    collector = HistogramCollector(
        calibrator.method,
        calibrator.symmetric,
        calibrator.num_bins,
        calibrator.num_quantized_bins,
        calibrator.percentile,
        calibrator.scenario,
    )
    empty = np.zeros(calibrator.num_bins, dtype=np.int64)
    for name, data in ranges.items():
        low, high = data.lowest.item(), data.highest.item()
        dtype = data.highest.dtype
        threshold = np.array(max(abs(low), abs(high)), dtype=dtype)
        if threshold == 0:
            continue
        # Percentiles are counted over absolute values.
        start = 0 if calibrator.method == "percentile" else -threshold
        edges = np.linspace(start, threshold, calibrator.num_bins + 1).astype(dtype)
        seen = (empty.copy(), edges, np.array(low, dtype=dtype), np.array(high, dtype=dtype), threshold)
        collector.histogram_dict[name] = seen[:4] if calibrator.method == "percentile" else seen
    return collector


def _require_finite(ranges: TensorsData, in_order: list[str]) -> None:
    for name in sorted(ranges.keys(), key=in_order.index):
        low, high = ranges[name].lowest.item(), ranges[name].highest.item()
        if not np.isfinite([low, high]).all():
            raise EdgeboardError(
                "The network's values are not finite numbers on the calibration frames, so that they have no range",
                where=f"tensor {name} of the exported graph",
                value=f"{low:g} .. {high:g}",
                mend="train again with a lower learning rate, or with train.precision: 32-true",
            )


class _Reader(CalibrationDataReader):
    """One frame at a time: the exported graph takes no more."""

    def __init__(self, frames_nhwc: NDArray[np.uint8]) -> None:
        self._frames: Iterator[NDArray[np.uint8]] = iter(frames_nhwc)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        frame = next(self._frames, None)
        return None if frame is None else {INPUT_NAME: normalise(frame[None])}
