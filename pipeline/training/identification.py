"""Losses that pull the embeddings of a person together, from pytorch-metric-learning.

Margins: CosFace, Wang et al. 2018 (arXiv:1801.09414); ArcFace, Deng et al. 2019 (arXiv:1801.07698). Without a margin:
the normalised softmax of Zhai & Wu 2019 (arXiv:1811.12649). Contrastive: SupCon, Khosla et al. 2020 (arXiv:2004.11362).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pipeline.embedders import Embedder
from pipeline.options import EmbedderTraining

# (embeddings [N, D], labels [N]) -> scalar
EmbeddingLoss = Callable[[Tensor, Tensor], Tensor]


def embedding_loss(network: Embedder, options: EmbedderTraining) -> EmbeddingLoss:
    """The loss of train.<task>, with the network's own directions of the classes, which learn along.

    Labels below 0, people that are to stay strangers, count for nothing.
    """
    from pytorch_metric_learning import losses

    to_classes = _to_classes(network, options)
    pairs = losses.SupConLoss() if options.contrastive_weight else None

    def loss(embeddings_nd: Tensor, labels_n: Tensor) -> Tensor:
        known = labels_n >= 0
        embeddings, labels = embeddings_nd[known].float(), labels_n[known]
        if not len(labels):
            return embeddings_nd.float().sum() * 0
        total: Tensor = to_classes(embeddings, labels)
        return total if pairs is None else total + options.contrastive_weight * pairs(embeddings, labels)

    return loss


def _to_classes(network: Embedder, options: EmbedderTraining) -> Any:
    from pytorch_metric_learning import losses

    size, n_classes = network.class_weights.shape
    criterion: Any
    if options.loss == "cosface":
        criterion = losses.CosFaceLoss(n_classes, size, margin=options.margin, scale=options.scale)
    elif options.loss == "arcface":
        criterion = losses.ArcFaceLoss(n_classes, size, margin=math.degrees(options.margin), scale=options.scale)
    else:
        criterion = losses.NormalizedSoftmaxLoss(n_classes, size, temperature=1 / options.scale)
    criterion.W = network.class_weights
    return criterion


def cosines_to_classes(embeddings_nd: Tensor, class_weights_dc: Tensor) -> Tensor:
    """`[N, C]` in [-1, 1]."""
    normalize = torch.nn.functional.normalize
    return normalize(embeddings_nd.float(), dim=1) @ normalize(class_weights_dc.float(), dim=0)
