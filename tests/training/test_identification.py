"""The losses of embeddings: strangers count for nothing, margins pull harder, and the directions learn along."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from pipeline.embedders import Embedder
from pipeline.options import EmbedderTraining
from pipeline.training.identification import cosines_to_classes, embedding_loss
from pipeline.training.validation import EmbeddingValidation

LOSSES = ("cross_entropy", "cosface", "arcface")


def options(**changes: Any) -> EmbedderTraining:
    values: dict[str, Any] = {
        "architecture": "resnet18", "frame_size": 32, "epochs": 1, "batch_size": 4, "learning_rate": 0.1,
        "weight_decay": 0, "patience": 1, "small_epochs": 0, "small_size": 32, "embedding_size": 8,
        "loss": "cross_entropy", "margin": 0.3, "scale": 10, "contrastive_weight": 0, "false_accept_rate": 0.1,
    }  # fmt: skip
    return EmbedderTraining(**{**values, **changes})


def embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder(nn.Linear(4, 8), 3, 8)


def some() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(6, 8, generator=generator), torch.tensor([0, 1, 2, 0, 1, 2])


def test_without_a_margin_it_is_the_cross_entropy_of_scaled_cosines() -> None:
    network, (embeddings, labels) = embedder(), some()
    by_hand = nn.functional.cross_entropy(10 * cosines_to_classes(embeddings, network.class_weights), labels)
    torch.testing.assert_close(embedding_loss(network, options())(embeddings, labels), by_hand)


@pytest.mark.parametrize("loss", ["cosface", "arcface"])
def test_a_margin_costs_what_its_paper_says(loss: str) -> None:
    network, (embeddings, labels) = embedder(), some()
    cosines = cosines_to_classes(embeddings, network.class_weights)
    own = cosines[torch.arange(6), labels]
    lowered = own - 0.3 if loss == "cosface" else torch.cos(torch.acos(own) + 0.3)
    keeps_falling = torch.acos(own) <= math.pi - 0.3
    logits = cosines.clone()
    logits[torch.arange(6), labels] = lowered
    by_hand = nn.functional.cross_entropy(10 * logits, labels, reduction="none")[keeps_falling].mean()
    assert keeps_falling.all()
    torch.testing.assert_close(
        embedding_loss(network, options(loss=loss))(embeddings, labels), by_hand, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_strangers_count_for_nothing(loss: str) -> None:
    network, (embeddings, labels) = embedder(), some()
    judge = embedding_loss(network, options(loss=loss, contrastive_weight=1))
    labels[-2:] = -1
    torch.testing.assert_close(judge(embeddings, labels), judge(embeddings[:4], labels[:4]))
    only_strangers = judge(embeddings.requires_grad_(), torch.full((6,), -1))
    only_strangers.backward()
    assert float(only_strangers) == 0


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("contrastive_weight", [0, 0.5])
def test_embeddings_and_directions_learn(loss: str, contrastive_weight: float) -> None:
    network = embedder()
    before = network.class_weights.detach().clone()
    frames, labels = torch.randn(24, 4, generator=torch.Generator().manual_seed(2)), torch.arange(24) % 3
    frames += 3 * torch.eye(4)[labels]
    judge = embedding_loss(network, options(loss=loss, contrastive_weight=contrastive_weight))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        judge(network(frames), labels).backward()
        optimiser.step()
    assert not torch.equal(before, network.class_weights)
    validation = EmbeddingValidation(network, 10)
    validation.begin()
    with torch.no_grad():
        validation.add(network(frames), torch.where(labels == 0, -1, labels))
    loss_sum, right, n = validation.sums().tolist()
    assert n == 16, "strangers are not counted"
    assert right >= 15
    assert loss_sum / n < 1
