"""Grad-CAM of a clip on the float network (Selvaraju et al. 2017, arXiv:1610.02391), by captum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.gradcam import last_spatial_convolution

if TYPE_CHECKING:
    from torch import nn


def clip_grad_cam(network: nn.Module, clip_ntchw: NDArray[np.float32], class_index: int) -> NDArray[np.float32]:
    """The map `[T, S, S]`, 0 and above, of a clip `[1, T, 3, S, S]` for one class.

    network: in eval mode, on the CPU, `[1, T, 3, S, S]` to `[1, C]`. Its last convolution may see the frames as a batch
    `[T, C, h, w]`, where each frame weighs the channels by its own gradient, or as a volume `[1, C, T', h, w]`, where
    all moments share the weights. A network in which it sees fewer moments than frames has a map that changes slowly.
    """
    import torch
    from captum.attr import LayerGradCam

    clip = torch.from_numpy(np.ascontiguousarray(clip_ntchw))
    method = LayerGradCam(network, last_spatial_convolution(network, clip))
    maps = method.attribute(clip, target=class_index, relu_attributions=True)
    moments = maps.reshape(1, 1, -1, *maps.shape[-2:])
    shape = (clip.shape[1], *clip.shape[-2:])
    full = torch.nn.functional.interpolate(moments, shape, mode="trilinear", align_corners=False)
    return full[0, 0].detach().numpy()
