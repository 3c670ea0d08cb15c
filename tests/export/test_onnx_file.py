from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

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


@pytest.mark.parametrize(("size", "out"), [(3, 7), (10, 7), (7, 7), (14, 7), (9, 1)])
def test_a_pool_of_any_size_gives_what_pytorch_gives(tmp_path: Path, size: int, out: int) -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.AdaptiveAvgPool2d(out), torch.nn.Flatten(), torch.nn.Linear(4 * out**2, 3)
    ).eval()
    export_onnx(network, size, tmp_path / "a.onnx", opset=13)
    frames = torch.randn(1, 3, size, size)
    logits = OnnxRuntimeEngine(tmp_path / "a.onnx", 1).run(frames.numpy())
    torch.testing.assert_close(torch.from_numpy(logits), network(frames).detach(), rtol=1e-4, atol=1e-5)
