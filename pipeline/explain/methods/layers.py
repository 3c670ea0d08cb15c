"""At which layer a CAM looks, and what that layer says."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.registry import nearest_names

_POOLING = (
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.MaxPool3d, nn.AvgPool3d,
    nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d,
)  # fmt: skip


@dataclass(frozen=True)
class LayerSignal:
    """activations and gradients: `[M, C, h, w]` (or `[M, C, t, h, w]`) of the layer; M is N, or N·T for clips."""

    activations: Tensor
    gradients: Tensor


def cam_layer(network: nn.Module, frames: Tensor, name: str | None = None) -> nn.Module:
    """The layer of that name, or the one that holds what the network pools at its end.

    That is the last module in order of execution whose output still has places, pooling itself left out: behind the
    activation and the sum of a residual block, where values speak for a class by being large.
    Raises EdgeboardError for an unknown name (with the nearest), or where no layer has places.
    """
    if name is not None:
        return _named(network, name, frames)
    seen = _spatial_outputs(network, frames)
    if not seen:
        raise _no_places(network, frames)
    return network.get_submodule(seen[-1])


def _named(network: nn.Module, name: str, frames: Tensor) -> nn.Module:
    known = {one: module for one, module in network.named_modules() if one}
    if name not in known:
        raise EdgeboardError(
            "The network has no layer of that name", where=type(network).__name__, value=name,
            mend=nearest_names(name, list(known)) or f"one of its last layers: {', '.join(list(known)[-3:])}",
        )  # fmt: skip
    seen = _spatial_outputs(network, frames)
    if name not in seen:
        raise EdgeboardError(
            "A CAM needs a layer whose output has places", where=type(network).__name__, value=name,
            allowed=", ".join(seen[-6:]) or "none in this network",
        )  # fmt: skip
    return known[name]


def _spatial_outputs(network: nn.Module, frames: Tensor) -> list[str]:
    """Names of the modules whose output has places, in the order in which they finish; pooling left out."""
    seen: list[str] = []
    pooled: list[Tensor] = []

    def note(name: str, module: nn.Module, output: object) -> None:
        if not isinstance(output, Tensor) or output.ndim < 4 or output.shape[-2] * output.shape[-1] <= 1:
            return
        # A container that ends with pooling returns the same tensor.
        if isinstance(module, _POOLING) or any(output is one for one in pooled):
            pooled.append(output)
        elif _has_convolution(module) or seen:
            seen.append(name)

    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: note(name, module, output))
        for name, module in network.named_modules()
        if name
    ]
    try:
        with torch.no_grad():
            network(frames[:1])
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def layer_signal(network: nn.Module, layer: nn.Module, frames: Tensor, classes: list[int]) -> LayerSignal:
    """One forward and one backward pass; the network must not work in place (see `out_of_place`)."""
    caught: list[Tensor] = []

    def catch(_: nn.Module, __: object, output: Tensor) -> None:
        # Only the last call counts, of a layer that runs more than once.
        caught[:] = [output]

    handle = layer.register_forward_hook(catch)
    try:
        outputs = network(frames.detach().requires_grad_())
    finally:
        handle.remove()
    chosen = outputs[torch.arange(len(frames)), torch.tensor(classes)].sum()
    (gradients,) = torch.autograd.grad(chosen, caught[0])
    return LayerSignal(caught[0].detach(), gradients)


def upsampled(cams: Tensor, frames_shape: tuple[int, ...]) -> Tensor:
    """`[M, h, w]` (or `[N, t, h, w]`) to the frames' `[N, S, S]` (or `[N, T, S, S]` for clips), bilinear."""
    leading, places = frames_shape[:-3], frames_shape[-2:]
    if cams.ndim == 4:
        full = nn.functional.interpolate(
            cams[:, None], size=(leading[-1], *places), mode="trilinear", align_corners=False
        )
        return full[:, 0]
    full = nn.functional.interpolate(cams[:, None], size=places, mode="bilinear", align_corners=False)
    return full[:, 0].reshape(*leading, *places)


def _has_convolution(module: nn.Module) -> bool:
    return any(isinstance(one, nn.Conv2d | nn.Conv3d) for one in module.modules())


def _no_places(network: nn.Module, frames: Tensor) -> EdgeboardError:
    return EdgeboardError(
        "A CAM needs a convolution whose output still has places",
        value=f"{type(network).__name__} at {frames.shape[-1]} px has none",
        mend="take a convolutional architecture or a larger frame_size, or a method that needs no convolution: "
        "occlusion, rise, lime, integrated_gradients",
    )
