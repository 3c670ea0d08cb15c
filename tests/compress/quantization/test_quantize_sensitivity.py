from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch import nn

from pipeline.answers import ClassAnswers
from pipeline.compress.quantization import sensitivity as module
from pipeline.compress.quantization.graph_layers import layers_of
from pipeline.compress.quantization.quantized_graph import CalibratedGraph
from pipeline.compress.quantization.sensitivity import Judge, keep_within_budget, sensitivity
from pipeline.data.frames import Frames
from pipeline.errors import EdgeboardError
from tests.compress.small_graphs import SIZE, calibrated, logits, random_frames

FIRST, BAD, THIRD, HEAD = "/0/Conv", "/2/Conv", "/4/Conv", "/8/Gemm"


def network_with_a_bad_layer() -> nn.Module:
    """The second convolution has large weights for a channel that is never active: int8 rounds all others to zero."""
    torch.manual_seed(5)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(layer.weight, gain=2)
            nn.init.zeros_(layer.bias)
    network[0].weight.data[3] = 0
    network[0].bias.data[3] = -1
    network[2].weight.data[:, 3] = 1000
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def validation() -> Frames:
    """Frames of one colour each, so that the answers differ."""
    colours = np.random.default_rng(1).integers(0, 256, (40, 1, 1, 3), dtype=np.uint8)
    return replace(random_frames(40), frames_nhwc=np.tile(colours, (1, SIZE, SIZE, 1)))


@pytest.fixture(scope="module")
def graph(folder: Path, validation: Frames) -> CalibratedGraph:
    return calibrated(network_with_a_bad_layer(), folder, validation.frames_nhwc)


@pytest.fixture(scope="module")
def judge(graph: CalibratedGraph, folder: Path, validation: Frames) -> Judge:  # noqa: ARG001 its files are read
    """The float network is always right."""
    answers = logits(folder / "prepared.onnx", validation.frames_nhwc).argmax(1)
    assert len(set(answers)) > 1, "decisions can change"
    return Judge(folder / "prepared.onnx", replace(validation, labels=answers), ClassAnswers(), seed=1)


def test_the_most_sensitive_layer_comes_first(
    graph: CalibratedGraph, judge: Judge, folder: Path, validation: Frames
) -> None:
    rows = sensitivity(graph, judge)
    assert sorted(row["layer"] for row in rows) == sorted(layers_of(graph.model)) == [FIRST, BAD, THIRD, HEAD]
    assert rows[0]["layer"] == BAD
    assert [row["kl"] for row in rows] == sorted((row["kl"] for row in rows), reverse=True)
    exact = logits(folder / "prepared.onnx", validation.frames_nhwc)
    for row in rows:
        graph.write(folder / "one.onnx", "onnxruntime", only=row["layer"])
        quantized = logits(folder / "one.onnx", validation.frames_nhwc)
        kl = entropy(softmax(exact.astype(float), 1), softmax(quantized.astype(float), 1), axis=1).mean()
        changed = (quantized.argmax(1) != exact.argmax(1)).sum()
        assert row["kl"] == pytest.approx(kl, rel=1e-6)
        assert row["decisions_changed"] == changed
        assert row["accuracy_delta"] == pytest.approx(-changed / 40)
        assert row["n"] == 40
    assert rows[0]["decisions_changed"] > 5
    assert rows == sensitivity(graph, judge)


def test_auto_leaves_the_bad_layer_float_and_no_other(graph: CalibratedGraph, judge: Judge) -> None:
    kept, search = keep_within_budget(graph, judge, [BAD, FIRST, THIRD, HEAD], budget=0.05)
    assert kept == [BAD]
    assert [trial["kept_float"] for trial in search["trials"]] == [[], [BAD]]
    assert search["trials"][0]["accuracy"] < 0.9 < search["trials"][1]["accuracy"]
    assert search["within_budget"]
    assert search["float_accuracy"] == 1
    assert search["n"] == 40


def test_auto_keeps_nothing_that_it_need_not(graph: CalibratedGraph, judge: Judge) -> None:
    kept, search = keep_within_budget(graph, judge, [BAD, FIRST, THIRD, HEAD], budget=1.0)
    assert kept == []
    assert len(search["trials"]) == 1
    assert search["within_budget"]


def test_auto_stops_at_half_of_the_layers_with_the_best_and_says_so(graph: CalibratedGraph, judge: Judge) -> None:
    kept, search = keep_within_budget(graph, judge, [THIRD, FIRST, BAD, HEAD], budget=0.0)
    assert [trial["kept_float"] for trial in search["trials"]] == [[], [THIRD], [THIRD, FIRST]]
    best = max(trial["accuracy"] for trial in search["trials"])
    first_best = next(trial for trial in search["trials"] if trial["accuracy"] == best)
    assert sorted(kept) == sorted(first_best["kept_float"])
    assert not search["within_budget"]
    assert "more than accuracy_budget (0.0%)" in search["words"]


def test_kept_layers_come_in_the_order_of_the_graph(graph: CalibratedGraph, judge: Judge) -> None:
    kept, search = keep_within_budget(graph, judge, [THIRD, BAD, FIRST, HEAD], budget=0.05)
    assert search["trials"][-1]["kept_float"] == [THIRD, BAD]
    assert kept == [BAD, THIRD]


def test_no_more_frames_than_the_cap_are_used(
    folder: Path, graph: CalibratedGraph, validation: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FRAMES", 6)
    few = Judge(folder / "prepared.onnx", validation, ClassAnswers(), seed=1)
    assert few.n == 6
    assert sorted(few._truth) == [0, 0, 1, 1, 2, 2]
    assert {row["n"] for row in sensitivity(graph, few)} == {6}


@pytest.mark.usefixtures("graph")
def test_no_validation_frame_is_refused(folder: Path) -> None:
    with pytest.raises(EdgeboardError, match="no validation frame"):
        Judge(folder / "prepared.onnx", random_frames(0), ClassAnswers(), seed=1)
