"""The files that ship: one per variant and engine, each proven against PyTorch and judged by TensorRT's parser."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pipeline.answers import answers_of
from pipeline.artifact import Meta, load_artifact, read_meta
from pipeline.export.head_file import write_head
from pipeline.export.live_export import export_live_form
from pipeline.export.onnx_file import export_onnx
from pipeline.export.packed import pack
from pipeline.export.parity import compare, float_outputs, require_parity
from pipeline.export.tensorrt_check import tensorrt_verdicts
from pipeline.files import read_json, sha256_file
from pipeline.params import Export

# A network to the dict that pipeline.tasks.boxes describes, or None for a classifier.
HeadOf = Callable[[nn.Module], dict[str, Any] | None]


def no_head(_network: nn.Module) -> None:
    return None


def export_variant(
    artifact: Path,
    out: Path,
    published_as: Path,
    frames_nhwc: NDArray[np.uint8],
    options: Export,
    head_of: HeadOf = no_head,
) -> dict[str, Any]:
    """Write the files of one variant into `out` (which exists) and return its entry of the export report.

    frames_nhwc: real frames `[N, S, S, 3]` for the parity gate.
    published_as: where `out` will lie once the stage is done, for the paths in the report.
    head_of: how the outputs of the network are to be read; it is written beside the model.

    In the entry, `file` is the ONNX file that runs and `ships` the one that goes to the board; they are the same but
    for shared weights, which ship packed. `size_bytes` is that of `ships`, and `size_compressed_bytes` what zlib makes
    of it. The files are compared with the artifact's own float network, or that of its parent where it has none.
    `tensorrt` holds a file of None where the artifact has no graph for that engine.

    Raises EdgeboardError when a file disagrees with PyTorch or TensorRT's parser refuses it.
    """
    meta = read_meta(artifact)
    is_own = (artifact / "weights.safetensors").is_file()
    float_artifact = Path(meta.parent) if meta.parent and not is_own else artifact
    network, _ = load_artifact(float_artifact)
    files = _write_files(artifact, meta, network, out, options.opset)
    head = head_of(network)
    answers = answers_of(meta.class_names, head)
    reference = float_outputs(network, frames_nhwc)
    parity = {}
    for engine, file in files.items():
        parity[engine] = compare(reference, file, frames_nhwc, answers)
        require_parity(
            parity[engine], published_as / file.name, meta.precision, options.parity_tolerance, options.min_agreement
        )
    made = read_json(artifact / "report.json")
    model = files["onnxruntime"]
    ships = _packed(model) if meta.shared_bits else model
    return {
        "recipe": meta.recipe,
        "precision": meta.precision,
        "shared_bits": meta.shared_bits,
        "file": (published_as / model.name).as_posix(),
        "sha256": sha256_file(model),
        "ships": (published_as / ships.name).as_posix(),
        "ships_sha256": sha256_file(ships),
        "size_bytes": ships.stat().st_size,
        "size_compressed_bytes": ships.stat().st_size if ships != model else _compressed_size(model),
        "params": made["params"],
        "nonzero": made["nonzero"],
        "macs": made["macs"],
        "ratio_reached": _ratio_reached(artifact),
        "artifact": artifact.as_posix(),
        "float_artifact": float_artifact.as_posix(),
        "head": None if head is None else (published_as / write_head(out, head).name).as_posix(),
        "parity": parity,
        "live": export_live_form(artifact, meta, network, out, published_as, frames_nhwc, options)
        if meta.clip_frames
        else None,
        "tensorrt": _tensorrt_entry(files.get("tensorrt"), published_as, options.tensorrt_check, made),
    }


def _ratio_reached(artifact: Path | None) -> float | None:
    """What the last pruning on the way to this artifact removed; None where none was pruned."""
    while artifact is not None and (artifact / "report.json").is_file():
        reached: float | None = read_json(artifact / "report.json").get("ratio_reached")
        if reached is not None:
            return reached
        parent = read_meta(artifact).parent
        artifact = Path(parent) if parent else None
    return None


def _write_files(artifact: Path, meta: Meta, network: Any, out: Path, opset: int) -> dict[str, Path]:
    """Engine -> file, for the engines that have one."""
    if not meta.is_quantized:
        model = out / "model.onnx"
        # Multiplied by the factors of a BatchNorm, the weights of a layer would share no values any more.
        export_onnx(network, meta.frame_size, model, opset, keep_batch_norm=meta.shared_bits is not None)
        return {"onnxruntime": model, "tensorrt": model}
    names = {"onnxruntime": "model.onnx", "tensorrt": "model.tensorrt.onnx"}
    files = {engine: out / names[engine] for engine in meta.graphs}
    for engine, file in files.items():
        shutil.copyfile(artifact / meta.graphs[engine], file)
    return files


def _packed(model: Path) -> Path:
    packed = model.with_name(f"{model.name}.packed")
    pack(model, packed)
    return packed


def _compressed_size(file: Path) -> int:
    """Bytes of the file as a download or an update would carry it, by zlib at its best level."""
    return min(len(zlib.compress(file.read_bytes(), 9)), file.stat().st_size)


def _tensorrt_entry(file: Path | None, published_as: Path, mode: str, made: dict[str, Any]) -> dict[str, Any]:
    if file is None:
        is_dynamic = made.get("options", {}).get("method") == "dynamic"
        why = "dynamic int8 has no TensorRT form: its scales are computed at run time"
        words = [why if is_dynamic else f"the step {made.get('step')} made no graph for TensorRT"]
        return {"file": None, "sha256": None, "size_bytes": None, "accepted": None, "words": words, "by_version": {}}
    return {
        "file": (published_as / file.name).as_posix(),
        "sha256": sha256_file(file),
        "size_bytes": file.stat().st_size,
        **tensorrt_verdicts(file, published_as, mode),
    }
