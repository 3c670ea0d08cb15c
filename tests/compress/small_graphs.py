"""Small networks as ONNX graphs, frames of noise, and what a graph says of them: for the tests of quantize."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.compress.quantization.calibration import calibrate
from pipeline.compress.quantization.quantized_graph import CalibratedGraph, prepare
from pipeline.data.frames import Frames, normalise
from pipeline.export.onnx_file import export_onnx
from pipeline.networks import apply_layer_shapes, build_network, layer_shapes
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

SIZE = 16


def random_frames(n: int, n_classes: int = 3, size: int = SIZE) -> Frames:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    labels = np.sort(generator.integers(0, n_classes, n)) if n else np.zeros(0, dtype=np.int64)
    return Frames(pixels, labels, [Path(f"{i}.jpg") for i in range(n)], [str(c) for c in range(n_classes)])


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 3),
    )  # fmt: skip


def tiny_resnet() -> nn.Module:
    """resnet18 with an eighth of its channels, as pruning could leave it, with running statistics that fit."""
    torch.manual_seed(0)
    network = build_network("resnet18", 3)
    shapes = {
        name: {side: width if width in (1, 3) else width // 8 for side, width in shape.items()}
        for name, shape in layer_shapes(network).items()
    }
    apply_layer_shapes(network, shapes)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            module.reset_parameters()
    network.train()
    for _ in range(3):
        network(torch.randn(16, 3, 32, 32))
    return network.eval()


def prepared(network: nn.Module, folder: Path, size: int = SIZE) -> tuple[onnx.ModelProto, Path]:
    """The float graph as the quantizer wants it, and its file `prepared.onnx`; the exported one is `float.onnx`."""
    export_onnx(network, size, folder / "float.onnx", opset=13)
    return prepare(folder / "float.onnx", folder / "prepared.onnx"), folder / "prepared.onnx"


def calibrated(network: nn.Module, folder: Path, frames_nhwc: NDArray[np.uint8]) -> CalibratedGraph:
    model, path = prepared(network, folder, frames_nhwc.shape[1])
    return CalibratedGraph(model, calibrate(path, frames_nhwc, "minmax"))


def logits(path: Path, frames_nhwc: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.float32]:
    engine = OnnxRuntimeEngine(path, 1)
    return np.concatenate([engine.run(normalise(frame[None])) for frame in frames_nhwc])
