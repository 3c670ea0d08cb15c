"""The sanity check of Adebayo et al. 2018 (arXiv:1810.03292): a map must change when what was learned is taken away.

Weights are drawn anew from the top of the network downwards, more and more of them. A method whose map stays alike
to the end draws edges of the frame and explains no decision, whatever it looks like.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.metrics.similarity import rank_correlation, ssim

SHARES = (0.1, 0.4, 1.0)
# A map counts as the same from here on; two RISE maps of unrelated networks are near 0.
SURVIVES = 0.7
_ROUNDING = 1e-6

Explain = Callable[[nn.Module], NDArray[np.float32]]
"""A network, in eval mode, to maps `[N, S, S]` of the same frames and classes each time."""


@dataclass(frozen=True)
class Randomisation:
    """shares: of the layers with weights that were drawn anew, from the top; ssim and rank: `[n shares][N]`, likeness
    of each map to the trained network's, sign left out; flagged: the maps survive random weights; n_flat: how many maps
    are constant with the last share, so that they tell nothing of the method.
    """

    shares: tuple[float, ...]
    ssim: list[list[float]]
    rank: list[list[float]]
    flagged: bool
    n_flat: int

    @property
    def is_flat(self) -> bool:
        """With the last share all maps are constant."""
        return self.n_flat == len(self.ssim[-1])


def randomisation(
    network: nn.Module,
    explain: Explain,
    seed: int,
    shares: Sequence[float] = SHARES,
    survives: float = SURVIVES,
    frames_nchw: NDArray[np.float32] | None = None,
) -> Randomisation:
    """Likeness of the maps while more of the weights are random. flagged: with the last share, at least `survives`.

    By SSIM and by rank correlation of absolute values, the higher mean of the two: a map that only turns its sign has
    the same edges. The cascade draws a layer's weights as it was built (`reset_parameters`), statistics of
    normalisation included. The network is left as it was; torch's generator too.

    frames_nchw: `[N, ...]`, 2 or more, on which normalisations that were drawn anew measure their statistics. Without,
    they have those of no data, and a deep network answers everything alike: each layer as drawn makes the signal
    smaller, until no digit of the answer depends on the frame. Maps that are constant with the last share do not count
    for `flagged`, unless all are.
    """
    layers = _layers_from_the_top(network)
    if not layers:
        raise EdgeboardError("The network has no weights that could be drawn anew", value=type(network).__name__)
    trained = np.abs(explain(network))
    by_ssim, by_rank = [], []
    is_flat = [False] * len(trained)
    for share in shares:
        count = max(1, round(share * len(layers)))
        maps = np.abs(explain(_with_random(network, layers[:count], seed, frames_nchw)))
        is_flat = [_is_flat(one) for one in maps]
        by_ssim.append([ssim(one, other) for one, other in zip(trained, maps, strict=True)])
        by_rank.append([rank_correlation(one, other) for one, other in zip(trained, maps, strict=True)])
    tell = [i for i, flat in enumerate(is_flat) if not flat] or list(range(len(is_flat)))
    flagged = max(float(np.mean(np.take(one[-1], tell))) for one in (by_ssim, by_rank)) >= survives
    return Randomisation(tuple(shares), by_ssim, by_rank, flagged, sum(is_flat))


def _is_flat(importance: NDArray[np.float32]) -> bool:
    """Whether a map is constant but for rounding."""
    return float(np.ptp(importance)) <= _ROUNDING * float(np.abs(importance).max())


def _layers_from_the_top(network: nn.Module) -> list[str]:
    """Layers with weights, last defined first: the order of definition is that of the cascade in the paper's code."""
    names = [
        name
        for name, module in network.named_modules()
        if hasattr(module, "reset_parameters") and any(True for _ in module.parameters(recurse=False))
    ]
    return names[::-1]


def _with_random(
    network: nn.Module, names: Sequence[str], seed: int, frames_nchw: NDArray[np.float32] | None
) -> nn.Module:
    drawn = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in names:
            drawn.get_submodule(name).reset_parameters()  # type: ignore[operator]
    drawn.eval()
    # The spread of a single value, as behind global pooling, would be 0.
    if frames_nchw is not None and len(frames_nchw) > 1:
        _measure_statistics(drawn, [drawn.get_submodule(name) for name in names], frames_nchw)
    return drawn


def _measure_statistics(drawn: nn.Module, layers: Sequence[nn.Module], frames_nchw: NDArray[np.float32]) -> None:
    """Of the normalisations among the layers, and of them alone, as the first step of a training would."""
    norms = [one for one in layers if isinstance(one, nn.modules.batchnorm._BatchNorm) and one.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = None  # what is measured is not blended with what was there
    with torch.no_grad():
        drawn(torch.from_numpy(np.ascontiguousarray(frames_nchw)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum
