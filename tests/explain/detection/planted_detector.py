"""A detector whose reasons are known: each of its anchors sees an object by how bright one patch of the frame is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pipeline.data.frames import MEAN_RGB
from pipeline.explain.detection.frames import DetectionFrame
from pipeline.export.onnx_file import export_onnx

FRAME_SIZE = 64
CLASSES = ["gun", "knife", "stick"]
Box = tuple[int, int, int, int]
LEFT: Box = (4, 8, 20, 24)
RIGHT: Box = (40, 36, 60, 56)
CORNER: Box = (0, 0, 16, 16)
_BRIGHT = 2.2  # about what white is after normalisation


@dataclass(frozen=True)
class Seen:
    """An anchor at `box` for class `label`, whose logit grows from -4 by `gain` as `reason` turns white."""

    box: Box
    label: int
    reason: Box
    gain: float = 8.0


class Planted(nn.Module):
    """`[1, 3, S, S]` to `[1, A, C + 1 + 4]`, softmax heads without any box numbers: boxes are the anchors."""

    def __init__(self, anchors: list[Seen]) -> None:
        super().__init__()
        self.reasons = [one.reason for one in anchors]
        slopes = torch.zeros(len(anchors), len(CLASSES) + 5)
        for row, one in zip(slopes, anchors, strict=True):
            row[one.label + 1] = one.gain / _BRIGHT
        offset = torch.zeros(len(CLASSES) + 5)
        offset[1 : len(CLASSES) + 1] = -4
        self.register_buffer("slopes", slopes)
        self.register_buffer("offset", offset)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        means = [frames[:, :, y0:y1, x0:x1].mean((1, 2, 3)) for x0, y0, x1, y1 in self.reasons]
        return self.offset + torch.stack(means, dim=1)[..., None] * self.slopes


def planted_head(anchors: list[Seen]) -> dict[str, Any]:
    return {
        "activation": "softmax",
        "n_classes": len(CLASSES),
        "box_coding": "deltas",
        "box_weights": [1.0] * 4,
        "centerness": False,
        "anchors_xyxy": np.array([one.box for one in anchors], dtype=np.float32),
        "frame_size": FRAME_SIZE,
        "score_threshold": 0.3,
        "nms_iou": 0.5,
        "max_detections": 10,
    }


def planted_file(folder: Path, name: str, anchors: list[Seen]) -> Path:
    path = folder / f"{name}.onnx"
    export_onnx(Planted(anchors).eval(), FRAME_SIZE, path, 13)
    return path


def scene(name: str, objects: list[tuple[Box, int]], bright: list[Box] | None = None) -> DetectionFrame:
    """Objects are white on the mean colour, which is what hiding leaves; `bright`: what is white, if not they."""
    image = np.empty((FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8)
    image[:] = (MEAN_RGB * 255).round()
    for x0, y0, x1, y1 in bright if bright is not None else [box for box, _ in objects]:
        image[y0:y1, x0:x1] = 255
    boxes = np.array([box for box, _ in objects], dtype=np.float32).reshape(-1, 4)
    return DetectionFrame(name, image, boxes, np.array([label for _, label in objects], dtype=np.int64))
