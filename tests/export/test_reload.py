"""Every kind of float artifact is loaded by a new process, without a pickle, as the network that was saved."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.pruning.prune import prune_to_ratio
from pipeline.compress.share_weights import make_permanent, share_weights
from pipeline.export.onnx_file import export_onnx
from pipeline.export.packed import pack, unpack
from pipeline.networks import build_network, layer_shapes
from pipeline.separable_convolutions import make_separable
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from tests.compress.sections import planned
from tests.conftest import REPOSITORY

SIZE = 32


Made = tuple[nn.Module, dict[str, Any]]


@functools.cache
def smaller_network() -> nn.Module:
    torch.manual_seed(0)
    network = build_network("resnet18", 3).eval()
    return prune_to_ratio(network, SIZE, 0.6, planned("prune").options)[0]


def pruned_by_blocks(_network: nn.Module) -> Made:
    network = copy.deepcopy(smaller_network())
    return network, {"layers": layer_shapes(network)}


def pruned_by_weights(network: nn.Module) -> Made:
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter *= torch.rand_like(parameter) > 0.8
    return network, {"sparse": True}


def shared(network: nn.Module) -> Made:
    share_weights(network, 4, keep_zeros=False)
    make_permanent(network)
    return network, {"shared_bits": 4}


def pruned_by_filters(network: nn.Module) -> Made:
    smaller, _ = prune_to_ratio(network, SIZE, 0.4, planned("prune", structure="filter").options)
    return smaller, {"layers": layer_shapes(smaller)}


def separable(network: nn.Module) -> Made:
    replaced = make_separable(network, 1)
    return network, {"separable": {one.name: one.rank for one in replaced}}


def separable_then_pruned(network: nn.Module) -> Made:
    network, meta = separable(network)
    smaller, _ = prune_to_ratio(network, SIZE, 0.5, planned("prune").options)
    return smaller, meta | {"layers": layer_shapes(smaller)}


def everything(network: nn.Module) -> Made:
    smaller, blocks = pruned_by_blocks(network)
    sparse, weights = pruned_by_weights(smaller)
    share_weights(sparse, 5, keep_zeros=True)
    make_permanent(sparse)
    return sparse, blocks | weights | {"shared_bits": 5}


ARTIFACTS: dict[str, Callable[[nn.Module], Made]] = {
    make.__name__: make
    for make in (
        pruned_by_blocks,
        pruned_by_filters,
        pruned_by_weights,
        separable,
        separable_then_pruned,
        shared,
        everything,
    )
}
# Whatever unpickles is gone once the libraries are imported.
RELOADING = """
import pickle, sys
from pathlib import Path
import numpy, torch, torchvision.models
import pipeline.networks
from pipeline.artifact import load_artifact
torch.load = pickle.load = pickle.loads = pickle.Unpickler = None
frames = torch.from_numpy(numpy.load(sys.argv[1]))
with torch.no_grad():
    for folder in map(Path, sys.argv[2:]):
        network, _ = load_artifact(folder)
        numpy.save(folder.with_suffix(".npy"), network(frames).numpy())
"""


def frames() -> torch.Tensor:
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, nn.Module]]:
    """Every artifact with the network that it was saved from; their outputs in a new process lie beside them."""
    folder = tmp_path_factory.mktemp("artifacts")
    made = {}
    for name, make in ARTIFACTS.items():
        torch.manual_seed(0)
        network, meta = make(build_network("resnet18", 3).eval())
        (folder / name).mkdir()
        save_artifact(folder / name, network, Meta("fire", "resnet18", list("abc"), SIZE, [name], **meta), {})
        made[name] = (folder / name, network.eval())
    np.save(folder / "frames.npy", frames().numpy())
    arguments = [folder / "frames.npy", *(folder / name for name in ARTIFACTS)]
    subprocess.run([sys.executable, "-c", RELOADING, *arguments], check=True, cwd=REPOSITORY, timeout=300)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_new_process_gives_the_same_outputs(saved: dict[str, tuple[Path, nn.Module]], name: str) -> None:
    folder, network = saved[name]
    assert sorted(path.name for path in folder.iterdir()) == ["meta.json", "report.json", "weights.safetensors"]
    with torch.no_grad():
        expected = network(frames()).numpy()
    np.testing.assert_array_equal(np.load(folder.with_suffix(".npy")), expected)
    assert not np.array_equal(expected[0], expected[1]), "an output that does not depend on the frame proves nothing"


@pytest.mark.slow
@pytest.mark.parametrize("name", ARTIFACTS)
def test_the_onnx_file_of_what_was_loaded_agrees(
    tmp_path: Path, saved: dict[str, tuple[Path, nn.Module]], name: str
) -> None:
    folder, network = saved[name]
    loaded, meta = load_artifact(folder)
    file = tmp_path / "model.onnx"
    export_onnx(loaded, meta.frame_size, file, 13, keep_batch_norm=meta.shared_bits is not None)
    if meta.shared_bits:
        pack(file, tmp_path / "model.onnx.packed")
        file.unlink()
        unpack(tmp_path / "model.onnx.packed", file)
    with torch.no_grad():
        expected = network(frames()).numpy()
    engine = OnnxRuntimeEngine(file, 1)
    logits = np.concatenate([engine.run(frame[None]) for frame in frames().numpy()])
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(expected).max())
    if meta.sparse:
        zeros = [int((p == 0).sum()) for p in loaded.parameters() if p.ndim > 1]
        assert zeros == [int((p == 0).sum()) for p in network.parameters() if p.ndim > 1]
        assert sum(zeros) > 0.7 * sum(p.numel() for p in loaded.parameters())
