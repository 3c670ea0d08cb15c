"""What structured pruning refuses, and the proofs that it holds every result against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pipeline.artifact
import pipeline.networks
from pipeline.artifact import Meta
from pipeline.compress.pruning import cuts
from pipeline.compress.pruning.channel_check import check_rebuilt
from pipeline.compress.pruning.prune import prune_to_ratio
from pipeline.errors import EdgeboardError
from pipeline.networks import apply_layer_shapes, build_network, count_parameters, layer_shapes
from tests.compress.sections import planned
from tests.compress.tiny_networks import Grouped, Tiny, as_trained, build_tiny_by_name, tiny_network

BLOCK = planned("prune", round_to=1).options
FILTER = planned("prune", structure="filter", round_to=1).options
UNSTRUCTURED = planned("prune", structure="unstructured").options


def meta_of(network: nn.Module, architecture: str, size: int = 32) -> Meta:
    return Meta("fire", architecture, ["a", "b", "c"], size, [], layer_shapes(network))


class Twice(nn.Module):
    """One convolution that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 3)

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor = self.head(self.again(torch.relu(self.again(self.first(frames)))).mean((2, 3)))
        return logits


class OneWeight(nn.Sequential):
    """Two convolutions with one weight."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(8, 3),
        )  # fmt: skip
        self[3].weight = self[1].weight


class TwoNames(nn.Sequential):
    """One convolution at two places of a sequence."""

    def __init__(self) -> None:
        shared = nn.Conv2d(8, 8, 3)
        super().__init__(nn.Conv2d(3, 8, 3), shared, shared, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))


class Attention(nn.Module):
    """Attention, as PyTorch's layer or written out, on the places of a map, and a hidden layer after it."""

    def __init__(self, *, written_out: bool) -> None:
        super().__init__()
        self.stem, self.hidden, self.head = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 32), nn.Linear(32, 3)
        self.attention = nn.Linear(8, 24) if written_out else nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, frames: Tensor) -> Tensor:
        places = self.stem(frames).flatten(2).transpose(1, 2)
        if isinstance(self.attention, nn.Linear):
            query, key, value = self.attention(places).chunk(3, dim=-1)
            places = torch.softmax(query @ key.transpose(1, 2), -1) @ value
        else:
            places, _ = self.attention(places, places, places, need_weights=False)
        logits: Tensor = self.head(torch.relu(self.hidden(places)).mean(1))
        return logits


