"""Pruning a network of embeddings: the embedding keeps its size, whatever comes behind the layer that makes it."""

from __future__ import annotations

import pytest
import torch

from pipeline.compress.pruning.prune import RATIO_TOLERANCE, prune_to_ratio
from pipeline.compress_options import Prune
from pipeline.embedders import Embedder
from pipeline.networks import build_network, count_parameters
from tests.compress.sections import planned
from tests.compress.tiny_networks import as_trained

SIZE = 80


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "ratio"), [("resnet18", 0.5), ("inception_resnet_v1", 0.5), ("inception_resnet_v1", 0.8)]
)
def test_the_wished_fraction_leaves_and_the_embedding_stays(architecture: str, ratio: float) -> None:
    torch.manual_seed(0)
    network = as_trained(build_network(architecture, 5, SIZE, embedding_size=64))
    options: Prune = planned("prune", structure="block", criterion="l2").options
    pruned, _ = prune_to_ratio(network, SIZE, ratio, options)
    assert isinstance(pruned, Embedder)
    assert 1 - count_parameters(pruned) / count_parameters(network) == pytest.approx(ratio, abs=RATIO_TOLERANCE)
    with torch.no_grad():
        assert pruned.eval()(torch.zeros(2, 3, SIZE, SIZE)).shape == (2, 64)
    assert pruned.class_weights.shape == (64, 5)
