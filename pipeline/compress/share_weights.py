"""Weight sharing: a layer keeps only a few different weights, so that its file holds short codes instead of floats.

Method: trained quantization of Han et al., Deep Compression, ICLR 2016 (arXiv:1510.00149): the weights of each
convolution and linear layer are clustered by k-means that starts from values evenly spread between the smallest and
the largest weight, and each weight becomes the mean of its cluster. Those means can be trained: the gradient of one
is the sum over its weights. The network runs in float as before and not faster; its file is small once
pipeline.export.packed has stored the codes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, register_parametrization, remove_parametrizations

from pipeline.artifact import load_artifact, save_artifact
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import PlannedStep, ShareWeights
from pipeline.files import sha256_file
from pipeline.training.train import describe, train_network

# Clustering the mean and the count of each cell of a histogram costs as much for millions of weights as for thousands.
_CELLS = 16_384
_TOLERANCE = 1e-7


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Share the weights of the network in `source` and, with epochs, train the shared values."""
    options: ShareWeights = step.options
    network, meta = load_artifact(source)
    errors = share_weights(network, options.bits, keep_zeros=meta.sparse)
    report: dict[str, Any] = {"step": "share_weights", "options": options.model_dump()}
    if options.epochs:
        report["training"] = train_network(
            network,
            meta.class_names,
            context.task,
            context.params,
            context.data_folder,
            context.checkpoints,
            f"share weights {context.task.name} ({'+'.join([*meta.recipe, step.label])})",
            epochs=options.epochs,
            learning_rate=options.learning_rate,
            depends_on=[sha256_file(source / "weights.safetensors"), options.model_dump()],
        )
    make_permanent(network)
    report["layers"] = {
        name: {"values": len(np.unique(_weights(layer))), "relative_error": errors[name]}
        for name, layer in _layers(network)
    }
    new_meta = meta_after(meta, step, shared_bits=options.bits, precision="fp32")
    save_artifact(destination, network, new_meta, {**report, **describe(network, meta.frame_size)})


def share_weights(network: nn.Module, bits: int, *, keep_zeros: bool) -> dict[str, float]:
    """Give each layer, in place, at most 2^bits different weights, as parameters that can be trained.

    keep_zeros: weights that are zero stay exactly zero, with one of the 2^bits values for them, trained or not.
    Returns by layer how far its weights moved: ||shared - free|| / ||free||, 0 where all are zero.
    """
    errors = {}
    for name, layer in _layers(network):
        weights = _weights(layer)
        codes = _codes(weights, 2**bits, keep_zeros)
        register_parametrization(layer, "weight", _SharedWeights(torch.from_numpy(codes)))
        length = np.sqrt(np.square(weights, dtype=np.float64).sum())
        moved = np.sqrt(np.square(_weights(layer) - weights, dtype=np.float64).sum())
        errors[name] = float(moved / length) if length else 0.0
    return errors


def make_permanent(network: nn.Module) -> None:
    """Replace the shared values and codes, in place, by ordinary weights with those values."""
    for _, layer in _layers(network):
        if is_parametrized(layer, "weight"):
            remove_parametrizations(layer, "weight")
            layer.weight.grad = None  # that of the values, in their shape


class _SharedWeights(nn.Module):
    """Values `[K]` to weights of the shape of `codes`: code 0 is a zero that no training moves, code k value k - 1."""

    codes: Tensor

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        # Not in checkpoints, for the same clustering gives them again.
        self.register_buffer("codes", codes, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        return torch.cat([values.new_zeros(1), values]).take(self.codes.long())

    def right_inverse(self, weights: Tensor) -> Tensor:
        """The mean of the weights of each code above 0, as k-means has it."""
        codes = self.codes.flatten()
        sums = torch.bincount(codes, weights.flatten().double())
        return (sums / torch.bincount(codes))[1:].to(weights.dtype)


def _codes(weights: NDArray[np.float32], n_values: int, keep_zeros: bool) -> NDArray[np.int32]:
    """Code of each weight, 0 for a zero that is kept, else 1..n_values; every code up to the largest is used."""
    is_free = weights != 0 if keep_zeros else np.ones(weights.shape, bool)
    codes = np.zeros(weights.shape, np.int32)
    if is_free.any():
        codes[is_free] = 1 + _clusters(weights[is_free], n_values - (not is_free.all()))
    return codes


def _clusters(weights: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Cluster of each of `[n]` weights, 0..k-1 with k <= most, by k-means."""
    points, counts = _histogram(weights) if len(weights) > _CELLS else np.unique(weights, return_counts=True)
    centres = points.astype(np.float64)
    if len(points) > most:
        start = np.linspace(weights.min(), weights.max(), most, dtype=np.float64)
        means = KMeans(most, init=start[:, None], n_init=1, tol=_TOLERANCE)
        with threadpool_limits(1, user_api="openmp"):  # sums of several threads come in any order
            means.fit(centres[:, None], sample_weight=counts)
        centres = np.sort(means.cluster_centers_[:, 0])
    nearest = np.searchsorted((centres[1:] + centres[:-1]) / 2, weights)
    used = np.bincount(nearest, minlength=len(centres)) > 0
    clusters: NDArray[np.int64] = (np.cumsum(used) - 1)[nearest]
    return clusters


def _histogram(weights: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean and count of the weights in each of _CELLS equal cells, without the empty ones."""
    low, high = float(weights.min()), float(weights.max())
    cells = ((weights - low) * ((_CELLS - 1) / max(high - low, 1e-30))).astype(np.int64)
    counts, sums = np.bincount(cells), np.bincount(cells, weights)
    return sums[counts > 0] / counts[counts > 0], counts[counts > 0]


def _layers(network: nn.Module) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    return [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _weights(layer: nn.Conv2d | nn.Linear) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = layer.weight.detach().numpy()
    return weights
