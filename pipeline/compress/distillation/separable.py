"""Depthwise-separable convolutions in place of standard ones, then training by the baseline.

Method: Network Decoupling, Guo et al. 2018 (arXiv:1808.05517); the layers by pipeline.separable_convolutions, the
training by soft targets with the temperature and alpha of compress.distill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.distillation.teachers import BASELINE
from pipeline.compress.distillation.teaching import teach
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import PlannedStep, Separable
from pipeline.files import sha256_file
from pipeline.networks import count_parameters, layer_shapes
from pipeline.separable_convolutions import Replaced, make_separable
from pipeline.training.train import describe


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Make the network in `source` separable and train it with the help of the baseline."""
    options: Separable = step.options
    network, meta = load_artifact(source)
    params_before = count_parameters(network)
    replaced = make_separable(network, options.rank)
    lesson = context.params.compress.distill.model_copy(
        update={
            "features": "none",
            "teacher": BASELINE,
            "student": "same",
            "epochs": options.epochs,
            "learning_rate": options.learning_rate,
        }
    )
    taught = teach(
        network,
        meta,
        lesson,
        context,
        f"separable {context.task.name} ({'+'.join([*meta.recipe, step.label])})",
        depends_on=[sha256_file(source / "weights.safetensors"), options.model_dump()],
    )
    report = {
        "step": "separable",
        "options": options.model_dump(),
        "temperature": lesson.temperature,
        "alpha": lesson.alpha,
        "params_before": params_before,
        "separable": [asdict(one) for one in replaced],
        **taught,
    }
    new_meta = meta_after(meta, step, **separable_meta(network, meta, replaced))
    save_artifact(destination, network, new_meta, {**report, **describe(network, meta.frame_size)})


def separable_meta(network: nn.Module, meta: Meta, replaced: Sequence[Replaced]) -> dict[str, Any]:
    """What changes in the meta of a network that has just been made separable.

    The shapes of a network that was pruned before are written anew: the layers have other names now.
    """
    return {
        "separable": {one.name: one.rank for one in replaced},
        "layers": layer_shapes(network) if meta.layers else {},
    }
