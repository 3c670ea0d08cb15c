"""exports/movement with small networks of clips: each as a whole clip and in its live form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.export.live_file import write_live
from pipeline.files import sha256_file

CLIP_FRAMES, SIZE, CLASSES = 4, 8, ["run", "stand", "walk"]


def write_clip_exports(root: Path) -> dict[str, Any]:
    variants = {}
    for name, precision, seed in (("baseline", "fp32", 0), ("quantized", "int8", 1)):
        folder = root / "exports" / "movement" / name
        folder.mkdir(parents=True)
        made = {"onnxruntime": "", "tensorrt": ".tensorrt" if precision == "int8" else ""}
        files = {
            form + end: _write(folder / f"{form}{end}.onnx", form, seed + len(end))
            for form in ("model", "live")
            for end in set(made.values())
        }
        description = {
            "clip_frames": CLIP_FRAMES,
            "frame_interval_s": 0.25,
            "caches": [
                {"input": "cache_0", "output": "new_cache_0", "shape": [1, 3, SIZE, SIZE], "starts_as": "frame"},
                {"input": "cache_1", "output": "new_cache_1", "shape": [1, 5], "starts_as": "zeros"},
            ],
        }
        model, live, for_tensorrt = files["model"], files["live"], made["tensorrt"]
        named = {key: path.relative_to(root).as_posix() for key, path in files.items()}
        size, sha = model.stat().st_size, sha256_file(model)
        variants[name] = {
            "recipe": [] if name == "baseline" else ["quantize"], "precision": precision, "head": None,
            "file": named["model"], "sha256": sha, "ships_sha256": sha, "size_bytes": size,
            "size_compressed_bytes": size, "params": 10, "nonzero": 9, "macs": 8, "ratio_reached": None,
            "tensorrt": {"file": named["model" + for_tensorrt], "sha256": sha256_file(files["model" + for_tensorrt])},
            "live": {
                "file": named["live"], "sha256": sha256_file(live), "tensorrt": named["live" + for_tensorrt],
                "tensorrt_sha256": sha256_file(files["live" + for_tensorrt]),
                "description": write_live(folder, live.name, description).relative_to(root).as_posix(),
            },
        }  # fmt: skip
    return {"task": "movement", "class_names": CLASSES, "frame_size": SIZE, "variants": variants}


def _write(path: Path, form: str, seed: int) -> Path:
    """The live form sees the difference to the frame before, and remembers what it saw then."""
    rng = np.random.default_rng(seed)
    pixels, hidden = 3 * SIZE * SIZE, 5
    frame, n_frames = [1, 3, SIZE, SIZE], CLIP_FRAMES if form == "model" else 1
    weights = {
        "first": rng.standard_normal((n_frames * pixels, hidden)).astype(np.float32) / pixels**0.5,
        "second": rng.standard_normal((hidden, len(CLASSES))).astype(np.float32),
    }
    node = helper.make_node
    if form == "model":
        inputs, outputs = {"frames": [1, CLIP_FRAMES, *frame[1:]]}, {"logits": [1, len(CLASSES)]}
        nodes = [node("Flatten", ["frames"], ["flat"]), node("MatMul", ["flat", "first"], ["seen"])]
        nodes += [node("MatMul", ["seen", "second"], ["logits"])]
    else:
        inputs = {"frames": frame, "cache_0": frame, "cache_1": [1, hidden]}
        outputs = {"logits": [1, len(CLASSES)], "new_cache_0": frame, "new_cache_1": [1, hidden]}
        nodes = [
            node("Sub", ["frames", "cache_0"], ["change"]),
            node("Flatten", ["change"], ["flat"]),
            node("MatMul", ["flat", "first"], ["seen"]),
            node("Add", ["seen", "cache_1"], ["both"]),
            node("MatMul", ["both", "second"], ["logits"]),
            node("Identity", ["frames"], ["new_cache_0"]),
            node("Identity", ["seen"], ["new_cache_1"]),
        ]
    graph = helper.make_graph(
        nodes,
        form,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path
