from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from torch import nn

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.share_weights import make_permanent, share_weights
from pipeline.compress.step import StepContext, find_step
from pipeline.files import read_json
from pipeline.networks import build_network
from pipeline.params import check_params
from pipeline.tasks import TASKS
from pipeline.training.train import describe
from tests.compress.sections import planned
from tests.conftest import REPOSITORY, TINY, set_params
from tests.picture_folder import CLASS_NAMES, write_data_folder

GENERATOR = np.random.default_rng(0)


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1, groups=32),
        nn.Conv2d(32, 64, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 3),
    ).eval()


def with_zeros(network: nn.Module, fraction: float = 0.7) -> nn.Module:
    """The network with most weights of its layers zero, half of those the negative zero that a mask leaves."""
    generator = torch.Generator().manual_seed(1)  # that of the weights would leave the largest ones
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter *= torch.rand(parameter.shape, generator=generator) > fraction
    return network


def layers(network: nn.Module) -> list[NDArray[np.float32]]:
    return [p.detach().numpy() for p in network.parameters() if p.ndim > 1]


def shared(weights: NDArray[np.float64] | list[float], bits: int, keep_zeros: bool = False) -> NDArray[np.float32]:
    """What sharing makes of these weights of one layer."""
    free = torch.tensor(np.asarray(weights), dtype=torch.float32)
    layer = nn.Linear(len(free), 1, bias=False)
    layer.weight.data = free[None].clone()
    share_weights(layer, bits, keep_zeros=keep_zeros)
    make_permanent(layer)
    return layer.weight.detach().numpy()[0]


