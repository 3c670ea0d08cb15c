"""MTCNN (Zhang et al. 2016, arXiv:1604.02878) for machines without PyTorch: three ONNX files and how to drive them.

TensorRT wants shapes that never change, and MTCNN's do with every frame: a pyramid of sizes, and some candidates or
other. So the pyramid is laid side by side into one picture of fixed size (see pipeline.tasks.face_finder), which the
first network sees in one call, and candidates go through the others in batches of fixed size, filled up with zeros.

How a face is then chosen and cut stands beside them: a board has to see the crops that the network was trained on.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from pipeline.data.face_crops.crops import CropOptions
from pipeline.data.face_crops.networks import load_networks
from pipeline.export.face_finder_file import FINDER_FILE
from pipeline.files import replacing_folder, write_json
from pipeline.tasks.face_finder import plan_finder

INPUT_NAME, OUTPUT_NAME = "pictures", "answers"
# Of most frames all candidates fit into one call of each network: about 30 reach the second, 7 the third.
RNET_BATCH, ONET_BATCH = 32, 8


def export_face_finder(
    folder: Path,
    opset: int = 13,
    min_face: float = 0.1,
    crop: CropOptions | None = None,
    max_side: int | None = None,
) -> dict[str, Any]:
    """Write face_pnet.onnx, face_rnet.onnx, face_onet.onnx and face_finder.json; give what stands in the last.

    `finder`: what pipeline.tasks.face_finder.find_faces needs; `networks`: for "pnet", "rnet" and "onet" the file, the
    static `input_shape` [n, 3, h, w] and `output_shape`; `min_face`; `max_side`: pixels to which the longer side of a
    larger picture is shrunk before a face is sought, None for none; `crop`: `size` and `margin` of
    pipeline.tasks.face_alignment.align_crop, and the options of pipeline.tasks.face_choosing.choose_face. The same
    arguments give the same bytes.
    """
    options = asdict(crop or CropOptions())
    assert options.pop("align"), "boards know aligned crops only"
    finder = plan_finder(min_face)
    shapes = {
        "pnet": (1, 3, *finder["mosaic_hw"]), "rnet": (RNET_BATCH, 3, 24, 24), "onet": (ONET_BATCH, 3, 48, 48)
    }  # fmt: skip
    described: dict[str, Any] = {
        "finder": finder, "networks": {}, "min_face": min_face, "max_side": max_side, "crop": options
    }  # fmt: skip
    with replacing_folder(folder) as temporary:
        for (name, shape), network in zip(shapes.items(), load_networks(), strict=True):
            file = f"face_{name}.onnx"
            output_shape = _export(network, shape, temporary / file, opset)
            described["networks"][name] = {"file": file, "input_shape": list(shape), "output_shape": output_shape}
        write_json(temporary / FINDER_FILE, described)
    return described


def _export(network: nn.Module, shape: tuple[int, ...], path: Path, opset: int) -> list[int]:
    pictures = torch.zeros(shape)
    network = network.to(memory_format=torch.contiguous_format)
    with torch.inference_mode():
        output_shape = list(network(pictures).shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        torch.onnx.export(
            network, (pictures,), str(path), input_names=[INPUT_NAME], output_names=[OUTPUT_NAME],
            opset_version=opset, dynamo=False,
        )  # fmt: skip
    model = onnx.load(path)
    # IR version 7 is what ONNX Runtime 1.10 reads, the last for the Python of JetPack 4.
    if opset <= 15:
        model.ir_version = min(model.ir_version, 7)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return output_shape
