from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization import CalibrationMethod
from onnxruntime.quantization.calibrate import create_calibrator
from torch import nn

from pipeline.compress.quantization import calibration
from pipeline.compress.quantization.calibration import calibrate, calibration_frames, largest_activation
from pipeline.errors import EdgeboardError
from tests.compress.small_graphs import SIZE, prepared, random_frames, small_network

METHODS = ["minmax", "entropy", "percentile"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(small_network(), tmp_path_factory.mktemp("onnx"))[1]


@pytest.mark.parametrize("count", [1, 4, 7, 100])
def test_calibration_frames_are_spread_over_the_classes(count: int) -> None:
    frames = random_frames(40)
    chosen = calibration_frames(frames, count, seed=1)
    assert len(chosen) == min(count, 40)
    kept = [int(np.flatnonzero((frames.frames_nhwc == frame).all((1, 2, 3)))[0]) for frame in chosen]
    per_class = np.bincount(frames.labels[kept], minlength=3)
    assert len(set(kept)) == len(kept)
    assert count >= 40 or per_class.max() - per_class.min() <= 1
    np.testing.assert_array_equal(chosen, calibration_frames(frames, count, seed=1))


def test_no_training_frame_is_refused() -> None:
    with pytest.raises(EdgeboardError, match="calibrate"):
        calibration_frames(random_frames(0), 4, seed=1)


@pytest.mark.parametrize("n_frames", [1, 20])
@pytest.mark.parametrize("method", METHODS)
def test_ranges_lie_within_what_was_seen(graph: Path, method: str, n_frames: int) -> None:
    frames = random_frames(n_frames).frames_nhwc
    seen, ranges = calibrate(graph, frames, "minmax"), calibrate(graph, frames, method)
    assert set(ranges.keys()) == set(seen.keys()) >= {"frames", "logits"}
    for name, data in ranges.items():
        assert seen[name].lowest.item() <= data.lowest.item() <= data.highest.item() <= seen[name].highest.item(), name


def test_entropy_really_searches(graph: Path) -> None:
    """As ONNX Runtime calls it, with as many bins as levels, it gives the ranges of minmax."""
    frames = random_frames(20).frames_nhwc
    seen, ranges = calibrate(graph, frames, "minmax"), calibrate(graph, frames, "entropy")
    cut = [name for name in ranges.keys() if ranges[name].highest.item() < 0.95 * seen[name].highest.item()]  # noqa: SIM118
    assert cut


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_batches_give_the_ranges_of_all_frames_at_once(tmp_path: Path, graph: Path, method: str) -> None:
    frames = random_frames(20).frames_nhwc
    assert len(frames) > calibration._FRAMES_AT_ONCE
    at_once = create_calibrator(
        graph, calibration.QUANTIZABLE, str(tmp_path / "all.onnx"), getattr(CalibrationMethod, method.title()),
        extra_options=calibration._ENTROPY_BINS if method == "entropy" else {},
    )  # fmt: skip
    at_once.collect_data(calibration._Reader(frames))
    expected = at_once.compute_data()
    ranges = calibrate(graph, frames, method)
    for name, data in ranges.items():
        # Percentiles: ours start their bins at 0, theirs at the smallest absolute value.
        one_bin = 0 if method == "entropy" else float(np.abs(expected[name].range_value).max()) / 2048
        np.testing.assert_allclose(data.range_value, expected[name].range_value, atol=one_bin, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_a_tensor_that_is_nearly_dead_at_first_keeps_its_number_of_bins(tmp_path: Path, method: str) -> None:
    bright = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Flatten(), nn.Linear(SIZE * SIZE, 3))
    nn.init.constant_(bright[0].weight, 1.0)
    frames = np.full((calibration._FRAMES_AT_ONCE + 1, SIZE, SIZE, 3), [124, 116, 104], dtype=np.uint8)
    frames[-1] = 255
    _, path = prepared(bright, tmp_path)
    ranges = calibrate(path, frames, method)
    assert max(np.size(data.hist) for data in ranges.values()) <= 2048
    name = next(node.output[0] for node in onnx.load(path).graph.node if node.op_type == "Conv")
    assert ranges[name].highest.item() == pytest.approx(2.2489 + 2.4286 + 2.64, rel=0.01)


def infinite() -> nn.Module:
    broken = small_network()
    nn.init.constant_(broken[0].weight, 1e30)
    nn.init.constant_(broken[2].weight, 1e30)
    return broken


class _ZeroByZero(nn.Module):
    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        zero = torch.relu(frames - 100)
        return zero / zero


@pytest.mark.parametrize(
    ("broken", "where", "value"),
    [
        (infinite(), "/2/Conv_output_0", "inf"),
        (
            nn.Sequential(nn.Conv2d(3, 3, 1), _ZeroByZero(), nn.Conv2d(3, 3, 1), small_network()),
            "/1/Div_output_0",
            "nan",
        ),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_values_that_are_not_finite_are_told_where_they_begin(
    tmp_path: Path, broken: nn.Module, where: str, value: str, method: str
) -> None:
    _, path = prepared(broken, tmp_path)
    with pytest.raises(EdgeboardError, match="not finite numbers") as caught:
        calibrate(path, random_frames(2).frames_nhwc, method)
    assert where in str(caught.value.where)
    assert value in str(caught.value.value)


def test_the_largest_activation_is_found_on_both_sides_of_zero(tmp_path: Path) -> None:
    negative = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 3))
    nn.init.zeros_(negative[1].weight)
    negative[1].bias = nn.Parameter(torch.tensor([5.0, -50.0, 7.0]))
    _, path = prepared(negative, tmp_path)
    assert largest_activation(calibrate(path, random_frames(2).frames_nhwc, "minmax")) == ("logits", 50.0)