@pytest.mark.parametrize("keep_zeros", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_every_layer_has_few_values_and_nothing_else_changes(bits: int, keep_zeros: bool) -> None:
    network = with_zeros(small_network()) if keep_zeros else small_network()
    before = copy.deepcopy(network)
    errors = share_weights(network, bits, keep_zeros=keep_zeros)
    make_permanent(network)
    assert list(errors) == ["0", "3", "4", "7"]
    for free, now, error in zip(layers(before), layers(network), errors.values(), strict=True):
        assert len(np.unique(now)) <= 2**bits
        assert error == pytest.approx(np.linalg.norm(now - free) / np.linalg.norm(free), rel=1e-5)
        assert not keep_zeros or np.array_equal(now == 0, free == 0)
    names = {name for name, tensor in before.state_dict().items() if tensor.ndim <= 1}
    assert len(names) == 8, "the normalisation's and the biases"
    assert all(torch.equal(before.state_dict()[name], network.state_dict()[name]) for name in names)
    assert network.state_dict().keys() == before.state_dict().keys()


@pytest.mark.parametrize(
    ("weights", "bits", "keep_zeros", "expected"),
    [
        ([0.0] * 5, 1, True, [0.0] * 5),
        ([0.25] * 5, 1, False, [0.25] * 5),
        ([-1, 0, 0.5, 3], 2, True, [-1, 0, 0.5, 3]),
        ([-1, 0, 0.5, 3], 2, False, [-1, 0, 0.5, 3]),
        ([1, 1.5, 0, 4], 1, True, [13 / 6, 13 / 6, 0, 13 / 6]),
        ([0, 1, 9, 10], 1, False, [0.5, 0.5, 9.5, 9.5]),
        ([0, 0.1, 0.1, 0.1, 7], 1, False, [0.075] * 4 + [7]),
    ],
    ids=["all zero", "all alike", "as many as codes", "a zero like any", "1 bit and zeros", "two heaps", "an outlier"],
)
def test_edges(weights: list[float], bits: int, keep_zeros: bool, expected: list[float]) -> None:
    np.testing.assert_allclose(shared(weights, bits, keep_zeros), expected, rtol=1e-6)


@pytest.mark.parametrize("count", [15_000, 60_000], ids=["each weight by itself", "by a histogram"])
@pytest.mark.parametrize(
    ("bits", "error"),
    # The square root of the least mean squared error of a normal variable with 2, 4, 8 and 32 values: Max, Quantizing
    # for minimum distortion, IRE Transactions 1960, table I.
    [(1, 0.6028), (2, 0.3428), (3, 0.1859), (5, 0.05)],
)
def test_the_error_is_near_the_least_that_so_many_values_can_have(bits: int, error: float, count: int) -> None:
    weights = GENERATOR.normal(0, 0.02, count)
    now = shared(weights, bits)
    # Values that start evenly spread end near the best ones, with more of them for the few large weights.
    assert 0.95 * error < np.linalg.norm(now - weights) / np.linalg.norm(weights) < 1.15 * error
    values, members = np.unique(now, return_inverse=True)
    means = np.bincount(members, weights.astype(np.float32)) / np.bincount(members)
    np.testing.assert_allclose(values, means, rtol=1e-5, atol=1e-9)


def test_one_weight_far_from_all_others_takes_no_more_than_its_code() -> None:
    weights = np.append(GENERATOR.normal(0, 1e-3, 50_000), 1e4)
    now = shared(weights, 4)
    assert now[-1] == pytest.approx(1e4)
    assert np.abs(now[:-1]).max() < 1e-2


def test_a_value_that_no_weight_is_nearest_to_is_left_out() -> None:
    """Cells of the histogram are one wide here: the mean of the middle one is 0.5, and no weight is near it."""
    weights = np.repeat([-100, -0.01, 0.01, 0.99, 1.01, 16_283], [1, 9000, 1, 1, 9000, 1])
    layer = nn.Linear(len(weights), 1, bias=False)
    layer.weight.data = torch.tensor(weights, dtype=torch.float32)[None]
    share_weights(layer, 8, keep_zeros=False)
    values = layer.parametrizations.weight.original.detach()
    torch.testing.assert_close(values, torch.tensor([-100, -0.01, 1.01, 16_283]), rtol=1e-3, atol=1e-3)


def test_the_same_weights_give_the_same_values() -> None:
    weights = GENERATOR.standard_t(3, 40_000)
    np.testing.assert_array_equal(shared(weights, 6), shared(weights, 6))


def test_the_gradient_of_a_value_is_the_sum_over_its_weights_and_zeros_stay() -> None:
    network, plain = with_zeros(small_network()), with_zeros(small_network())
    for one in (network, plain):
        nn.init.zeros_(one[3].weight)
        share_weights(one, 3, keep_zeros=True)
    make_permanent(plain)
    frames = torch.randn(4, 3, 8, 8)
    for one in (network, plain):
        one(frames).square().sum().backward()
    for index in ("0", "4", "7"):
        values = network.get_submodule(index).parametrizations.weight.original
        weight = plain.get_submodule(index).weight
        expected = [weight.grad[weight == value].sum() for value in values]
        torch.testing.assert_close(values.grad, torch.stack(expected), rtol=1e-3, atol=1e-4)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, fused=True)
    for _ in range(3):
        optimizer.step()
    make_permanent(network)
    for before, now in zip(layers(plain), layers(network), strict=True):
        assert np.array_equal(now == 0, before == 0)
        assert len(np.unique(now)) <= 8
    assert not torch.equal(network[0].weight, plain[0].weight)
    assert all(p.grad is None or p.grad.shape == p.shape for p in network.parameters())


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepContext:
    """A repository with a trained network, `source`, that has been pruned weight by weight."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes((REPOSITORY / "params.yaml").read_bytes())
    set_params(Path("params.yaml"), TINY)
    params = check_params(yaml.safe_load(Path("params.yaml").read_text()))
    data = write_data_folder(Path("data/fire"), {"train": 5, "val": 2, "test": 1})
    torch.manual_seed(0)
    network = with_zeros(build_network("shufflenet_v2_x0_5", 3))
    Path("source").mkdir()
    meta = Meta("fire", "shufflenet_v2_x0_5", CLASS_NAMES, 32, recipe=["prune"], sparse=True)
    save_artifact(Path("source"), network, meta, describe(network, 32))
    return StepContext(TASKS["fire"], params, data, Path("source"), Path("checkpoints"))


@pytest.mark.parametrize("epochs", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_step_writes_an_ordinary_float_artifact(context: StepContext, epochs: int) -> None:
    step = planned("share_weights", bits=3, epochs=epochs, learning_rate=0.001)
    Path("out").mkdir()
    find_step("share_weights")(Path("source"), Path("out"), step, context)
    source, source_meta = load_artifact(Path("source"))
    network, meta = load_artifact(Path("out"))
    assert meta == replace(
        source_meta, recipe=["prune", step.label], parent="models/fire/prune/prune", shared_bits=3, precision="fp32"
    )
    report = read_json(Path("out/report.json"))
    assert report["step"] == "share_weights"
    assert report["options"] == {"bits": 3, "epochs": epochs, "learning_rate": 0.001}
    assert ("training" in report) == bool(epochs)
    assert report["nonzero"] == sum(int(torch.count_nonzero(p)) for p in network.parameters())
    weights, before = ([p for p in n.parameters() if p.ndim > 1] for n in (network, source))
    assert [entry["values"] for entry in report["layers"].values()] == [len(torch.unique(w)) for w in weights]
    assert max(len(torch.unique(w)) for w in weights) == 8
    assert all(torch.equal(now == 0, then == 0) for now, then in zip(weights, before, strict=True))
    # Only training moves what is shared by none.
    assert torch.equal(network.fc.bias, source.fc.bias) == (not epochs)

    Path("again").mkdir()
    find_step("share_weights")(Path("source"), Path("again"), step, context)
    assert Path("again/weights.safetensors").read_bytes() == Path("out/weights.safetensors").read_bytes()
    if epochs:
        losses = [epoch["val_loss"] for epoch in report["training"]["epochs"]]
        assert len(losses) == 1
        assert np.isfinite(losses[0])
