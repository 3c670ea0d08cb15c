"""Separable convolutions: the mathematics, what is replaced, and the artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.artifact import load_artifact, read_meta
from pipeline.compress.distillation.separable import run, separable_meta
from pipeline.compress.pruning.prune import prune_to_ratio
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, sha256_file
from pipeline.networks import count_parameters, layer_shapes
from pipeline.separable_convolutions import SummedBranches, decompose, make_separable
from tests.compress.lessons import SIZE, new_network, outputs, save, step_context
from tests.compress.sections import planned


def convolution(seed: int = 0, **options: Any) -> nn.Conv2d:
    torch.manual_seed(seed)
    return nn.Conv2d(**({"in_channels": 5, "out_channels": 20, "kernel_size": 3} | options))


def as_standard(separable: nn.Module) -> torch.Tensor:
    """The weight `[out, in, k, k]` of the standard convolution that computes the same."""
    branches = separable.children() if isinstance(separable, SummedBranches) else [separable]
    weights = [pointwise.weight * depthwise.weight[:, 0] for depthwise, pointwise in map(nn.Module.children, branches)]
    return torch.stack(weights).sum(0).detach()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": 2},
        {"padding": "same"},
        {"padding": 1, "padding_mode": "circular"},
        {"kernel_size": (1, 7), "padding": (0, 3)},
        {"kernel_size": 2, "stride": (2, 1)},
        {"in_channels": 1},
    ],
)
def test_of_full_rank_it_is_the_convolution(options: dict[str, Any]) -> None:
    original = convolution(**options)
    rank = original.kernel_size[0] * original.kernel_size[1]
    separable, error = decompose(original, rank)
    frames = torch.randn(2, original.in_channels, 11, 11)
    torch.testing.assert_close(separable(frames), original(frames), rtol=1e-5, atol=1e-5)
    assert error == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_no_separable_convolution_of_that_rank_is_nearer(rank: int) -> None:
    original = convolution()
    separable, error = decompose(original, rank)
    nearest = as_standard(separable).numpy()
    weight = original.weight.detach().numpy()
    squares = 0.0
    for i in range(original.in_channels):
        values = np.linalg.svd(weight[:, i].reshape(20, 9).astype(np.float64), compute_uv=False)
        least = float((values[rank:] ** 2).sum())  # Eckart and Young
        squares += least
        assert float(((weight[:, i] - nearest[:, i]) ** 2).sum()) == pytest.approx(least, rel=1e-4)
    assert error == pytest.approx((squares / float((weight.astype(np.float64) ** 2).sum())) ** 0.5, rel=1e-5)
    assert 0 < error < 1


def test_a_convolution_that_is_separable_already_loses_nothing() -> None:
    original = convolution()
    with torch.no_grad():
        original.weight.copy_(torch.randn(20, 5, 1, 1) * torch.randn(1, 5, 3, 3))
    separable, error = decompose(original, 1)
    assert error == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(as_standard(separable), original.weight.detach(), rtol=1e-5, atol=1e-5)


def test_channels_without_weights_stay_silent() -> None:
    original = convolution()
    with torch.no_grad():
        original.weight.zero_()
    separable, error = decompose(original, 1)
    assert error == 0
    assert not as_standard(separable).any()


def test_the_sign_of_a_kernel_is_no_accident() -> None:
    original = convolution()
    with torch.no_grad():
        original.weight.copy_(torch.rand(20, 5, 1, 1) * torch.rand(1, 5, 3, 3))
    depthwise, pointwise = decompose(original, 1)[0].children()
    assert (depthwise.weight > 0).all()
    assert (pointwise.weight > 0).all()


@pytest.mark.parametrize(
    ("options", "rank", "is_replaced"),
    [
        ({"in_channels": 16, "out_channels": 16}, 1, True),
        ({"in_channels": 16, "out_channels": 16}, 5, True),
        # 9 * 16 * 6 + 16 * 6 * 16 = 2400 of 2304: it would grow.
        ({"in_channels": 16, "out_channels": 16}, 6, False),
        ({"in_channels": 3, "out_channels": 64, "kernel_size": 7}, 1, False),
        ({"in_channels": 64, "out_channels": 15}, 1, False),
        ({"in_channels": 64, "out_channels": 64, "kernel_size": 1}, 1, False),
        ({"in_channels": 64, "out_channels": 64, "groups": 2}, 1, False),
        ({"in_channels": 64, "out_channels": 64, "kernel_size": (1, 7)}, 1, True),
        # 2 * 64 + 64 * 64 = 4224 of 8192.
        ({"in_channels": 64, "out_channels": 64, "kernel_size": (1, 2)}, 1, True),
        ({"in_channels": 64, "out_channels": 64, "kernel_size": (1, 2)}, 2, False),
    ],
)
def test_what_is_worth_it_is_replaced(options: dict[str, Any], rank: int, is_replaced: bool) -> None:
    network = nn.Sequential(nn.Sequential(convolution(**options)))
    before = count_parameters(network)
    if not is_replaced:
        with pytest.raises(EdgeboardError, match="No convolution"):
            make_separable(network, rank)
        assert count_parameters(network) == before
        return
    (replaced,) = make_separable(network, rank)
    assert (replaced.name, replaced.rank, replaced.params_before) == ("0.0", rank, before)
    assert replaced.params_after == count_parameters(network) < before


# The published 11,689,512 of ResNet-18 less its head of 1000 classes, and a head of three.
RESNET18 = 11_689_512 - 513_000 + 513 * 3
# Its 3x3 layers after the stem as (in, out, how many).
RESNET18_3X3 = [(64, 64, 4), (64, 128, 1), (128, 128, 3), (128, 256, 1), (256, 256, 3), (256, 512, 1), (512, 512, 3)]


@pytest.mark.parametrize("rank", [1, 2])
def test_parameters_are_those_of_two_smaller_layers(rank: int) -> None:
    network = new_network("resnet18")
    replaced = make_separable(network, rank)
    saved = sum(n * (9 * i * o - rank * (9 * i + i * o)) for i, o, n in RESNET18_3X3)
    assert count_parameters(network) == RESNET18 - saved
    assert len(replaced) == 16
    assert "conv1" not in {one.name for one in replaced}, "the stem sees three colours"
    assert all(0 < one.relative_error < 1 for one in replaced)
    with pytest.raises(EdgeboardError):
        make_separable(network, rank)


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_a_network_of_separable_convolutions_is_told_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    def not_yet(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("nothing may be trained yet")

    monkeypatch.setattr("pipeline.compress.distillation.separable.teach", not_yet)
    context = step_context(tmp_path, architecture)
    with pytest.raises(EdgeboardError, match="No convolution") as caught:
        run(context.baseline, tmp_path, planned("separable"), context)
    assert "leave separable out" in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "rank", "ratio_before", "ratio_after"),
    [
        ("resnet18", 1, None, None),
        ("resnet18", 2, None, None),
        ("resnet18", 1, 0.5, None),
        ("resnet18", 1, None, 0.5),
        ("resnet18", 2, 0.3, 0.5),
        pytest.param("resnet50", 1, None, 0.5, marks=pytest.mark.slow),
    ],
)
def test_pruned_before_or_after_it_is_rebuilt(
    tmp_path: Path, architecture: str, rank: int, ratio_before: float | None, ratio_after: float | None
) -> None:
    network = new_network(architecture)
    meta = read_meta(save(tmp_path / "baseline", network, architecture))
    changes: dict[str, Any] = {}
    prune = planned("prune", round_to=1).options
    if ratio_before:
        network, _ = prune_to_ratio(network, SIZE, ratio_before, prune)
        meta = read_meta(save(tmp_path / "pruned", network, architecture, layers=layer_shapes(network)))
    changes = separable_meta(network, meta, make_separable(network, rank))
    if ratio_after:
        n_before = count_parameters(network)
        network, _ = prune_to_ratio(network, SIZE, ratio_after, prune)
        assert 1 - count_parameters(network) / n_before == pytest.approx(ratio_after, abs=0.02)
        changes["layers"] = layer_shapes(network)
    assert bool(changes["layers"]) == bool(ratio_before or ratio_after)
    folder = save(tmp_path / "artifact", network.eval(), architecture, **changes)
    reloaded, _ = load_artifact(folder)
    assert torch.equal(outputs(reloaded), outputs(network))


@pytest.mark.parametrize("rank", [1, 2])
def test_pruning_afterwards_takes_the_channels_that_do_nothing(rank: int) -> None:
    """In each inner layer half of the channels are silent; without them the network answers the same."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3),
    ).eval()  # fmt: skip
    layers = [network[0], network[2], network[4]]
    with torch.no_grad():
        for layer, following in zip(layers, [*layers[1:], network[8]], strict=True):
            layer.weight[::2], layer.bias[::2], following.weight[:, ::2] = 0, 0, 0
    make_separable(network, rank)
    half = 16 * 27 + 16 + 2 * (rank * (16 * 9 + 16 * 16) + 16) + 51
    wished = 1 - half / count_parameters(network)
    frames = torch.randn(2, 3, 16, 16)
    pruned, _ = prune_to_ratio(network, 16, wished, planned("prune", round_to=1).options)
    assert count_parameters(pruned) == half
    torch.testing.assert_close(pruned(frames), network(frames))


def test_the_step_makes_trains_and_tells(tmp_path: Path) -> None:
    context = step_context(tmp_path, "resnet18")
    made = []
    for name in ("first", "second"):
        made.append(tmp_path / name)
        made[-1].mkdir()
        run(context.baseline, made[-1], planned("separable", epochs=1, rank=2), context)
    network, meta = load_artifact(made[0])
    assert meta.recipe == ["separable@epochs=1,rank=2"]
    assert meta.separable["layer1.0.conv1"] == 2
    report = read_json(made[0] / "report.json")
    assert report["params_before"] == RESNET18
    assert report["params"] == count_parameters(network) < RESNET18 / 4
    assert {one["name"]: one["rank"] for one in report["separable"]} == meta.separable
    assert report["teacher"]["name"] == "baseline"
    assert len(report["training"]["epochs"]) == 1
    assert sha256_file(made[0] / "weights.safetensors") == sha256_file(made[1] / "weights.safetensors")
    untrained = load_artifact(context.baseline)[0]
    make_separable(untrained, 2)
    assert not torch.equal(outputs(network), outputs(untrained))
