"""Structured pruning to a ratio: how much leaves, what does, and what is refused."""

from __future__ import annotations

import copy
import itertools
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.compress.pruning.channels import choose, rank
from pipeline.compress.pruning.cuts import Entered, cut_channels
from pipeline.compress.pruning.dependencies import dependency_graph, find_channels, remove_channels
from pipeline.compress.pruning.importance import channel_importance
from pipeline.compress.pruning.prune import RATIO_TOLERANCE, prune_to_ratio
from pipeline.compress.pruning.zeroing import count_zero_channels
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.export.onnx_file import export_onnx
from pipeline.networks import build_network, count_parameters
from tests.compress.sections import planned
from tests.compress.tiny_networks import Grouped, Tiny, as_trained, silence_odd_channels, tiny_network


def options(**changes: object) -> Prune:
    made: Prune = planned("prune", **changes).options
    return made


def widths(network: nn.Module) -> dict[str, int]:
    return {
        name: module.out_features if isinstance(module, nn.Linear) else module.out_channels
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    }


@pytest.mark.parametrize(
    ("architecture", "ratio", "changes"),
    [
        ("resnet18", 0.8, {}),
        ("resnet18", 0.5, {"structure": "filter", "scope": "global", "criterion": "l1"}),
        pytest.param("mobilenet_v3_small", 0.5, {}, marks=pytest.mark.slow),
        pytest.param("mobilenet_v2", 0.5, {"structure": "filter"}, marks=pytest.mark.slow),
        pytest.param("resnet50", 0.7, {}, marks=pytest.mark.slow),
        pytest.param("vgg16", 0.8, {}, marks=pytest.mark.slow),
    ],
)
def test_the_wished_fraction_of_parameters_leaves(architecture: str, ratio: float, changes: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, 3).eval()
    before = count_parameters(network)
    pruned, report = prune_to_ratio(network, 64, ratio, options(**changes))
    removed = 1 - count_parameters(pruned) / before
    assert removed == pytest.approx(ratio, abs=RATIO_TOLERANCE)
    assert report == {"ratio_wished": ratio, "ratio_reached": pytest.approx(removed), "round_to_used": 8}
    assert count_parameters(network) == before, "the network itself must stay as it was"
    assert pruned(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert count_zero_channels(pruned) == 0


@pytest.mark.parametrize("network", [Tiny(), Grouped(48)], ids=["residual", "grouped"])
def test_every_structure_scope_and_criterion_reaches_the_ratio(network: nn.Module) -> None:
    as_trained(network)
    before = count_parameters(network)
    for structure, scope, criterion in itertools.product(
        ["filter", "block"], ["local", "global"], ["l1", "l2", "bn_scale", "random"]
    ):
        chosen = options(structure=structure, scope=scope, criterion=criterion)
        pruned, report = prune_to_ratio(network, 32, 0.3, chosen)
        assert report["ratio_reached"] == pytest.approx(1 - count_parameters(pruned) / before)
        assert report["ratio_reached"] == pytest.approx(0.3, abs=RATIO_TOLERANCE), (structure, scope, criterion)
        assert count_zero_channels(pruned) == 0


@pytest.mark.parametrize(
    ("network", "half", "structure", "silent"),
    [
        (Tiny(), Tiny(3, 8, 16, 16), "block", ("stem", "inner", "outer", "hidden")),
        (Tiny(), Tiny(3, 16, 16, 16), "filter", ("inner", "hidden")),
        (Grouped(), Grouped(8), "block", tuple(f"{place}" for place in range(13))),
        (Grouped(), Grouped(8), "filter", tuple(f"{place}" for place in range(13))),
    ],
    ids=["residual", "residual-filter", "grouped", "grouped-filter"],
)
@pytest.mark.parametrize("scope", ["local", "global"])
def test_channels_that_do_nothing_leave_and_nothing_else(
    network: nn.Module, half: nn.Module, structure: str, silent: tuple[str, ...], scope: str
) -> None:
    as_trained(network)
    silence_odd_channels(network, silent)
    assert count_zero_channels(network) > 0
    frames = torch.randn(2, 3, 32, 32)
    wished = 1 - count_parameters(half) / count_parameters(network)
    pruned, _ = prune_to_ratio(network, 32, wished, options(structure=structure, scope=scope, round_to=1))
    assert widths(pruned) == widths(half)
    assert [m.groups for m in pruned.modules() if isinstance(m, nn.Conv2d)] == [
        m.groups for m in half.modules() if isinstance(m, nn.Conv2d)
    ]
    torch.testing.assert_close(pruned(frames), network(frames), rtol=1e-4, atol=1e-5)
    assert count_zero_channels(pruned) == 0


def test_filter_keeps_the_residual_stream_and_block_does_not() -> None:
    network = tiny_network()
    for structure, keeps in (("filter", True), ("block", False)):
        pruned, _ = prune_to_ratio(network, 32, 0.5, options(structure=structure, round_to=4))
        after = widths(pruned)
        assert (after["stem.0"] == 16) == keeps
        assert after["stem.0"] == after["outer.0"]
        assert after["inner.0"] == after["inner.3"] < 32
        assert after["head"] == 3


def test_filter_ranks_by_the_filter_itself_and_block_by_all_that_is_coupled() -> None:
    """The first 16 filters of `inner` are small, but what reads their outputs is large."""
    network = tiny_network()
    with torch.no_grad():
        network.inner[0].weight[:16] *= 0.5  # type: ignore[index, union-attr, operator]
        network.outer[0].weight[:, :16] *= 100  # type: ignore[index, union-attr, operator]
    half = 1 - count_parameters(Tiny(3, 16, 16, 16)) / count_parameters(network)
    by_filter, _ = prune_to_ratio(network, 32, half, options(structure="filter", round_to=1))
    assert torch.equal(by_filter.inner[0].weight, network.inner[0].weight[16:])  # type: ignore[index, union-attr]
    half = 1 - count_parameters(Tiny(3, 8, 16, 16)) / count_parameters(network)
    by_block, _ = prune_to_ratio(network, 32, half, options(structure="block", round_to=1))
    assert by_block.outer[0].weight.abs().mean() > 1  # type: ignore[index, union-attr, operator]


def test_local_takes_the_same_fraction_everywhere_and_global_where_it_matters_least() -> None:
    network = tiny_network()
    with torch.no_grad():
        # Half of `hidden` is useless; every filter of `inner` is as good as any other.
        network.hidden.weight[::2] *= 0.01  # type: ignore[index, union-attr, operator]
        nn.init.constant_(network.inner[0].weight, 0.1)  # type: ignore[index, union-attr, arg-type]
    local, _ = prune_to_ratio(network, 32, 0.2, options(structure="filter", round_to=1))
    over_all, _ = prune_to_ratio(network, 32, 0.2, options(structure="filter", scope="global", round_to=1))
    assert widths(local)["inner.0"] / 32 == pytest.approx(widths(local)["hidden"] / 32, abs=1 / 32)
    assert widths(over_all)["hidden"] < widths(over_all)["inner.0"] == 32


@pytest.mark.parametrize("round_to", [1, 2, 8])
def test_widths_are_multiples_of_round_to(round_to: int) -> None:
    pruned, report = prune_to_ratio(as_trained(Tiny(3, 64, 128, 64)), 32, 0.6, options(round_to=round_to))
    assert report["round_to_used"] == round_to
    assert all(width % round_to == 0 for name, width in widths(pruned).items() if name != "head")


def test_a_finer_rounding_is_used_where_the_wished_one_is_too_coarse() -> None:
    _, report = prune_to_ratio(tiny_network(), 32, 0.45, options(round_to=32))
    assert report["round_to_used"] < 32
    assert report["ratio_reached"] == pytest.approx(0.45, abs=RATIO_TOLERANCE)


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("round_to", [1, 8, 16])
def test_a_cut_before_others_takes_no_more_than_its_share(scope: str, round_to: int) -> None:
    network = as_trained(Tiny(3, 32, 64, 64))
    channels = [one for one in find_channels(dependency_graph(network, 32)) if not one.fixed]
    ranked = rank(channels, channel_importance(network, options(), {}, 0))
    n_now = count_parameters(network)
    for percent in (5, 40, 75, 90):
        n_wished = n_now * (1 - percent / 100)
        leaving, n_left = choose(ranked, n_wished, n_now, scope, round_to, tolerance=0.02 * n_now, may_pass=False)
        nearest, n_nearest = choose(ranked, n_wished, n_now, scope, round_to, tolerance=0.0)
        assert abs(n_nearest - n_wished) <= n_left - n_wished
        for chosen, n in ((leaving, n_left), (nearest, n_nearest)):
            smaller = copy.deepcopy(network)
            graph = dependency_graph(smaller, 32)
            for one, n_sets in zip(ranked, chosen, strict=True):
                if n_sets:
                    root = smaller.get_submodule(one.channels.touched[0].name)
                    remove_channels(graph, root, one.channels.members(one.order[:n_sets]).tolist())
            assert count_parameters(smaller) == n, "counted without removing anything"


def test_scores_lose_the_channels_that_the_weights_lose() -> None:
    network = tiny_network()
    scores = {name: parameter.detach().clone() for name, parameter in network.named_parameters() if parameter.ndim > 1}
    cut = cut_channels(network, 32, 0.5, options(criterion="movement"), scores, 0, Entered(count_parameters(network)))
    assert set(cut.scores) == set(scores)
    for name, score in cut.scores.items():
        assert torch.equal(score, cut.network.get_parameter(name))
    assert all(parameter.grad is None for parameter in cut.network.parameters())


def test_the_random_control_repeats_and_differs_by_seed() -> None:
    chosen = options(criterion="random")
    weights = [
        prune_to_ratio(tiny_network(), 32, 0.5, chosen, seed=seed)[0].stem[0].weight.detach()  # type: ignore[index, union-attr]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_exported_file_shrinks_as_the_parameters_do(tmp_path: Path) -> None:
    network = as_trained(Tiny(3, 64, 128, 64))
    pruned, report = prune_to_ratio(network, 32, 0.7, options())
    for name, one in (("before", network), ("after", pruned)):
        export_onnx(one, 32, tmp_path / f"{name}.onnx", opset=13)
    before, after = ((tmp_path / f"{name}.onnx").stat().st_size for name in ("before", "after"))
    assert 1 - after / before == pytest.approx(report["ratio_reached"], abs=0.05)


@pytest.mark.parametrize(
    ("network", "ratio", "changes", "words"),
    [
        # One channel is the least: 28 + 6 of 224 + 27 parameters stay.
        (
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
            0.999,
            {},
            [r"0\.865: no layer may vanish", "compress.ratio"],
        ),
        (Tiny(), 0.999, {"structure": "filter"}, [r"reached is 0\.8", "a residual connection couples"]),
        (Tiny(), 0.6, {"structure": "filter", "criterion": "bn_scale"}, ["without batch normalisation"]),
        # The answer is all there is.
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)), 0.5, {}, [r"reached is 0\.000"]),
        (
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
            0.5,
            {"criterion": "bn_scale"},
            ["the network has none", "vgg16_bn"],
        ),
    ],
)
def test_a_ratio_that_cannot_be_reached_says_what_can(
    network: nn.Module, ratio: float, changes: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(EdgeboardError) as caught:
        prune_to_ratio(network, 16, ratio, options(**changes))
    for word in words:
        assert re.search(word, str(caught.value)), str(caught.value)


def test_a_ratio_near_one_keeps_every_layer() -> None:
    network = as_trained(Tiny(3, 64, 256, 64))
    pruned, report = prune_to_ratio(network, 32, 0.999, options(scope="global", round_to=1))
    assert report["ratio_reached"] == pytest.approx(0.999, abs=RATIO_TOLERANCE)
    assert min(widths(pruned).values()) >= 1
    assert pruned(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
