"""ReLU for hard-swish and no squeeze-and-excitation, then training by the baseline (pipeline.minimalistic_layers)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.artifact import load_artifact, save_artifact
from pipeline.compress.distillation.teachers import BASELINE
from pipeline.compress.distillation.teaching import teach
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import Minimalistic, PlannedStep
from pipeline.files import sha256_file
from pipeline.minimalistic_layers import make_minimalistic
from pipeline.networks import count_parameters, layer_shapes
from pipeline.training.train import describe


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Simplify the network in `source` and, with epochs above 0, train it with the help of the baseline.

    Without epochs the next step of the recipe has to train it: prune and distill do.
    """
    options: Minimalistic = step.options
    network, meta = load_artifact(source)
    params_before = count_parameters(network)
    replaced = make_minimalistic(network)
    new_meta = meta_after(meta, step, minimalistic=True, layers=layer_shapes(network) if meta.layers else {})
    taught: dict[str, Any] = {}
    if options.epochs:
        update = {"features": "none", "teacher": BASELINE, "student": "same", **options.model_dump()}
        taught = teach(
            network,
            new_meta,
            context.params.compress.distill.model_copy(update=update),
            context,
            f"minimalistic {context.task.name} ({'+'.join(new_meta.recipe)})",
            depends_on=[sha256_file(source / "weights.safetensors"), options.model_dump()],
        )
    report = {
        "step": "minimalistic",
        "options": options.model_dump(),
        "params_before": params_before,
        "replaced": replaced,
        **taught,
    }
    save_artifact(destination, network, new_meta, {**report, **describe(network, meta.frame_size)})
