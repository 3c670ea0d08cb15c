"""What is asked of a network that gives embeddings: how alike a face is to each known person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.embedders import Embedder
from pipeline.explain.probabilities import Run, Scores, finite_output
from pipeline.tasks.gallery import Gallery, similarities, unit_rows


def likeness_through(run: Run, gallery: Gallery, where: object) -> Scores:
    """`[C]` in [0, 1]: (1 + cosine) / 2 to each person. They raise EdgeboardError for NaN or infinity."""
    templates = [person.templates for person in gallery.people]

    def likeness(frame_nchw: NDArray[np.float32]) -> NDArray[np.float64]:
        embedding = finite_output(run, frame_nchw, where)
        return (1 + similarities(unit_rows(embedding[None], gallery.embedding_size), templates)[0]) / 2

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
