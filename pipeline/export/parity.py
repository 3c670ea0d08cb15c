"""Does the exported file say what the PyTorch network says, on real frames?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.answers import Answers, BoxAnswers, EmbeddingAnswers
from pipeline.data.frames import normalise
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.proposal_rows import has_own_proposals, rows_of_the_same

_MENDS = {
    "int8": "more compress.quantize.calibration_frames or another calibration",
    "fp16": "values of this network are beyond half precision: leave the recipe without fp16",
}
# Corners of the same proposal from two engines are less apart, in fractions of the frame's side.
_SAME_PROPOSAL = 1e-3
# So large a share of the proposals may be another choice among equals. Where it is larger, nothing is left out.
_OTHER_CHOICES = 0.05


def float_outputs(network: nn.Module, frames_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`[N, S, S, 3]` frames to the outputs `[N, ...]` of the PyTorch network."""
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(normalise(frames_nhwc))).numpy()


def compare(
    reference: NDArray[np.float32], path: Path, frames_nhwc: NDArray[np.uint8], answers: Answers
) -> dict[str, Any]:
    """Largest difference of an output, absolute and relative to the largest one, and agreement of decisions.

    Of a two-stage detector the answers for the same proposals are compared, see pipeline.tasks.proposal_rows.
    """
    engine = OnnxRuntimeEngine(path, threads=1)
    outputs = np.concatenate([engine.run(normalise(frame[None])) for frame in frames_nhwc])
    if not np.isfinite(outputs).all():
        raise EdgeboardError("The exported file gives values that are not finite numbers", where=path)
    is_two_stage = isinstance(answers, BoxAnswers) and has_own_proposals(answers.head)
    if is_two_stage:
        apart = _apart_by_proposal(outputs, reference)
        # Where there is no proposal, a logit says so that is larger than all others.
        largest = float(np.abs(reference[reference[..., -4:].any(axis=2)]).max(initial=0))
    else:
        apart, largest = np.abs(outputs - reference), float(np.abs(reference).max())
    difference = float(apart.max())
    return {
        "n": len(frames_nhwc),
        "largest_difference": difference,
        "largest_difference_relative": difference / max(largest, 1e-12),
        "agreement": answers.agreement(outputs, reference),
        **({"cosine": answers.cosine(outputs, reference)} if isinstance(answers, EmbeddingAnswers) else {}),
    }


def _apart_by_proposal(outputs: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float32]:
    pairs = [rows_of_the_same(*both) for both in zip(outputs, reference, strict=True)]
    places, distances = (np.stack(one) for one in zip(*pairs, strict=True))
    apart = np.abs(np.take_along_axis(outputs, places[..., None], axis=1) - reference)
    is_same = distances < _SAME_PROPOSAL
    return apart[is_same] if is_same.mean() >= 1 - _OTHER_CHOICES else apart


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
