"""Score-CAM (Wang et al. 2020, arXiv:1910.01279): each channel of a layer weighs as much as the class keeps by it.

The channels are of the float network; the frames that they hide are asked of any answers, so of the exported int8 file,
in batches. A channel that is silent hides everything: all silent ones are one question.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.explain.answers import BatchScores, softmax
from pipeline.explain.hiding import COLOUR, Hiding
from pipeline.explain.methods.layers import cam_layer, upsampled
from pipeline.explain.methods.unfolded import out_of_place

BATCH = 32


def score_cam(
    network: nn.Module,
    frames_nchw: NDArray[np.float32],
    classes: list[int],
    layer: str | None = None,
    answers: BatchScores | None = None,
    batch: int = BATCH,
    hiding: Hiding = COLOUR,
) -> NDArray[np.float32]:
    """Maps `[N, S, S]` (`[N, T, S, S]` for clips), 0 and above.

    answers: scores of frames, by default the network's own probabilities. A channel weighs what its score is of the sum
    of all, as in the authors' code.
    """
    own, frames = out_of_place(network), torch.from_numpy(np.ascontiguousarray(frames_nchw))
    module, ask = cam_layer(own, frames, layer), answers or probabilities_of(own)
    return np.concatenate(
        [_map(own, module, frames[i : i + 1], classes[i], ask, batch, hiding) for i in range(len(frames))]
    )


def probabilities_of(network: nn.Module) -> BatchScores:
    """Softmax of a network in eval mode, without gradients."""

    def answers(frames: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.inference_mode():
            logits: Tensor = network(torch.from_numpy(np.ascontiguousarray(frames)))
            return softmax(logits.numpy())

    return answers


def _map(
    network: nn.Module, layer: nn.Module, frame: Tensor, index: int, ask: BatchScores, batch: int, hiding: Hiding
) -> NDArray[np.float32]:
    channels = _channels(network, layer, frame)
    low, high = channels.amin(dim=_behind(channels), keepdim=True), channels.amax(dim=_behind(channels), keepdim=True)
    scaled = (channels - low) / (high - low + 1e-8)
    silent = (high == low).flatten()
    asked = torch.nonzero(~silent).flatten()
    full_frame = frame.numpy()
    parts = hiding.parts(full_frame)
    scores = np.empty(len(channels))
    if silent.any():
        scores[silent.numpy()] = ask(hiding.frames(np.zeros_like(parts), full_frame))[0, index]
    for start in range(0, len(asked), batch):
        chosen = asked[start : start + batch]
        # [m, S, S] or [m, T, S, S]: the frame's channels all get the same mask.
        hides = _grown(scaled[chosen], frame).unsqueeze(-3).numpy()
        scores[chosen.numpy()] = ask(hiding.frames(parts * hides, full_frame))[:, index]
    total = scores.sum()
    weights = torch.from_numpy(scores / total if total > 0 else scores).float()
    cam = (weights.reshape(-1, *(1,) * (channels.ndim - 1)) * channels).sum(0, keepdim=True).clamp_min(0)
    return _grown(cam, frame).numpy()


def _channels(network: nn.Module, layer: nn.Module, frame: Tensor) -> Tensor:
    """`[C, h, w]`, or `[C, T, h, w]` for a clip."""
    caught: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, output: caught.append(output))
    try:
        with torch.inference_mode():
            network(frame)
    finally:
        handle.remove()
    signal = caught[-1]
    if signal.ndim == 4 and len(signal) > 1:  # the frames of one clip
        return signal.transpose(0, 1).contiguous()
    return signal[0]


def _behind(channels: Tensor) -> tuple[int, ...]:
    return tuple(range(1, channels.ndim))


def _grown(signals: Tensor, frame: Tensor) -> Tensor:
    """`[m, h, w]` to `[m, S, S]`, `[m, t, h, w]` to `[m, T, S, S]`."""
    return upsampled(signals, (len(signals), *frame.shape[1:]))
