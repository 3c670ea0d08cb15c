"""From a network to an ONNX file with static shapes."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

INPUT_NAME = "frames"
OUTPUT_NAME = "logits"


def export_onnx(network: nn.Module, frame_size: int, path: Path, opset: int) -> None:
    """Write `network` as ONNX: input `frames` float32 `[1, 3, S, S]`, output `logits` `[1, C]`.

    The TorchScript exporter is used on purpose: it writes opset 13, the newest that TensorRT 8.2 on the
    older boards reads, where the newer one starts at 18. The same network gives the same bytes.
    """
    frames = torch.zeros(1, 3, frame_size, frame_size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        torch.onnx.export(
            network.eval().cpu().to(memory_format=torch.contiguous_format),
            (frames,),
            str(path),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            opset_version=opset,
            dynamo=False,
        )
    model = onnx.load(path)
    # IR version 7 is what ONNX Runtime 1.10 reads, the last for the Python of JetPack 4.
    if opset <= 15:
        model.ir_version = min(model.ir_version, 7)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
