"""The live form of a quantized network of clips: the same int8 network, with caches in place of the shift over a clip.

Nothing is calibrated anew. The live form has the layers of the clip form, by the same names, and meets the same values:
so it takes its ranges, shifted biases and float layers, and decides as the clip form does.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from torch import nn

from pipeline.compress.quantization.graph_layers import ENTRANCE, entrance_of
from pipeline.compress.quantization.quantized_graph import CalibratedGraph, prepare
from pipeline.export.live_onnx import export_live

_SHIFT = "/shift/"  # in the names of all nodes of a temporal shift: see pipeline.clip_networks.temporal_shift.Shifted


def live_graph(
    network: nn.Module, frame_size: int, opset: int, clip: CalibratedGraph
) -> tuple[CalibratedGraph, dict[str, Any]]:
    """The live form of `network` with all that is known of its clip form, and the description that export_live gives.

    clip: of exactly this network, as its export wrote it. Raises EdgeboardError where there is no live form.
    """
    with tempfile.TemporaryDirectory(prefix="edgeboard-") as folder:
        exported = Path(folder, "live.onnx")
        description = export_live(network, frame_size, exported, opset)
        model = prepare(exported, Path(folder, "prepared.onnx"))
    return replace(clip, model=model, ranges=ranges_through_shifts(model, clip.ranges)), description


def _of_differences(model: onnx.ModelProto, ranges: TensorsData) -> dict[str, TensorData]:
    """What the entrance of a clip form gives, for what that of `model` gives, whose last operation is another one."""
    known = [data for name, data in ranges.items() if name.startswith(ENTRANCE) and "Concat" in name]
    entrance = entrance_of(model)
    outputs = [name for node in model.graph.node if node.name in entrance for name in node.output]
    return dict.fromkeys(outputs, known[0]) if known else {}


def ranges_through_shifts(model: onnx.ModelProto, ranges: TensorsData) -> TensorsData:
    """The same ranges, but that all tensors inside a temporal shift, caches included, have the range of its input.

    A shift moves values and makes none. With a range, and so a scale, of its own, each of its parts would round them
    once more; with the same one they are moved as they are.
    """
    found: dict[str, TensorData] = dict(ranges.items())
    found |= _of_differences(model, ranges)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name for value in model.graph.input}
    for node in model.graph.node:
        if _SHIFT not in node.name or node.op_type not in ("Slice", "Concat"):
            continue
        moved = node.input[:1] if node.op_type == "Slice" else [name for name in node.input if name not in constants]
        source = next(name for name in reversed(moved) if name not in inputs)
        for name in (*moved, *node.output):
            found[name] = found[source]
    return TensorsData(ranges.calibration_method, found)