class WidthByHand(nn.Module):
    """The width of its first layer is a number in its code."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.scaled, self.head = nn.Conv2d(3, 16, 3), Scaled(), nn.Linear(16, 3)

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor = self.head(self.scaled(torch.relu(self.first(frames))).mean((2, 3)))
        return logits


class Scaled(nn.Module):
    def forward(self, frames: Tensor) -> Tensor:
        return frames * torch.arange(16.0).view(16, 1, 1)


class Shuffled(nn.Module):
    """Channels change places in the middle, as in a ShuffleNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 3)

    def forward(self, frames: Tensor) -> Tensor:
        maps = torch.relu(self.first(frames)).flip(1)
        logits: Tensor = self.head(self.second(maps).mean((2, 3)))
        return logits


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (Twice(), BLOCK, ["runs at several places", "again"]),
        (OneWeight(), BLOCK, ["share one weight", "1.weight and 3.weight"]),
        (TwoNames(), FILTER, ["share one weight", "1.weight and 2.weight"]),
        (Attention(written_out=True), BLOCK, ["to its heads", "where:   Attention", "structure: unstructured"]),
        (Attention(written_out=True), FILTER, ["to its heads", "where:   Attention", "structure: unstructured"]),
        (WidthByHand(), BLOCK, ["no longer fit together", "where:   scaled", "structure: unstructured"]),
        (Shuffled(), BLOCK, ["traced wrongly", "structure: unstructured"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_cannot_lose_channels_is_refused_and_can_lose_single_weights(
    network: nn.Module, options: Any, words: list[str]
) -> None:
    torch.manual_seed(0)
    as_trained(network)
    with pytest.raises(EdgeboardError) as caught:
        prune_to_ratio(network, 32, 0.3, options)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    sparse, report = prune_to_ratio(network, 32, 0.3, UNSTRUCTURED)
    assert report["ratio_reached"] == pytest.approx(0.3, abs=0.01)
    assert count_parameters(sparse) == count_parameters(network)


@pytest.mark.parametrize("options", [BLOCK, FILTER], ids=["block", "filter"])
def test_what_is_beside_attention_can_leave(options: Any) -> None:
    pruned: Any = prune_to_ratio(as_trained(Attention(written_out=False)), 32, 0.15, options)[0]
    assert pruned.hidden.out_features < 32
    assert pruned.stem.out_channels == pruned.attention.embed_dim == 8


def test_an_operation_that_torch_pruning_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object) -> None:
        raise ZeroDivisionError("integer division or modulo by zero")

    monkeypatch.setattr(cuts, "dependency_graph", fails)
    with pytest.raises(EdgeboardError, match="cannot be traced") as caught:
        prune_to_ratio(tiny_network(), 32, 0.3, BLOCK)
    assert "ZeroDivisionError" in str(caught.value)


@pytest.mark.parametrize("network", [Tiny(), Grouped()], ids=["residual", "grouped"])
def test_other_channels_than_the_chosen_ones_are_noticed(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    as_trained(network)
    real = cuts.remove_channels

    def removes_others(graph: Any, root: nn.Module, leaving: list[int]) -> None:
        width = root.out_features if isinstance(root, nn.Linear) else root.out_channels
        real(graph, root, sorted((one + 1) % int(width) for one in leaving))  # type: ignore[arg-type]

    monkeypatch.setattr(cuts, "remove_channels", removes_others)
    with pytest.raises(EdgeboardError, match="traced wrongly"):
        prune_to_ratio(network, 32, 0.3, BLOCK)


class Normalised(nn.Module):
    """Every kind of normalisation, a bare scale, and channels last in the end, as in a ConvNeXt."""

    def __init__(self, _n_classes: int = 3) -> None:
        super().__init__()
        self.one, self.groups = nn.Conv2d(3, 48, 3, 2), nn.GroupNorm(4, 48)
        self.two, self.instances = nn.Conv2d(48, 384, 3, 2), nn.InstanceNorm2d(384, affine=True)
        self.scale = nn.Parameter(torch.rand(384, 1, 1) + 0.5)
        self.layers, self.three, self.head = nn.LayerNorm(384), nn.Linear(384, 40), nn.Linear(40, 3)

    def forward(self, frames: Tensor) -> Tensor:
        maps = self.scale * self.instances(self.two(torch.relu(self.groups(self.one(frames)))))
        logits: Tensor = self.head(torch.relu(self.three(self.layers(maps.permute(0, 2, 3, 1)))).mean((1, 2)))
        return logits


@pytest.mark.parametrize("scope", ["local", "global"])
def test_normalisations_and_bare_parameters_keep_the_places_of_their_channels(
    scope: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = as_trained(Normalised())
    with torch.no_grad():
        network.layers.weight.copy_(torch.arange(1.0, 385.0))  # type: ignore[union-attr, operator]
    options = planned("prune", round_to=1, scope=scope).options
    pruned: Any = prune_to_ratio(network, 32, 0.98, options)[0]
    kept = pruned.layers.weight.tolist()
    assert len(kept) <= 76, "more in a set are in the order of the channels by chance"
    assert kept == sorted(kept)
    assert pruned.groups.num_channels % 4 == 0
    monkeypatch.setattr(pipeline.networks, "build_network", lambda _name, n, *_rest, **_form: Normalised(n))
    check_rebuilt(pruned, meta_of(pruned, "normalised"), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_a_network_that_does_not_come_back_is_told_with_its_layers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build_tiny_by_name(monkeypatch)
    pruned, _ = prune_to_ratio(tiny_network(), 32, 0.5, BLOCK)
    meta = meta_of(pruned, "tiny")
    check_rebuilt(pruned, meta, tmp_path)
    without_stem = {name: shape for name, shape in meta.layers.items() if not name.startswith("stem")}
    with pytest.raises(EdgeboardError, match="cannot be rebuilt") as caught:
        check_rebuilt(pruned, Meta(**{**vars(meta), "layers": without_stem}), tmp_path)
    assert "stem.0.weight, stem.1.weight, stem.1.bias and 2 more" in str(caught.value)
    assert "structure: unstructured" in str(caught.value)
    monkeypatch.setattr(
        pipeline.networks,
        "apply_layer_shapes",
        lambda network, shapes: (apply_layer_shapes(network, shapes), grow(network)),
    )
    with pytest.raises(EdgeboardError, match="computes something else"):
        check_rebuilt(pruned, meta, tmp_path)


def grow(network: Any) -> None:
    network.pool = nn.AdaptiveMaxPool2d(2)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (nn.Conv1d(8, 16, 3, groups=4), nn.Conv1d(4, 12, 3, groups=4)),
        (nn.Conv2d(8, 8, 3, groups=8, bias=False), nn.Conv2d(5, 5, 3, groups=5, bias=False)),
        (nn.Conv3d(8, 16, (1, 3, 5)), nn.Conv3d(7, 9, (1, 3, 5))),
        (nn.ConvTranspose2d(8, 16, 3, groups=2), nn.ConvTranspose2d(6, 10, 3, groups=2)),
        (nn.Linear(8, 16), nn.Linear(3, 5)),
        (nn.Linear(8, 16, bias=False), nn.Linear(3, 5, bias=False)),
        (nn.BatchNorm2d(8), nn.BatchNorm2d(3)),
        (nn.BatchNorm1d(8, affine=False), nn.BatchNorm1d(3, affine=False)),
        (nn.BatchNorm2d(8, track_running_stats=False), nn.BatchNorm2d(3, track_running_stats=False)),
        (nn.InstanceNorm2d(8, affine=True), nn.InstanceNorm2d(3, affine=True)),
        (nn.GroupNorm(4, 16), nn.GroupNorm(4, 8)),
        (nn.LayerNorm((2, 8)), nn.LayerNorm((2, 3))),
        (nn.LayerNorm(8, elementwise_affine=False), nn.LayerNorm(3, elementwise_affine=False)),
        (nn.PReLU(8), nn.PReLU(3)),
        (nn.PReLU(), nn.PReLU()),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_takes_the_recorded_width(wide: nn.Module, narrow: nn.Module) -> None:
    network, pruned = nn.Sequential(wide), nn.Sequential(narrow)
    apply_layer_shapes(network, layer_shapes(pruned))
    assert repr(network) == repr(pruned)
    network.load_state_dict(pruned.state_dict(), strict=True)
    assert layer_shapes(network) == layer_shapes(pruned)


def test_a_layer_that_the_architecture_does_not_have_is_told() -> None:
    with pytest.raises(EdgeboardError, match="no such layer"):
        apply_layer_shapes(Tiny(), {"stem.7": {"out": 3}})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "size", "refused"),
    [
        ("convnext_tiny", 32, None),
        ("resnext50_32x4d", 32, None),
        ("regnet_y_400mf", 32, None),
        ("swin_t", 32, "attn"),
        ("shufflenet_v2_x0_5", 32, "ShuffleNetV2"),
    ],
)
def test_other_architectures_lose_channels_or_are_refused_clearly(
    architecture: str, size: int, refused: str | None, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = as_trained(build_network(architecture, 3))
    for options in (BLOCK, FILTER):
        if refused:
            with pytest.raises(EdgeboardError) as caught:
                prune_to_ratio(network, size, 0.5, options)
            assert refused in str(caught.value)
            assert "structure: unstructured" in str(caught.value)
        else:
            pruned, report = prune_to_ratio(network, size, 0.5, options)
            assert report["ratio_reached"] == pytest.approx(0.5, abs=0.02)
            check_rebuilt(pruned, meta_of(pruned, architecture, size), tmp_path)
