"""What the loss would change by if a weight were zero, to first order.

Method: Molchanov et al., Importance Estimation for Neural Network Pruning, CVPR 2019 (arXiv:1906.10771).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.artifact import Meta
from pipeline.compress.pruning.importance import Scores
from pipeline.compress.step import StepContext
from pipeline.data.loading import load_split
from pipeline.options import Training
from pipeline.training.kinds import plain_batches_of, task_loss

# Spread over the training split, so that every class is in. More hardly change which channels are last.
_FRAMES = 256


def taylor_scores(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    absolute: bool,
) -> Scores:
    """Gradient * weight of every weight, summed over `batches` of frames `[B, 3, S, S]` and labels `[B]`.

    The network is in eval mode, so that neither dropout nor the statistics of a batch play a part. absolute: sum
    absolute values, for weights that are judged alone. Channels are judged by the absolute value of their weights' sum.
    """
    network.eval()
    weights = {name: parameter for name, parameter in network.named_parameters() if parameter.ndim > 1}
    scores = {name: torch.zeros_like(parameter.detach()) for name, parameter in weights.items()}
    for frames, labels in batches:
        of_batch = loss(network(frames), labels)
        gradients = torch.autograd.grad(of_batch, list(weights.values()), allow_unused=True, materialize_grads=True)
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            change = gradient * weight.detach()
            scores[name] += change.abs() if absolute else change
    return scores


def scores_of_training_split(network: nn.Module, meta: Meta, context: StepContext, *, absolute: bool) -> Scores:
    """taylor_scores of the task's own loss on up to 256 training frames as they are, the same at every call."""
    training: Training = context.params.train.of(context.task.name)
    every = load_split(context.data_folder, "train", meta.frame_size, meta.class_names, meta.clip_frames)
    some = np.unique(np.linspace(0, len(every) - 1, _FRAMES).round().astype(np.int64))
    return taylor_scores(
        network,
        plain_batches_of(context.task, every.take(some), training.batch_size),
        task_loss(context.task, network, training),
        absolute=absolute,
    )
