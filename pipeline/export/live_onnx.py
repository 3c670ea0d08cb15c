"""The live form of a network of clips as an ONNX file with static shapes, caches among its inputs and outputs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import onnx
import torch

from pipeline.clip_networks.live import live_form
from pipeline.export.onnx_file import INPUT_NAME, OUTPUT_NAME


def export_live(network: torch.nn.Module, frame_size: int, path: Path, opset: int) -> dict[str, Any]:
    """Write the live form of `network` and return what pipeline.tasks.live_clip needs to run it.

    The file: inputs `frames` float32 `[1, 3, S, S]` and `cache_<i>`, outputs `logits` `[1, C]` and `new_cache_<i>`,
    which are the caches of the next frame; nodes are named as in the clip form, so that names of layers mean both.
    The description: clip_frames T, over which logits are averaged, and caches, each with input, output, shape
    and what it is before the first frame, `zeros` or the `frame` itself.
    Raises EdgeboardError where there is no live form, see live_form.
    """
    live = live_form(network.cpu(), frame_size).to(memory_format=torch.contiguous_format)
    caches: list[dict[str, Any]] = [
        {
            "input": f"cache_{place}",
            "output": f"new_cache_{place}",
            "shape": list(shape),
            "starts_as": "frame" if starts_as_frame else "zeros",
        }
        for place, (shape, starts_as_frame) in enumerate(zip(live.cache_shapes, live.starts_as_frame, strict=True))
    ]
    frame = torch.zeros(1, 3, frame_size, frame_size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        torch.onnx.export(
            live,
            (frame, *(torch.zeros(cache["shape"]) for cache in caches)),
            str(path),
            input_names=[INPUT_NAME, *(cache["input"] for cache in caches)],
            output_names=[OUTPUT_NAME, *(cache["output"] for cache in caches)],
            opset_version=opset,
            dynamo=False,
        )
    model = onnx.load(path)
    # As in export_onnx: what the runtimes of the older boards read.
    if opset <= 15:
        model.ir_version = min(model.ir_version, 7)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return {"clip_frames": live.clip_frames, "caches": caches}
