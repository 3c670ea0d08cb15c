"""Dependency-graph pruning: whole channels leave, and what remains is a smaller dense network.

Method: Fang et al., DepGraph: Towards Any Structural Pruning, CVPR 2023 (arXiv:2301.12900), by the library
Torch-Pruning. Importance of a group of coupled channels: the norm of its weights (L1 or L2), or random
numbers as a control.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import torch
import torch_pruning as tp
from torch import nn

from pipeline.artifact import load_artifact, save_artifact
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import PlannedStep, Prune
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file
from pipeline.networks import count_parameters, layer_shapes
from pipeline.training.classifier import describe, train_classifier

RATIO_TOLERANCE = 0.02
# A search that came this near stops: every further try traces and prunes the whole network again.
_NEAR_ENOUGH = RATIO_TOLERANCE / 4
_SEARCH_STEPS = 10


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Remove options.ratio of the parameters of the network in `source`, then fine-tune what is left."""
    options: Prune = step.options
    assert options.ratio is not None, "a planned step knows its ratio"
    network, meta = load_artifact(source)
    torch.manual_seed(context.params.seed)
    pruned, search = prune_to_ratio(network, meta.frame_size, options.ratio, options)
    history = train_classifier(
        pruned,
        meta.class_names,
        context.task,
        context.params,
        context.data_folder,
        context.checkpoints,
        f"prune {context.task.name} ({'+'.join([*meta.recipe, step.label])}), fine-tuning",
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        depends_on=[sha256_file(source / "weights.safetensors"), options.model_dump()],
    )
    new_meta = meta_after(meta, step, layers=layer_shapes(pruned))
    report = {"step": "prune", "options": options.model_dump(), **search, "training": history}
    save_artifact(destination, pruned, new_meta, {**report, **describe(pruned, meta.frame_size)})


def prune_to_ratio(
    network: nn.Module, frame_size: int, ratio: float, options: Prune
) -> tuple[nn.Module, dict[str, Any]]:
    """A copy of `network` without `ratio` (0..1) of its parameters, and how near that came.

    Torch-Pruning removes a fraction of the *channels*; the fraction that removes the wished parameters is
    searched for. Rounding widths to `round_to` makes steps that can be wider than the tolerance of
    0.02, in which case a finer rounding is tried and reported.

    Raises EdgeboardError when no rounding comes within the tolerance.
    """
    n_before = count_parameters(network)
    best: tuple[float, nn.Module, int] | None = None
    round_to = options.round_to
    while best is None or (abs(best[0] - ratio) > RATIO_TOLERANCE and round_to > 1):
        round_to = options.round_to if best is None else round_to // 2
        low, high, reached_at_low = 0.0, 1.0, 0.0
        # Where every width shrinks by the fraction c, what is left of the parameters is about (1 - c)^2.
        channel_ratio = 1 - math.sqrt(1 - ratio)
        for _ in range(_SEARCH_STEPS):
            candidate = _without_channels(network, frame_size, channel_ratio, options, round_to)
            reached = 1 - count_parameters(candidate) / n_before
            if best is None or abs(reached - ratio) < abs(best[0] - ratio):
                best = (reached, candidate, round_to)
            if abs(reached - ratio) <= _NEAR_ENOUGH:
                break
            # A layer that would lose every channel is left whole, so that too much can look like too little.
            if reached > ratio or reached < reached_at_low or reached == 0:
                high = channel_ratio
            else:
                low, reached_at_low = channel_ratio, reached
            guess = channel_ratio + math.sqrt(1 - reached) - math.sqrt(1 - ratio)
            channel_ratio = guess if low < guess < high else (low + high) / 2
    reached, pruned, used_rounding = best
    if abs(reached - ratio) > RATIO_TOLERANCE:
        raise EdgeboardError(
            "The network cannot lose this fraction of its parameters",
            where="compress.ratio",
            value=ratio,
            allowed=f"the nearest that can be reached is {reached:.3f}",
            mend="choose a ratio near that one",
        )
    return pruned, {"ratio_wished": ratio, "ratio_reached": reached, "round_to_used": used_rounding}


def _without_channels(
    network: nn.Module, frame_size: int, channel_ratio: float, options: Prune, round_to: int
) -> nn.Module:
    # The random control draws anew for every copy: the same seed keeps the search monotonous.
    torch.manual_seed(0)
    smaller = copy.deepcopy(network).eval()
    pruner = tp.pruner.BasePruner(
        smaller,
        torch.zeros(1, 3, frame_size, frame_size),
        importance=_importance(options.criterion),
        global_pruning=options.scope == "global",
        pruning_ratio=channel_ratio,
        # A layer that lost every channel would cut the network in two.
        max_pruning_ratio=0.95,
        ignored_layers=[_last_linear(smaller)],
        round_to=round_to if round_to > 1 else None,
    )
    pruner.step()
    return smaller


def _importance(criterion: str) -> Any:
    if criterion == "random":
        return tp.importance.RandomImportance()
    return tp.importance.GroupMagnitudeImportance(p=1 if criterion == "l1" else 2)


def _last_linear(network: nn.Module) -> nn.Module:
    """The layer whose outputs are the classes, which are not to be pruned."""
    linear = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return linear[-1]
