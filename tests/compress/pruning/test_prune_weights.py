"""Unstructured pruning: which single weights become zero."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.compress.pruning.masks import count_zero_weights, most_zeros, prunable_weights, with_zeros
from pipeline.compress.pruning.prune import prune_to_ratio
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.networks import count_parameters
from tests.compress.sections import planned
from tests.compress.tiny_networks import Grouped, Tiny, tiny_network


def options(**changes: object) -> Prune:
    made: Prune = planned("prune", structure="unstructured", **changes).options
    return made


def zero_fractions(network: nn.Module) -> dict[str, float]:
    return {name: float((weight == 0).float().mean()) for name, weight in prunable_weights(network).items()}


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("network", [tiny_network(), Grouped()], ids=["residual", "grouped"])
def test_the_ratio_is_of_all_parameters_and_only_weights_become_zero(network: nn.Module, scope: str) -> None:
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    for ratio in (0.001, 0.5, 0.9):
        sparse, report = prune_to_ratio(network, 32, ratio, options(scope=scope))
        zeros = count_zero_weights(sparse)
        assert zeros == pytest.approx(ratio * count_parameters(network), abs=len(zero_fractions(sparse)))
        assert report == {"ratio_wished": ratio, "ratio_reached": zeros / count_parameters(network)}
        for name, parameter in sparse.named_parameters():
            changed = parameter != before[name]
            assert not changed.any() or name in zero_fractions(network)
            assert not parameter[changed].any(), "what changed became zero"
    assert all(torch.equal(parameter, before[name]) for name, parameter in network.named_parameters())


@pytest.mark.parametrize("criterion", ["l1", "l2"])
def test_local_zeroes_the_smallest_of_every_layer_and_global_of_all(criterion: str) -> None:
    network = tiny_network()
    with torch.no_grad():
        network.hidden.weight *= 0.001  # type: ignore[operator, union-attr]
    local, _ = prune_to_ratio(network, 32, 0.5, options(criterion=criterion))
    fractions = zero_fractions(local)
    assert all(fraction == pytest.approx(next(iter(fractions.values())), abs=0.01) for fraction in fractions.values())
    over_all, _ = prune_to_ratio(network, 32, 0.5, options(criterion=criterion, scope="global"))
    assert zero_fractions(over_all)["hidden.weight"] > 0.99
    for sparse, layers in ((local, [[name] for name in fractions]), (over_all, [list(fractions)])):
        for names in layers:
            gone, stays = (
                torch.cat([network.get_parameter(n)[(sparse.get_parameter(n) == 0) == zero].abs() for n in names])
                for zero in (True, False)
            )
            # The best weight of a layer stays, however small.
            assert gone.max() <= stays.sort().values[len(names) - 1]


def test_every_layer_keeps_its_best_weight() -> None:
    network = tiny_network()
    scores = {name: parameter.abs() for name, parameter in network.named_parameters()}
    for scope in ("local", "global"):
        sparse = with_zeros(network, most_zeros(network), scope, scores)
        for name, weight in prunable_weights(sparse).items():
            assert int((weight != 0).sum()) == 1
            assert weight.abs().max() == network.get_parameter(name).abs().max()


@pytest.mark.parametrize(
    ("network", "nearest"),
    [
        # 48 biases and 144 numbers of normalisations stay beside one weight of each of the five layers and the answer.
        (Tiny(), 1 - (32 + 3 + 2 * (16 + 32 + 32 + 16) + 6) / count_parameters(Tiny())),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3)), 1 - 4 / (3 * 32 * 32 * 3 + 3)),
    ],
)
def test_a_ratio_that_cannot_be_reached_says_what_can(network: nn.Module, nearest: float) -> None:
    with pytest.raises(EdgeboardError, match=f"{nearest:.3f}: no layer may vanish"):
        prune_to_ratio(network, 32, 0.9999, options())
    prune_to_ratio(network, 32, nearest - 0.001, options())


def test_zeros_that_are_there_stay_and_count() -> None:
    network = tiny_network()
    half, _ = prune_to_ratio(network, 32, 0.5, options(criterion="random", scope="global"))
    more, _ = prune_to_ratio(half, 32, 0.7, options(scope="local"))
    assert count_zero_weights(more) == pytest.approx(0.7 * count_parameters(network), abs=6)
    for name, weight in prunable_weights(half).items():
        assert not more.get_parameter(name)[weight == 0].any()


def test_parameters_that_are_no_weights_of_a_layer_are_left_alone() -> None:
    """Such as the scales of a ConvNeXt and the class token of a ViT."""
    network = tiny_network()
    network.scale = nn.Parameter(torch.full((16, 1, 1), 1e-6))
    network.token = nn.Parameter(torch.full((1, 4, 16), 1e-6))
    sparse, _ = prune_to_ratio(network, 32, 0.9, options(scope="global"))
    assert sparse.get_parameter("scale").all()
    assert sparse.get_parameter("token").all()


def test_scores_below_zero_go_first_and_zeros_that_are_there_stay() -> None:
    """Movement is negative where a weight was on its way to zero."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 1, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0, 1.0, 0.0, 1.0, 1.0, 1.0]]))
    scores = {"1.weight": torch.tensor([[3.0, -5.0, -9.0, -4.0, 0.0, 1.0]])}
    for scope in ("local", "global"):
        sparse = with_zeros(network, 3, scope, scores)
        assert sparse[1].weight.tolist() == [[1.0, 0.0, 0.0, 0.0, 1.0, 1.0]]  # type: ignore[index]


def test_the_random_control_repeats_and_differs_by_seed() -> None:
    chosen = options(criterion="random", scope="global")
    masks = [
        torch.cat(
            [(w == 0).flatten() for w in prunable_weights(prune_to_ratio(n, 32, 0.5, chosen, seed=s)[0]).values()]
        )
        for n, s in ((tiny_network(), 1), (tiny_network(), 1), (tiny_network(), 2))
    ]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
