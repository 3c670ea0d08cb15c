"""The whole step on a narrow resnet18: what each method writes, repeats and refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from torch import nn

from pipeline.artifact import Meta, load_artifact, read_meta, save_artifact
from pipeline.compress.quantization.graph_weights import stored_weights
from pipeline.compress.quantization.quantize import run
from pipeline.compress.recipes import artifact_folder
from pipeline.compress.step import StepContext
from pipeline.data.frames import load_frames
from pipeline.errors import EdgeboardError
from pipeline.export.parity import float_outputs
from pipeline.files import read_json
from pipeline.networks import layer_shapes
from pipeline.params import check_params
from pipeline.tasks import TASKS
from pipeline.training.train import describe
from tests.compress.sections import planned
from tests.compress.small_graphs import logits, tiny_resnet
from tests.conftest import REPOSITORY, TINY, set_params
from tests.picture_folder import CLASS_NAMES, write_data_folder

SIZE = 32
N_LAYERS = 21
BOTH = {"onnxruntime": "graphs/onnxruntime.onnx", "tensorrt": "graphs/tensorrt.onnx"}
ONE = {"onnxruntime": "graphs/onnxruntime.onnx"}


class Workplace:
    """A pruned artifact `source`, pictures, and the step as the pipeline runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "params.yaml").write_bytes((REPOSITORY / "params.yaml").read_bytes())
        set_params(folder / "params.yaml", TINY | {"train.fire.architecture": "resnet18"})
        params = check_params(yaml.safe_load((folder / "params.yaml").read_text()))
        data = write_data_folder(folder / "data", {"train": 4, "val": 2, "test": 1}, size=SIZE)
        self.context = StepContext(TASKS["fire"], params, data, folder / "source", folder / "checkpoints")
        self.network = tiny_resnet()
        self.source = self.saved("source", self.network)
        self._n_runs = 0

    def saved(self, name: str, network: nn.Module, **changes: Any) -> Path:
        meta = Meta("fire", "resnet18", CLASS_NAMES, SIZE, recipe=["prune"], layers=layer_shapes(network), **changes)
        (self.folder / name).mkdir()
        save_artifact(self.folder / name, network, meta, describe(network, SIZE))
        return self.folder / name

    def quantize(self, source: Path | None = None, context: StepContext | None = None, **options: Any) -> Path:
        self._n_runs += 1
        destination = self.folder / f"run{self._n_runs}"
        destination.mkdir()
        options = {"calibration_frames": 6, "epochs": 1} | options
        run(source or self.source, destination, planned("quantize", **options), context or self.context)
        return destination


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("work"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("method", "graphs", "precision", "n_calibration"),
    [("static", BOTH, "int8", 6), ("dynamic", ONE, "int8", 0), ("fp16", BOTH, "fp16", 6), ("qat", BOTH, "int8", 6)],
)
def test_each_method_writes_its_artifact_and_the_same_again(
    workplace: Workplace, method: str, graphs: dict[str, str], precision: str, n_calibration: int
) -> None:
    made = workplace.quantize(method=method)
    meta, report = read_meta(made), read_json(made / "report.json")
    label = planned("quantize", calibration_frames=6, epochs=1, method=method).label
    before = read_meta(workplace.source)
    parent = artifact_folder("fire", ("prune",)).as_posix()
    assert meta == replace(before, recipe=["prune", label], parent=parent, graphs=graphs, precision=precision)
    assert {path.relative_to(made).as_posix() for path in (made / "graphs").iterdir()} == set(graphs.values())
    assert report["step"] == "quantize"
    assert report["options"]["method"] == method
    assert report["calibration_frames_used"] == n_calibration
    assert {key: report[key] for key in ("params", "macs")} == {
        key: describe(workplace.network, SIZE)[key] for key in ("params", "macs")
    }
    assert 0.9 * report["params"] < report["nonzero"] <= report["params"]
    assert ("training" in report) == (method == "qat")
    assert report.get("kept_float") == ([] if method in ("static", "qat") else None)
    assert files(workplace.quantize(method=method)) == files(made)


def test_qat_keeps_the_weights_that_its_graphs_were_made_from(workplace: Workplace) -> None:
    made = workplace.quantize(method="qat", learning_rate=0.05)
    network, _ = load_artifact(made)
    trained, before = network.state_dict(), workplace.network.state_dict()
    assert list(trained) == list(before)
    assert not torch.equal(trained["conv1.weight"], before["conv1.weight"])
    frames = load_frames(workplace.context.data_folder, "val", SIZE, CLASS_NAMES).frames_nhwc
    exact, untrained = float_outputs(network, frames), float_outputs(workplace.network, frames)
    int8 = logits(made / "graphs/onnxruntime.onnx", frames)
    assert np.abs(int8 - exact).max() < np.abs(int8 - untrained).max() / 2
    with pytest.raises(EdgeboardError, match="no float network"):
        load_artifact(workplace.quantize())


@pytest.mark.parametrize("method", ["static", "qat"])
def test_single_pruned_weights_stay_zero_and_are_counted(workplace: Workplace, method: str) -> None:
    network = tiny_resnet()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.flatten()[::2] = 0
    source = workplace.saved(f"sparse-{method}", network, sparse=True)
    made = workplace.quantize(source, method=method)
    n_zero = sum(int((m.weight == 0).sum()) for m in network.modules() if isinstance(m, nn.Conv2d))
    report = read_json(made / "report.json")
    assert report["params"] - report["nonzero"] >= n_zero
    assert report["nonzero"] > 0.9 * (report["params"] - n_zero)
    stored = stored_weights(onnx.load(made / "graphs/onnxruntime.onnx"))["/conv1/Conv"].stored
    assert not stored.flatten()[::2].any()
    if method == "qat":
        assert not load_artifact(made)[0].conv1.weight.detach().flatten()[::2].any()  # type: ignore[union-attr,operator]


