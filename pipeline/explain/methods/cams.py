"""Class activation maps from one forward and one backward pass: Grad-CAM, Grad-CAM++, Layer-CAM, CAMERAS.

The formulas are grad-cam's. Its driver is not used: it scales every map to 0..1, so that the frames of a clip could not
be compared, and it cannot tell a clip from a volume.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.layers import LayerSignal, cam_layer, layer_signal, upsampled
from pipeline.explain.methods.unfolded import out_of_place

# Of the frame's side. The paper takes steps up to 1000 px for 224; costs grow with the square.
CAMERAS_SCALES = (1.0, 1.25, 1.5, 1.75, 2.0)


def grad_cam(
    network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int], layer: str | None = None
) -> NDArray[np.float32]:
    """Maps `[N, S, S]`, 0 and above (Selvaraju et al. 2017). All zero: nothing at the layer speaks for the class."""
    own, frames = out_of_place(network), torch.from_numpy(np.ascontiguousarray(frames_nchw))
    signal = layer_signal(own, cam_layer(own, frames, layer), frames, classes)
    return _grown(_weighted(signal), frames)


def grad_cam_plus_plus(
    network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int], layer: str | None = None
) -> NDArray[np.float32]:
    """Maps `[N, S, S]`, 0 and above (Chattopadhyay et al. 2018): gradients weighted by how much each place matters."""
    own, frames = out_of_place(network), torch.from_numpy(np.ascontiguousarray(frames_nchw))
    signal = layer_signal(own, cam_layer(own, frames, layer), frames, classes)
    return _grown(_plus_plus(signal), frames)


def layer_cam(
    network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int], layer: str | None = None
) -> NDArray[np.float32]:
    """Maps `[N, S, S]`, 0 and above (Jiang et al. 2021): each place has the weight of its own positive gradient.

    layer: earlier ones see finer detail, which is what the method is for.
    """
    own, frames = out_of_place(network), torch.from_numpy(np.ascontiguousarray(frames_nchw))
    signal = layer_signal(own, cam_layer(own, frames, layer), frames, classes)
    return _grown(_layer(signal), frames)


def cameras(
    network: nn.Module,
    frames_nchw: NDArray[np.float32],
    classes: list[int],
    layer: str | None = None,
    scales: Sequence[float] = CAMERAS_SCALES,
) -> NDArray[np.float32]:
    """Maps `[N, S, S]`, 0 and above (Jalwana et al. 2021): activations and gradients, each the mean over scales.

    The frame is enlarged, so that the layer has more places; both are brought to the frame's size before their mean
    and product, by which the map becomes finer than the layer. frames_nchw: frames only, not clips.
    Raises EdgeboardError for a network that takes one size of frame.
    """
    own, frames = out_of_place(network), torch.from_numpy(np.ascontiguousarray(frames_nchw))
    module = cam_layer(own, frames, layer)
    # Frame by frame: all channels in the frame's size are 100 MB for a ResNet at 224 px.
    maps = [_cameras_of(own, module, frames[i : i + 1], classes[i], scales) for i in range(len(frames))]
    return torch.cat(maps).numpy()


def _cameras_of(network: nn.Module, layer: nn.Module, frame: Tensor, index: int, scales: Sequence[float]) -> Tensor:
    activations, gradients = torch.zeros(()), torch.zeros(())
    for scale in scales:
        side = round(frame.shape[-1] * scale)
        larger = nn.functional.interpolate(frame, size=(side, side), mode="bicubic", align_corners=False)
        try:
            signal = layer_signal(network, layer, larger, [index])
        except RuntimeError as error:
            raise EdgeboardError(
                "CAMERAS needs a network that takes frames of several sizes",
                value=f"{type(network).__name__}, {side} px",
                mend="take layer_cam",
            ) from error
        activations = activations + _full_size(signal.activations, frame) / len(scales)
        gradients = gradients + _full_size(signal.gradients, frame) / len(scales)
    return (activations * gradients).sum(1).clamp_min(0)


def _full_size(values: Tensor, frame: Tensor) -> Tensor:
    return nn.functional.interpolate(values, size=frame.shape[-2:], mode="bilinear", align_corners=False)


def _plus_plus(signal: LayerSignal) -> Tensor:
    from pytorch_grad_cam import GradCAMPlusPlus

    activations, gradients = signal.activations.numpy(), signal.gradients.numpy()
    weights = GradCAMPlusPlus.get_cam_weights(None, None, None, None, activations, gradients)
    weights = weights.reshape(*weights.shape, *(1,) * (activations.ndim - 2))
    return torch.from_numpy((weights * activations).sum(axis=1)).clamp_min(0)


def _weighted(signal: LayerSignal) -> Tensor:
    from pytorch_grad_cam import GradCAM

    weights = GradCAM.get_cam_weights(None, None, None, None, None, signal.gradients.numpy())
    weights = torch.from_numpy(weights).reshape(*weights.shape, *(1,) * (signal.activations.ndim - 2))
    return (weights * signal.activations).sum(1).clamp_min(0)


def _layer(signal: LayerSignal) -> Tensor:
    from pytorch_grad_cam import LayerCAM

    activations, gradients = signal.activations.numpy(), signal.gradients.numpy()
    return torch.from_numpy(LayerCAM.get_cam_image(None, None, None, None, activations, gradients, False)).clamp_min(0)


def _grown(cams: Tensor, frames: Tensor) -> NDArray[np.float32]:
    return upsampled(cams.float(), tuple(frames.shape)).numpy()
