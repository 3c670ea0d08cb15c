"""What is asked of a network that gives embeddings: how alike a face is to each known person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy, inference_mode, nn

from pipeline.embedders import Embedder
from pipeline.explain.answers import BatchScores, Run, finite
from pipeline.tasks.gallery import Gallery, similarities, unit_rows


def likeness_through(run: Run, gallery: Gallery, where: object) -> BatchScores:
    """`[N, C]` in [0, 1]: (1 + cosine) / 2 to each person. They raise EdgeboardError for NaN or infinity."""
    templates = [person.templates for person in gallery.people]

    def likeness(frames_nchw: NDArray[np.float32]) -> NDArray[np.float64]:
        embeddings = finite(run(frames_nchw), where)
        return (1 + similarities(unit_rows(embeddings, gallery.embedding_size), templates)) / 2

    return likeness


def likeness_of_network(classifier: nn.Module) -> BatchScores:
    """The same of a CosineClassifier, in eval mode: likeness to the directions that it was trained with."""

    def likeness(frames_nchw: NDArray[np.float32]) -> NDArray[np.float64]:
        with inference_mode():
            cosines: Tensor = classifier(from_numpy(np.ascontiguousarray(frames_nchw)))
            return (1 + cosines.double().numpy()) / 2

    return likeness


class CosineClassifier(nn.Module):
    """An embedder as a classifier: `[N, C]` cosines to the directions that it was trained with."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, frames_nchw: Tensor) -> Tensor:
        normalize = nn.functional.normalize
        cosines: Tensor = normalize(self.embedder(frames_nchw)) @ normalize(self.embedder.class_weights, dim=0)
        return cosines
