"""The files that ship: one per variant and engine, each proven against PyTorch and judged by TensorRT's parser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.artifact import Meta, load_artifact, read_meta
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.export.onnx_file import export_onnx
from pipeline.export.parity import compare, float_logits, require_parity
from pipeline.files import read_json, sha256_file
from pipeline.params import Export


def export_variant(
    artifact: Path, out: Path, published_as: Path, frames_nhwc: NDArray[np.uint8], options: Export
) -> dict[str, Any]:
    """Write the files of one variant into `out` (which exists) and return its entry of the export report.

    frames_nhwc: real frames `[N, S, S, 3]` for the parity gate.
    published_as: where `out` will lie once the stage is done, for the paths in the report.
    Raises EdgeboardError when a file disagrees with PyTorch or TensorRT's parser refuses it.
    """
    meta = read_meta(artifact)
    float_artifact = Path(meta.parent) if meta.is_quantized and meta.parent else artifact
    network, _ = load_artifact(float_artifact)
    files = _write_files(artifact, meta, network, out, options)
    reference = float_logits(network, frames_nhwc)
    parity = {}
    for engine, file in files.items():
        parity[engine] = compare(reference, file, frames_nhwc)
        require_parity(
            parity[engine], published_as / file.name, meta.precision, options.parity_tolerance, options.min_agreement
        )
    made = read_json(artifact / "report.json")
    return {
        "recipe": meta.recipe,
        "precision": meta.precision,
        "file": (published_as / files["onnxruntime"].name).as_posix(),
        "sha256": sha256_file(files["onnxruntime"]),
        "size_bytes": files["onnxruntime"].stat().st_size,
        "params": made["params"],
        "nonzero": made["nonzero"],
        "macs": made["macs"],
        "ratio_reached": made.get("ratio_reached"),
        "artifact": artifact.as_posix(),
        "float_artifact": float_artifact.as_posix(),
        "parity": parity,
        "tensorrt": {
            "file": (published_as / files["tensorrt"].name).as_posix(),
            "sha256": sha256_file(files["tensorrt"]),
            "size_bytes": files["tensorrt"].stat().st_size,
            **_judge(files["tensorrt"], published_as, options.tensorrt_check),
        },
    }


def _write_files(artifact: Path, meta: Meta, network: Any, out: Path, options: Export) -> dict[str, Path]:
    if not meta.is_quantized:
        model = out / "model.onnx"
        export_onnx(network, meta.frame_size, model, options.opset)
        return {"onnxruntime": model, "tensorrt": model}
    files = {"onnxruntime": out / "model.onnx", "tensorrt": out / "model.tensorrt.onnx"}
    for engine, file in files.items():
        shutil.copyfile(artifact / meta.graphs[engine], file)
    return files


def _judge(file: Path, published_as: Path, mode: str) -> dict[str, Any]:
    if mode == "off":
        return {"accepted": None, "words": ["not checked: export.tensorrt_check is off"]}
    if not tensorrt_check.is_available():
        if mode == "require":
            raise EdgeboardError(
                "TensorRT's parser is not installed here",
                where="export.tensorrt_check",
                value="require",
                allowed="require only on Linux x86-64, where tensorrt-rtx has wheels",
                mend="export.tensorrt_check: auto",
            )
        return {"accepted": None, "words": ["not checked: tensorrt-rtx is not installed on this machine"]}
    verdict = tensorrt_check.check(file)
    if not verdict["accepted"]:
        raise EdgeboardError(
            f"TensorRT's {verdict['step']} refuses the exported file",
            where=published_as / file.name,
            value="; ".join(verdict["words"]) or "it gave no reason",
            mend="change the layer that it names, or another export.opset",
        )
    return verdict
