"""One cut: the network loses as many of its parameters as are wished, or it is said why it cannot."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch_pruning as tp
from torch import nn

from pipeline.compress.pruning.channel_check import MEND, check_same_as_zeroed, refuse_what_cannot_be_traced
from pipeline.compress.pruning.channels import Ranked, channels_lost, choose, rank
from pipeline.compress.pruning.dependencies import Channels, dependency_graph, find_channels, remove_channels
from pipeline.compress.pruning.importance import Scores, channel_importance, weight_scores
from pipeline.compress.pruning.masks import count_zero_weights, most_zeros, with_zeros
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.networks import count_parameters

RATIO_TOLERANCE = 0.02


@dataclass(frozen=True)
class Entered:
    """What entered the step: how many parameters, and how many of them had been pruned to zero before."""

    n_parameters: int
    n_zeros: int = 0

    @property
    def n_alive(self) -> int:
        return self.n_parameters - self.n_zeros


@dataclass(frozen=True)
class Cut:
    """The network after a cut. ratio_reached: of the parameters that entered the step, by this and earlier cuts.

    scores: of the weights that are left, where scores were given. round_to_used: None for single weights.
    """

    network: nn.Module
    ratio_reached: float
    scores: Scores = field(default_factory=dict)
    round_to_used: int | None = None

    @property
    def rounding(self) -> dict[str, int]:
        """For a report."""
        return {} if self.round_to_used is None else {"round_to_used": self.round_to_used}


def cut_weights(network: nn.Module, ratio: float, options: Prune, scores: Scores, seed: int, entered: Entered) -> Cut:
    """Zero single weights, so that `ratio` (0..1) of the parameters that entered alive are zero.

    Biases and normalisations are never pruned, so the fraction of the weights that are is a little higher.
    Raises EdgeboardError where a layer would have no weight left.
    """
    n_zeros = entered.n_zeros + round(ratio * entered.n_alive)
    most = most_zeros(network)
    if n_zeros > most:
        raise _out_of_reach(ratio, (most - entered.n_zeros) / entered.n_alive, options)
    sparse = with_zeros(network, n_zeros, options.scope, weight_scores(network, options, scores, seed))
    return Cut(sparse, (count_zero_weights(sparse) - entered.n_zeros) / entered.n_alive, scores)


def cut_channels(
    network: nn.Module,
    frame_size: int,
    ratio: float,
    options: Prune,
    scores: Scores,
    seed: int,
    entered: Entered,
    *,
    exact: bool = True,
) -> Cut:
    """Remove channels, so that `ratio` (0..1) of the parameters that entered are gone.

    Widths that are multiples of options.round_to come in steps, which can be wider than the tolerance of 0.02; finer
    ones are tried then. exact: the ratio has to be met; that of a cut before others only must not be passed.

    Raises EdgeboardError where no widths come within the tolerance, and where the architecture cannot lose channels.
    """
    refuse_what_cannot_be_traced(network, frame_size)
    smaller = copy.deepcopy(network)
    with _refusing(network):
        graph = dependency_graph(smaller, frame_size)
        channels = [one for one in find_channels(graph) if _may_leave(one, options.structure)]
    ranked = rank(channels, channel_importance(smaller, options, scores, seed))
    n_now = count_parameters(network)
    if not ranked:
        raise _out_of_reach(ratio, 1 - n_now / entered.n_parameters, options)
    leaving, reached, round_to = _widths(ranked, ratio, n_now, options, entered, exact=exact)
    with _refusing(network):
        left = _remove(graph, smaller, ranked, leaving, scores)
    check_same_as_zeroed(network, smaller, channels_lost(ranked, leaving), frame_size)
    return Cut(smaller.eval(), reached, left, round_to)


def layers_kept_whole(network: nn.Module, frame_size: int, structure: str) -> list[nn.Module]:
    """Layers of `network` whose outputs stay: of the answer, at attention and, for `filter`, coupled ones."""
    refuse_what_cannot_be_traced(network, frame_size)
    with _refusing(network):
        return [
            one.root for one in find_channels(dependency_graph(network, frame_size)) if not _may_leave(one, structure)
        ]


def _may_leave(channels: Channels, structure: str) -> bool:
    return not channels.fixed and not (structure == "filter" and channels.coupled)


def _widths(
    ranked: list[Ranked], ratio: float, n_now: int, options: Prune, entered: Entered, *, exact: bool
) -> tuple[list[int], float, int]:
    """How many sets each group loses, the ratio that makes, and the rounding."""
    n_wished = (1 - ratio) * entered.n_parameters
    tolerance = RATIO_TOLERANCE * entered.n_parameters
    round_to = options.round_to
    tried = []
    while True:
        leaving, n_left = choose(ranked, n_wished, n_now, options.scope, round_to, tolerance=tolerance, may_pass=exact)
        tried.append((leaving, 1 - n_left / entered.n_parameters, round_to))
        leaving, reached, used = min(tried, key=lambda one: abs(one[1] - ratio))
        if not exact or abs(reached - ratio) <= RATIO_TOLERANCE:
            return leaving, reached, used
        if round_to == 1:
            raise _out_of_reach(ratio, reached, options)
        round_to //= 2


def _remove(
    graph: tp.DependencyGraph, network: nn.Module, ranked: list[Ranked], leaving: list[int], scores: Scores
) -> Scores:
    for name, parameter in network.named_parameters():
        parameter.grad = scores.get(name)  # Torch-Pruning makes gradients narrower with their weights
    for one, n in zip(ranked, leaving, strict=True):
        if n:
            remove_channels(graph, one.channels.root, one.channels.members(one.order[:n]).tolist())
    left = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
    network.zero_grad(set_to_none=True)
    return left


@contextmanager
def _refusing(network: nn.Module) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Torch-Pruning fails in many ways on operations that it does not know
        raise EdgeboardError(
            "The dependencies between the layers of this network cannot be traced",
            where=type(network).__name__,
            value=f"{type(error).__name__}: {error}",
            mend=MEND,
        ) from error


def _out_of_reach(ratio: float, nearest: float, options: Prune) -> EdgeboardError:
    limits = ["no layer may vanish"]
    if options.structure == "filter":
        limits.append("filters that a residual connection couples stay")
    if options.criterion == "bn_scale":
        limits.append("bn_scale says nothing of layers without batch normalisation")
    return EdgeboardError(
        "The network cannot lose this fraction of its parameters",
        where="compress.ratio",
        value=ratio,
        allowed=f"the nearest that can be reached is {nearest:.3f}: {', '.join(limits)}",
        mend="choose a ratio near that one",
    )
