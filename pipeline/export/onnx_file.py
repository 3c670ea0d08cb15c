"""From a network to an ONNX file with static shapes."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn
from torch.onnx import TrainingMode

from pipeline.detectors import Detector
from pipeline.networks import blank_frames

INPUT_NAME = "frames"
OUTPUT_NAME = "logits"
HEADS_NAME = "heads"  # of a detector


def export_onnx(network: nn.Module, frame_size: int, path: Path, opset: int, *, keep_batch_norm: bool = False) -> None:
    """Write `network` as ONNX: input `frames` float32 `[1, 3, S, S]`, output `logits` `[1, C]`, of a
    detector `heads` `[1, A, K]`.

    The TorchScript exporter is used on purpose: it writes opset 13, the newest that TensorRT 8.2 on the
    older boards reads, where the newer one starts at 18. The same network gives the same bytes.

    keep_batch_norm: leave BatchNormalization in the graph, in inference mode, so that the weights are those of the
    network. Otherwise it is multiplied into the convolution before it, which gives weights that layers share a
    factor per channel; an engine does that by itself when it loads the file.
    """
    frames = blank_frames(network, frame_size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        torch.onnx.export(
            _with_static_pools(network.eval().cpu().to(memory_format=torch.contiguous_format), frames),
            (frames,),
            str(path),
            input_names=[INPUT_NAME],
            output_names=[HEADS_NAME if isinstance(network, Detector) else OUTPUT_NAME],
            opset_version=opset,
            # The network is in eval mode. To keep that mode, rather than to ask for it, is what leaves out the fusion.
            training=TrainingMode.PRESERVE if keep_batch_norm else TrainingMode.EVAL,
            dynamo=False,
        )
    model = onnx.load(path)
    # IR version 7 is what ONNX Runtime 1.10 reads, the last for the Python of JetPack 4.
    if opset <= 15:
        model.ir_version = min(model.ir_version, 7)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class _StaticAveragePool(nn.Module):
    """Adaptive average pooling of maps of one known size, as two products with constant matrices."""

    def __init__(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("rows", _averaging(in_hw[0], out_hw[0]))
        self.register_buffer("columns", _averaging(in_hw[1], out_hw[1]).T.contiguous())

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.matmul(torch.matmul(self.rows, maps), self.columns)  # type: ignore[arg-type]


def _averaging(n_in: int, n_out: int) -> torch.Tensor:
    """`[n_out, n_in]`: row i averages the inputs that adaptive pooling gives to output i."""
    matrix = torch.zeros(n_out, n_in)
    for i in range(n_out):
        start, end = i * n_in // n_out, -(-(i + 1) * n_in // n_out)
        matrix[i, start:end] = 1 / (end - start)
    return matrix


def _with_static_pools(network: nn.Module, frames: torch.Tensor) -> nn.Module:
    """The network itself, or a copy in which adaptive pools that ONNX has no operator for are written out.

    The exporter knows them only where the size of the maps is a multiple of the output, and VGG pools to 7 x 7.
    """
    sizes: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            (height, width), (out_height, out_width) = inputs[0].shape[2:], output.shape[2:]
            if height % out_height or width % out_width:
                sizes[name] = (height, width), (out_height, out_width)

        return hook

    pools = {name: m for name, m in network.named_modules() if isinstance(m, nn.AdaptiveAvgPool2d)}
    hooks = [module.register_forward_hook(note(name)) for name, module in pools.items()]
    with torch.inference_mode():
        network(frames)
    for registered in hooks:
        registered.remove()
    if not sizes:
        return network
    written_out = copy.deepcopy(network)
    for name, (in_hw, out_hw) in sizes.items():
        written_out.set_submodule(name, _StaticAveragePool(in_hw, out_hw))
    return written_out
