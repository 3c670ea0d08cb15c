from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

from pipeline.export import tensorrt_check
from pipeline.export.onnx_file import export_onnx
from pipeline.networks import build_network
from pipeline.targets.onnxruntime import OnnxRuntimeEngine


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenet_v3_small"])
def test_the_file_is_static_old_enough_for_old_boards_and_repeatable(tmp_path: Path, architecture: str) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, 3)
    export_onnx(network, 64, tmp_path / "a.onnx", opset=13)
    export_onnx(network, 64, tmp_path / "b.onnx", opset=13)
    model = onnx.load(tmp_path / "a.onnx")
    shapes = [
        [d.dim_value for d in value.type.tensor_type.shape.dim] for value in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [[1, 3, 64, 64], [1, 3]]
    assert model.opset_import[0].version == 13
    assert model.ir_version <= 7
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert str(Path.cwd()) not in str(model.graph)


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenet_v3_small"])
def test_normalisations_that_are_kept_leave_the_weights_alone(tmp_path: Path, architecture: str) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, 3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training: no two channels alike
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
    stored = {}
    for kept in (True, False):
        path = tmp_path / f"{kept}.onnx"
        export_onnx(network, 64, path, opset=13, keep_batch_norm=kept)
        model = onnx.load(path)
        stored[kept] = {tensor.raw_data for tensor in model.graph.initializer}
        norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
        assert len(norms) == (sum(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules()) if kept else 0)
        assert all(len(node.output) == 1 for node in norms), "in training mode it has more outputs"
        frames = torch.randn(1, 3, 64, 64)
        logits = OnnxRuntimeEngine(path, 1).run(frames.numpy())
        torch.testing.assert_close(torch.from_numpy(logits), network(frames).detach(), rtol=1e-3, atol=1e-4)
    convolutions = [m.weight.detach().numpy().tobytes() for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(weight in stored[True] for weight in convolutions)
    assert convolutions[0] not in stored[False]
    assert not network.training

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(tmp_path / "True.onnx"), options, providers=["CPUExecutionProvider"])
    operators = {node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node}
    assert "BatchNormalization" not in operators, "ONNX Runtime multiplies it into the convolution at load"


@pytest.mark.skipif(not tensorrt_check.is_available(), reason="tensorrt-rtx has no wheel for this platform")
def test_tensorrt_takes_normalisations(tmp_path: Path) -> None:
    export_onnx(build_network("mobilenet_v3_small", 3), 64, tmp_path / "a.onnx", opset=13, keep_batch_norm=True)
    assert tensorrt_check.check(tmp_path / "a.onnx")["accepted"]


@pytest.mark.parametrize(("size", "out"), [(3, 7), (10, 7), (7, 7), (14, 7), (9, 1)])
def test_a_pool_of_any_size_gives_what_pytorch_gives(tmp_path: Path, size: int, out: int) -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.AdaptiveAvgPool2d(out), torch.nn.Flatten(), torch.nn.Linear(4 * out**2, 3)
    ).eval()
    export_onnx(network, size, tmp_path / "a.onnx", opset=13)
    frames = torch.randn(1, 3, size, size)
    logits = OnnxRuntimeEngine(tmp_path / "a.onnx", 1).run(frames.numpy())
    torch.testing.assert_close(torch.from_numpy(logits), network(frames).detach(), rtol=1e-4, atol=1e-5)