def test_named_layers_stay_float_in_both_graphs(workplace: Workplace) -> None:
    kept = ["/fc/Gemm", "/conv1/Conv"]
    made = workplace.quantize(keep_float=kept)
    assert read_json(made / "report.json")["kept_float"] == ["/conv1/Conv", "/fc/Gemm"]
    for engine in BOTH:
        model = onnx.load(made / f"graphs/{engine}.onnx")
        dequantized = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
        layers = {node.name: node.input[1] for node in model.graph.node if node.op_type in ("Conv", "Gemm")}
        assert sorted(name for name, weight in layers.items() if weight not in dequantized) == sorted(kept)
        assert len(layers) == N_LAYERS


def test_sensitivity_and_auto_are_reported(workplace: Workplace) -> None:
    made = workplace.quantize(keep_float="auto", accuracy_budget=1.0, bias_correction=True)
    report = read_json(made / "report.json")
    assert len(report["sensitivity"]) == len(report["bias_correction"]) == N_LAYERS
    assert {row["n"] for row in report["sensitivity"]} == {6}
    assert report["kept_float"] == []
    assert report["keep_float_search"]["within_budget"]
    alone = read_json(workplace.quantize(sensitivity=True) / "report.json")
    assert len(alone["sensitivity"]) == N_LAYERS
    assert "keep_float_search" not in alone
    assert b"corrected_bias" in (made / "graphs/onnxruntime.onnx").read_bytes()


def test_auto_leaves_the_layers_of_its_report_float(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.compress.quantization.quantize.keep_within_budget",
        lambda _graph, _judge, order, _budget: (order[:2], {"within_budget": False}),
    )
    made = workplace.quantize(keep_float="auto")
    report = read_json(made / "report.json")
    assert report["kept_float"] == [row["layer"] for row in report["sensitivity"][:2]]
    weights = stored_weights(onnx.load(made / "graphs/onnxruntime.onnx"))
    assert sorted(n for n, w in weights.items() if w.stored.dtype == np.float32) == sorted(report["kept_float"])


@pytest.mark.parametrize("calibration", ["minmax", "percentile"])
def test_one_calibration_frame_is_enough(workplace: Workplace, calibration: str) -> None:
    made = workplace.quantize(calibration=calibration, calibration_frames=1)
    assert read_json(made / "report.json")["calibration_frames_used"] == 1
    frames = load_frames(workplace.context.data_folder, "val", SIZE, CLASS_NAMES).frames_nhwc
    assert np.isfinite(logits(made / "graphs/onnxruntime.onnx", frames)).all()


def _nan_weight(network: nn.Module) -> None:
    network.layer1[0].conv1.weight.data[0, 0, 0, 0] = float("nan")  # type: ignore[index,union-attr]


def _huge_weight(network: nn.Module) -> None:
    network.fc.weight.data[0, 0] = 1e6  # type: ignore[union-attr,index]


def _explosion(network: nn.Module) -> None:
    network.conv1.weight.data *= 1e30  # type: ignore[union-attr,operator]
    network.layer1[0].conv1.weight.data *= 1e30  # type: ignore[index,union-attr]


@pytest.mark.parametrize(
    ("breaks", "options", "what", "where"),
    [
        (_nan_weight, {}, "weight of the network is not a finite number", "layer1.0.conv1.weight"),
        (_nan_weight, {"method": "dynamic"}, "weight of the network is not a finite number", "layer1.0.conv1.weight"),
        (_explosion, {}, "values are not finite numbers", "/layer1/layer1.0/conv1/Conv_output_0"),
        (_huge_weight, {"method": "fp16"}, "weight is too large for float16", "fc.weight"),
        (None, {"keep_float": ["fc"]}, "no such layer to keep float", "compress.quantize.keep_float"),
    ],
)
def test_bad_input_is_told(
    workplace: Workplace, breaks: Callable[[nn.Module], None] | None, options: dict[str, Any], what: str, where: str
) -> None:
    source = workplace.source
    if breaks is not None:
        network = tiny_resnet()
        breaks(network)
        source = workplace.saved(f"{breaks.__name__}-{len(list(workplace.folder.iterdir()))}", network)
    with pytest.raises(EdgeboardError, match=what) as caught:
        workplace.quantize(source, **options)
    assert where in str(caught.value.where)


def test_a_wrong_name_is_told_before_the_training(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.compress.quantization.quantize.train_network", lambda *_, **__: pytest.fail("it trained")
    )
    with pytest.raises(EdgeboardError, match="no such layer"):
        workplace.quantize(method="qat", keep_float=["fc"])


def test_a_data_folder_without_training_frames_is_refused(workplace: Workplace, tmp_path: Path) -> None:
    data = write_data_folder(tmp_path, {"val": 2, "test": 1}, size=SIZE)
    with pytest.raises(EdgeboardError, match="no training frame to calibrate"):
        workplace.quantize(context=replace(workplace.context, data_folder=data))
