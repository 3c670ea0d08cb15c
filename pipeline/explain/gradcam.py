"""Grad-CAM on the float network (Selvaraju et al. 2017, arXiv:1610.02391), by captum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

if TYPE_CHECKING:
    import torch
    from torch import nn


def last_spatial_convolution(network: nn.Module, frame_nchw: torch.Tensor) -> nn.Module:
    """The convolution that runs last among those whose output is larger than 1×1, found by running one input once.

    Order of execution, not of definition, so that any architecture serves; 1×1 outputs are those of squeeze-excite
    blocks and of heads after pooling, where no place is left to point at.
    """
    import torch
    from torch import nn

    seen: list[nn.Module] = []

    def note(module: nn.Module, _: object, output: torch.Tensor) -> None:
        if output.shape[-2] * output.shape[-1] > 1:
            seen.append(module)

    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Conv3d)]
    hooks = [module.register_forward_hook(note) for module in convolutions]
    try:
        with torch.no_grad():
            network(frame_nchw)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise EdgeboardError(
            "Grad-CAM needs a convolution whose output still has places",
            value=f"{type(network).__name__} at {frame_nchw.shape[-1]} px has none",
            mend="take a convolutional architecture or a larger frame_size",
        )
    return seen[-1]


def grad_cam(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> NDArray[np.float32]:
    """Maps `[N, S, S]`, 0 and above, of `frames_nchw` `[N, 3, S, S]` for one class index per frame.

    network: in eval mode, on the CPU. An all-zero map means that nothing at the last convolution speaks for the class.
    """
    import torch
    from captum.attr import LayerAttribution, LayerGradCam

    frames = torch.from_numpy(np.ascontiguousarray(frames_nchw))
    method = LayerGradCam(network, last_spatial_convolution(network, frames[:1]))
    maps = method.attribute(frames, target=torch.tensor(classes), relu_attributions=True)
    full = LayerAttribution.interpolate(maps, tuple(frames.shape[-2:]), interpolate_mode="bilinear")
    return full[:, 0].detach().numpy()
