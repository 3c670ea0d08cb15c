"""Maps from the gradient of a class's logit with respect to the frame, by captum.

All take `[N, 3, S, S]` frames (or clips `[N, T, 3, S, S]`), normalised, and one class index per frame, and give
`[N, S, S]` (`[N, T, S, S]`). What is absent is 0, the mean colour.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.explain.methods.architecture import require_fit
from pipeline.explain.methods.unfolded import out_of_place, unfolded

IG_STEPS = 32
_CHANNELS = -3


def saliency(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> NDArray[np.float32]:
    """The largest absolute gradient of the three channels, 0 and above (Simonyan et al. 2014)."""
    from captum.attr import Saliency

    found = Saliency(out_of_place(network)).attribute(_tensor(frames_nchw), target=classes, abs=True)
    return found.detach().amax(_CHANNELS).numpy()


def gradient_x_input(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> NDArray[np.float32]:
    """Gradient times value, summed over channels; of a linear network what each pixel adds to the logit."""
    from captum.attr import InputXGradient

    return _summed(InputXGradient(out_of_place(network)).attribute(_tensor(frames_nchw), target=classes))


def integrated_gradients(
    network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int], steps: int = IG_STEPS
) -> NDArray[np.float32]:
    """Gradients along the straight path from the mean colour (Sundararajan et al. 2017), summed over channels.

    They add up to logit(frame) - logit(mean colour), but for what `steps` points leave of the integral.
    """
    from captum.attr import IntegratedGradients

    frames = _tensor(frames_nchw)
    # The batch of the path is cut, so that the memory does not grow with steps.
    method = IntegratedGradients(out_of_place(network))
    return _summed(method.attribute(frames, target=classes, n_steps=steps, internal_batch_size=max(16, len(frames))))


def guided_backprop(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> NDArray[np.float32]:
    """The largest gradient of the channels where each ReLU let through only what is positive both ways.

    Springenberg et al. 2015. It hardly depends on the class or on late weights (Nie et al. 2018, arXiv:1805.07039):
    see the sanity check in pipeline.explain.metrics.
    """
    from captum.attr import GuidedBackprop

    return _through_relus(GuidedBackprop, "guided_backprop", network, frames_nchw, classes)


def deconvolution(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> NDArray[np.float32]:
    """The largest gradient of the channels where each ReLU let through only positive gradients (Zeiler and Fergus)."""
    from captum.attr import Deconvolution

    return _through_relus(Deconvolution, "deconvolution", network, frames_nchw, classes)


def deeplift(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> NDArray[np.float32]:
    """What each pixel's difference from the mean colour adds to the logit, by the rescale rule, summed over channels.

    Shrikumar et al. 2017. They add up to logit(frame) - logit(mean colour).
    """
    from captum.attr import DeepLift

    require_fit("deeplift", network)
    own = unfolded(network)
    _replace_ceilings(own, _TwoRelus)
    with _quiet(), _without_asking_for_determinism():
        found = DeepLift(own).attribute(_tensor(frames_nchw), target=classes)
    return _summed(found)


class _TwoRelus(nn.Module):
    """ReLU6 by two ReLUs, for which the rescale rule is defined."""

    def __init__(self) -> None:
        super().__init__()
        self.floor, self.ceiling = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        difference: Tensor = self.floor(x) - self.ceiling(x - 6)
        return difference


class _CutRelu(nn.Module):
    """ReLU6 with its ReLU as a module, which captum hooks; above the ceiling no gradient passes, as ever."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        cut: Tensor = self.floor(x).clamp(max=6)
        return cut


def _through_relus(
    method: type, name: str, network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]
) -> NDArray[np.float32]:
    require_fit(name, network)
    own = unfolded(network)
    _replace_ceilings(own, _CutRelu)
    with _quiet():
        found = method(own).attribute(_tensor(frames_nchw), target=classes)
    return found.detach().abs().amax(_CHANNELS).numpy()


def _replace_ceilings(network: nn.Module, replacement: type[nn.Module]) -> None:
    for name in [name for name, module in network.named_modules() if isinstance(module, nn.ReLU6)]:
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, replacement())


@contextmanager
def _quiet() -> Iterator[None]:
    """captum tells on every call that it sets hooks and removes them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting (backward|forward)", category=UserWarning)
        yield


@contextmanager
def _without_asking_for_determinism() -> Iterator[None]:
    """For max_unpool2d, which refuses torch's deterministic mode (Lightning turns that on) on every device.

    On a CPU nothing is lost by it: a plane of a frame is written by one thread, in one order.
    """
    was = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was)


def _tensor(frames_nchw: NDArray[np.float32]) -> Tensor:
    return torch.tensor(frames_nchw, requires_grad=True)  # else captum turns that on, and tells on every call


def _summed(found: Tensor) -> NDArray[np.float32]:
    return found.detach().sum(_CHANNELS).float().numpy()
