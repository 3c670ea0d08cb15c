"""A detector's first epochs on small frames, which cost a fraction of those on large ones.

Method: progressive resizing, as in Tan & Le 2021, EfficientNetV2 (arXiv:2104.00298), section 4. Anchors are fractions
of the frame, so that the same weights find the same objects in frames of another size, if less well at first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from pipeline.networks import build_network
from pipeline.options import DetectorTraining
from pipeline.params import Params
from pipeline.tasks import Task
from pipeline.training.train import train_network


def warm_up(
    network: nn.Module,
    class_names: list[str],
    task: Task,
    params: Params,
    data_folder: Path,
    checkpoints: Path,
    title: str,
    depends_on: Any,
) -> dict[str, Any] | None:
    """Train the weights of `network`, in place, on frames of warm_up_size; gives the history.

    None, and nothing is done, for a classifier and where train.<task>.warm_up_epochs is 0.
    """
    options = params.train.of(task.name)
    if not isinstance(options, DetectorTraining) or not options.warm_up_epochs:
        return None
    small = build_network(options.architecture, len(class_names), options.warm_up_size)
    small.load_state_dict(network.state_dict())
    history = train_network(
        small,
        class_names,
        task,
        params,
        data_folder,
        checkpoints,
        f"{title}, at {options.warm_up_size} px",
        epochs=options.warm_up_epochs,
        learning_rate=options.learning_rate,
        depends_on=depends_on,
        frame_size=options.warm_up_size,
    )
    network.load_state_dict(small.state_dict())
    return history
