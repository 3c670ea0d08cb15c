"""Pruning: single weights become zero, or whole channels leave, and the network learns to do without them.

What is important stands in importance.py, what goes in masks.py and channels.py, and when in schedules.py, each
with its papers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from pipeline.artifact import save_artifact
from pipeline.compress.pruning.cuts import RATIO_TOLERANCE, Entered, cut_channels, cut_weights
from pipeline.compress.pruning.importance import Scores
from pipeline.compress.pruning.phases import Pruning
from pipeline.compress.pruning.schedules import plan_phases
from pipeline.compress.pruning.zeroing import count_zero_channels
from pipeline.compress.step import StepContext
from pipeline.compress_options import PlannedStep, Prune
from pipeline.networks import count_parameters
from pipeline.training.train import describe

__all__ = ["RATIO_TOLERANCE", "prune_to_ratio", "run"]


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Prune and fine-tune the network in `source` by the options of the step.

    options.ratio is the fraction of the parameters in `source` that is gone in the end, whatever the schedule, within
    ±0.02; with options.speedup the measured speed decides instead. Zeros of an artifact that is sparse already stay.
    Raises EdgeboardError where that cannot be done, before anything is trained.
    """
    pruning = Pruning(source, destination, step, context)
    phases = pruning.run(plan_phases(step.options))
    network, meta = pruning.network, pruning.meta_after()
    report = {
        "step": "prune",
        "options": step.options.model_dump(),
        "ratio_wished": None if step.options.speedup else step.options.ratio,
        **pruning.report,
        "ratio_reached": pruning.ratio_reached(),
        "zero_channels": count_zero_channels(network),
        "schedule": phases,
        **describe(network, meta.frame_size),
    }
    save_artifact(destination, network, meta, report)
    pruning.kept.remove()


def prune_to_ratio(
    network: nn.Module, frame_size: int, ratio: float, options: Prune, *, scores: Scores | None = None, seed: int = 0
) -> tuple[nn.Module, dict[str, Any]]:
    """A copy of `network` that lost `ratio` (0..1) of its parameters by options.structure, untrained, and a report.

    scores: what the criteria taylor and movement judge by. The report holds ratio_wished, ratio_reached and, where
    channels left, round_to_used. Raises EdgeboardError when nothing within ±0.02 of the ratio can be reached.
    """
    entered = Entered(count_parameters(network))
    if options.structure == "unstructured":
        cut = cut_weights(network, ratio, options, scores or {}, seed, entered)
    else:
        cut = cut_channels(network, frame_size, ratio, options, scores or {}, seed, entered)
    return cut.network, {"ratio_wished": ratio, "ratio_reached": cut.ratio_reached, **cut.rounding}
