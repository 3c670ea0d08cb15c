"""Does the exported file say what the PyTorch network says, on real frames?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.answers import Answers, EmbeddingAnswers
from pipeline.data.frames import normalise
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

_MENDS = {
    "int8": "more compress.quantize.calibration_frames or another calibration",
    "fp16": "values of this network are beyond half precision: leave the recipe without fp16",
}


def float_outputs(network: nn.Module, frames_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`[N, S, S, 3]` frames to the outputs `[N, ...]` of the PyTorch network."""
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(normalise(frames_nhwc))).numpy()


def compare(
    reference: NDArray[np.float32], path: Path, frames_nhwc: NDArray[np.uint8], answers: Answers
) -> dict[str, Any]:
    """Largest difference of an output, absolute and relative to the largest one, and agreement of decisions."""
    engine = OnnxRuntimeEngine(path, threads=1)
    outputs = np.concatenate([engine.run(normalise(frame[None])) for frame in frames_nhwc])
    if not np.isfinite(outputs).all():
        raise EdgeboardError("The exported file gives values that are not finite numbers", where=path)
    difference = float(np.abs(outputs - reference).max())
    return {
        "n": len(frames_nhwc),
        "largest_difference": difference,
        "largest_difference_relative": difference / max(float(np.abs(reference).max()), 1e-12),
        "agreement": answers.agreement(outputs, reference),
        **({"cosine": answers.cosine(outputs, reference)} if isinstance(answers, EmbeddingAnswers) else {}),
    }


def require_parity(parity: dict[str, Any], path: Path, precision: str, tolerance: float, min_agreement: float) -> None:
    """The gate. An fp32 file must give the same logits, an int8 or fp16 one the same decisions, within the limits."""
    if precision == "fp32" and parity["largest_difference_relative"] > tolerance:
        raise EdgeboardError(
            "The exported file does not give the outputs of the PyTorch network",
            where=path,
            value=f"largest difference {parity['largest_difference_relative']:.2g} of the largest output",
            allowed=f"at most export.parity_tolerance = {tolerance:g}",
            mend="an operator is exported wrongly: try another export.opset",
        )
    if precision != "fp32" and parity["agreement"] < min_agreement:
        raise EdgeboardError(
            f"The {precision} file decides otherwise than the float network too often",
            where=path,
            value=f"the same decision on {parity['agreement']:.1%} of {parity['n']} frames",
            allowed=f"at least export.min_agreement = {min_agreement:.1%}",
            mend=f"{_MENDS[precision]}; lower export.min_agreement only if the loss is meant",
        )
