"""The live form of a variant beside its clip form: one frame in, one decision out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pipeline.artifact import Meta
from pipeline.clip_networks.live import has_live_form
from pipeline.data.frames import normalise
from pipeline.errors import EdgeboardError
from pipeline.export.live_file import LIVE_FILE, LIVE_FOLDER, read_live, write_live
from pipeline.export.live_onnx import export_live
from pipeline.export.onnx_file import INPUT_NAME
from pipeline.export.tensorrt_check import tensorrt_verdicts
from pipeline.files import sha256_file
from pipeline.params import Export
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.live_clip import LiveClip

_FILES = {"onnxruntime": "live.onnx", "tensorrt": "live.tensorrt.onnx"}
_CLIP_FILES = {"onnxruntime": "model.onnx", "tensorrt": "model.tensorrt.onnx"}


def export_live_form(
    artifact: Path,
    meta: Meta,
    network: nn.Module,
    out: Path,
    published_as: Path,
    clips: NDArray[np.uint8],
    options: Export,
) -> dict[str, Any] | None:
    """Write live.onnx, and for TensorRT live.tensorrt.onnx where that is another file, and live.json into `out`.

    network: the float network of the artifact. clips: real ones `[N, T, S, S, 3]`, on which each file is compared with
    the clip form for the same engine, which lies in `out` already: model.onnx or model.tensorrt.onnx. None where the
    network, or its way of quantization, has no live form. published_as: where `out` will lie.
    Raises EdgeboardError where a live form decides otherwise than the clip form, in float at all, else on more than
    options.min_agreement allows; and where TensorRT's parser refuses it.
    """
    made = artifact / LIVE_FOLDER
    if meta.is_quantized and made.is_dir():
        description = {key: value for key, value in read_live(made / LIVE_FILE).items() if key != "file"}
        for engine, name in _FILES.items():
            shutil.copyfile(made / f"{engine}.onnx", out / name)
    elif not meta.is_quantized and has_live_form(network):
        description = export_live(network, meta.frame_size, out / _FILES["onnxruntime"], options.opset)
    else:
        return None
    file = out / _FILES["onnxruntime"]
    write_live(out, file.name, description)
    parity = {"onnxruntime": _compare(file, out / _CLIP_FILES["onnxruntime"], description, clips)}
    of_tensorrt = file
    if (out / _FILES["tensorrt"]).is_file():
        of_tensorrt = out / _FILES["tensorrt"]
        parity["tensorrt"] = _compare(of_tensorrt, out / _CLIP_FILES["tensorrt"], description, clips)
    least = options.min_agreement if meta.is_quantized else 1
    allowed = f"at least export.min_agreement = {least:.1%}" if meta.is_quantized else "all of them, in float"
    for engine, one in parity.items():
        if one["agreement"] < least:
            raise EdgeboardError(
                f"The live form for {engine} decides otherwise than the clip form too often",
                where=published_as / _FILES[engine],
                value=f"{one['agreement']:.1%} of {one['n']} clips alike",
                allowed=allowed,
            )
    return {
        "file": (published_as / file.name).as_posix(),
        "sha256": sha256_file(file),
        "size_bytes": file.stat().st_size,
        "description": (published_as / LIVE_FILE).as_posix(),
        "tensorrt": (published_as / of_tensorrt.name).as_posix(),
        "tensorrt_sha256": sha256_file(of_tensorrt),
        "parity": parity["onnxruntime"],
        "parity_tensorrt": parity.get("tensorrt", parity["onnxruntime"]),
        "verdicts": tensorrt_verdicts(of_tensorrt, published_as, options.tensorrt_check),
    }


def _compare(live: Path, model: Path, description: dict[str, Any], clips: NDArray[np.uint8]) -> dict[str, Any]:
    """agreement: share of clips decided alike; max_difference: of logits, relative to the largest."""
    stream = LiveClip(OnnxRuntimeEngine(live, 1).run_named, description)
    whole = OnnxRuntimeEngine(model, 1)
    answers, expected = [], []
    for clip_thwc in clips:
        clip = normalise(clip_thwc)
        stream.reset()
        for frame_chw in clip:
            logits = stream.step(frame_chw[None])
        answers.append(logits[0])
        expected.append(whole.run_named({INPUT_NAME: clip[None]})[0][0])
    live_nc, clip_nc = np.array(answers), np.array(expected)
    return {
        "n": len(clips),
        "agreement": float((live_nc.argmax(1) == clip_nc.argmax(1)).mean()),
        "max_difference": float(np.abs(live_nc - clip_nc).max() / max(np.abs(clip_nc).max(), 1e-12)),
    }
