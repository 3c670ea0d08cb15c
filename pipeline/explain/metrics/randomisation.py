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

Explain = Callable[[nn.Module], NDArray[np.float32]]
"""A network, in eval mode, to maps `[N, S, S]` of the same frames and classes each time."""


@dataclass(frozen=True)
class Randomisation:
    """shares: of the layers with weights that were drawn anew, from the top; ssim and rank: `[n shares][N]`, likeness
    of each map to the trained network's, sign left out; flagged: the maps survive random weights.
    """

    shares: tuple[float, ...]
    ssim: list[list[float]]
    rank: list[list[float]]
    flagged: bool


def randomisation(
    network: nn.Module, explain: Explain, seed: int, shares: Sequence[float] = SHARES, survives: float = SURVIVES
) -> Randomisation:
    """Likeness of the maps while more of the weights are random. flagged: with the last share, at least `survives`.

    By SSIM and by rank correlation of absolute values, the higher mean of the two: a map that only turns its sign has
    the same edges. The cascade draws a layer's weights as it was built (`reset_parameters`), statistics of
    normalisation included. The network is left as it was; torch's generator too.
    """
    layers = _layers_from_the_top(network)
    if not layers:
        raise EdgeboardError("The network has no weights that could be drawn anew", value=type(network).__name__)
    trained = np.abs(explain(network))
    by_ssim, by_rank = [], []
    for share in shares:
        count = max(1, round(share * len(layers)))
        maps = np.abs(explain(_with_random(network, layers[:count], seed)))
        by_ssim.append([ssim(one, other) for one, other in zip(trained, maps, strict=True)])
        by_rank.append([rank_correlation(one, other) for one, other in zip(trained, maps, strict=True)])
    flagged = max(float(np.mean(by_ssim[-1])), float(np.mean(by_rank[-1]))) >= survives
    return Randomisation(tuple(shares), by_ssim, by_rank, flagged)


def _layers_from_the_top(network: nn.Module) -> list[str]:
    """Layers with weights, last defined first: the order of definition is that of the cascade in the paper's code."""
    names = [
        name
        for name, module in network.named_modules()
        if hasattr(module, "reset_parameters") and any(True for _ in module.parameters(recurse=False))
    ]
    return names[::-1]


def _with_random(network: nn.Module, names: Sequence[str], seed: int) -> nn.Module:
    drawn = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in names:
            drawn.get_submodule(name).reset_parameters()  # type: ignore[operator]
    return drawn.eval()
