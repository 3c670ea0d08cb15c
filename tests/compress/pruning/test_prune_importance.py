"""Criteria: what a score is, for single weights and for groups of channels."""

from __future__ import annotations

import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.compress.pruning.dependencies import Channels, dependency_graph, find_channels
from pipeline.compress.pruning.importance import MovementScores, Scores, channel_importance, weight_scores
from pipeline.compress.pruning.taylor import taylor_scores
from tests.compress.sections import planned
from tests.compress.tiny_networks import Grouped, Tiny, as_trained, tiny_network

FRAMES = torch.randn(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 3


def groups_of(network: nn.Module) -> dict[str, Channels]:
    """By the name of the layer that makes the channels, without the answer."""
    names = {module: name for name, module in network.named_modules()}
    return {names[one.root]: one for one in find_channels(dependency_graph(network, 16)) if not one.fixed}


def importance_of(network: nn.Module, group: str, scores: Scores | None = None, **options: object) -> Tensor:
    importance = channel_importance(network, planned("prune", **options).options, scores or {}, 0)
    found = importance(groups_of(network)[group].group)
    assert found is not None
    return found


@pytest.mark.parametrize(("criterion", "power"), [("l1", 1), ("l2", 2)])
def test_magnitude_is_the_mean_over_the_coupled_layers_relative_to_the_group(criterion: str, power: int) -> None:
    network = tiny_network()
    inner, dw, out = network.inner, network.inner[3], network.outer[0]  # type: ignore[index]
    parts = [
        inner[0].weight.abs().pow(power).flatten(1).sum(1), inner[1].weight.abs().pow(power),  # type: ignore[index, union-attr]
        inner[4].weight.abs().pow(power), out.weight.abs().pow(power).sum((0, 2, 3)),  # type: ignore[index, union-attr]
    ]  # fmt: skip
    assert dw.groups == 32
    expected = torch.stack(parts).mean(0)
    found = importance_of(network, "inner.0", criterion=criterion)
    torch.testing.assert_close(found, expected / expected.mean())
    alone = importance_of(network, "inner.0", criterion=criterion, structure="filter")
    torch.testing.assert_close(alone, parts[0] / parts[0].mean())


def test_bn_scale_is_the_scale_as_it_is_and_says_nothing_of_other_layers() -> None:
    network = tiny_network()
    first, second = network.inner[1].weight, network.inner[4].weight  # type: ignore[index, union-attr]
    torch.testing.assert_close(importance_of(network, "inner.0", criterion="bn_scale"), (first + second) / 2)
    filtered = importance_of(network, "inner.0", criterion="bn_scale", structure="filter")
    torch.testing.assert_close(filtered, first.detach())
    chosen = planned("prune", criterion="bn_scale").options
    assert channel_importance(network, chosen, {}, 0)(groups_of(network)["hidden"].group) is None


@pytest.mark.parametrize("criterion", ["l2", "bn_scale"])
def test_channels_that_come_twice_behind_a_concatenation_are_scored_once(criterion: str) -> None:
    network = as_trained(Grouped())
    found = importance_of(network, "6", criterion=criterion)
    assert found.shape == (16,)
    if criterion == "bn_scale":
        torch.testing.assert_close(found, network[10].weight[:16] + network[10].weight[16:])  # type: ignore[index]


def test_taylor_is_what_the_loss_changes_by_to_first_order() -> None:
    network = tiny_network().double()
    scores = taylor_scores(network, [(FRAMES.double(), LABELS)], cross_entropy, absolute=False)
    loss = float(cross_entropy(network(FRAMES.double()), LABELS))
    for name in ("inner.0.weight", "head.weight"):
        weight = network.get_parameter(name)
        share, small = scores[name].flatten()[5], 1e-4
        with torch.no_grad():
            weight.view(-1)[5] *= 1 + small
        changed = (float(cross_entropy(network(FRAMES.double()), LABELS)) - loss) / small
        assert changed == pytest.approx(float(share), rel=1e-2, abs=1e-9)
        with torch.no_grad():
            weight.view(-1)[5] /= 1 + small


def test_taylor_sums_over_the_batches_and_repeats() -> None:
    network = tiny_network()
    network.train()
    batches = [(FRAMES[:5], LABELS[:5]), (FRAMES[5:], LABELS[5:])]
    by_batch = [taylor_scores(network, [batch], cross_entropy, absolute=False) for batch in batches]
    signed = taylor_scores(network, batches, cross_entropy, absolute=False)
    absolute = taylor_scores(network, batches, cross_entropy, absolute=True)
    again = taylor_scores(network, batches, cross_entropy, absolute=True)
    for name in signed:
        torch.testing.assert_close(signed[name], by_batch[0][name] + by_batch[1][name])
        torch.testing.assert_close(absolute[name], by_batch[0][name].abs() + by_batch[1][name].abs())
        assert torch.equal(absolute[name], again[name])
    assert all(parameter.grad is None for parameter in network.parameters())


def test_taylor_of_a_channel_is_that_of_torch_pruning_where_that_is_right() -> None:
    """It is in a chain of convolutions without groups."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 3),
    ).eval()  # fmt: skip
    scores = taylor_scores(network, [(FRAMES, LABELS)], cross_entropy, absolute=False)
    cross_entropy(network(FRAMES), LABELS).backward()
    theirs = tp.importance.GroupTaylorImportance(group_reduction="sum", normalizer=None, multivariable=True)
    for name, group in groups_of(network).items():
        torch.testing.assert_close(importance_of(network, name, scores, criterion="taylor"), theirs(group.group))


def test_the_inputs_of_a_grouped_convolution_are_those_of_its_own_groups() -> None:
    network = as_trained(Grouped())
    scores = taylor_scores(network, [(FRAMES, LABELS)], cross_entropy, absolute=False)
    found = importance_of(network, "0", scores, criterion="taylor")
    own = scores["0.weight"].flatten(1).sum(1).abs()
    # Outputs 4g to 4g + 3 read inputs 4g to 4g + 3.
    read = [scores["3.weight"][i // 4 * 4 : i // 4 * 4 + 4, i % 4].sum().abs() for i in range(16)]
    torch.testing.assert_close(found, own + torch.stack(read))


def test_movement_is_the_sum_of_minus_gradient_times_weight() -> None:
    network = Tiny()
    movement = MovementScores(network, {})
    expected: Scores = {}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for frames, labels in ((FRAMES[:6], LABELS[:6]), (FRAMES[6:], LABELS[6:])):
        optimizer.zero_grad()
        cross_entropy(network(frames), labels).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None
            expected[name] = expected.get(name, 0) - (parameter.grad * parameter).detach()  # type: ignore[operator]
        movement.accumulate(network)
        optimizer.step()
    found = movement.scores()
    assert {name for name, parameter in network.named_parameters() if parameter.ndim > 1} == set(found)
    for name in found:
        torch.testing.assert_close(found[name], expected[name])
    assert not list(movement.parameters())
    goes_on = MovementScores(network, found)
    goes_on.accumulate(network)
    assert not torch.equal(goes_on.scores()["head.weight"], found["head.weight"])
    torch.testing.assert_close(movement.scores()["head.weight"], expected["head.weight"])


def test_movement_keeps_its_sign_and_taylor_does_not() -> None:
    network = tiny_network()
    scores = {name: -torch.rand_like(parameter) for name, parameter in network.named_parameters()}
    assert (importance_of(network, "inner.0", scores, criterion="movement") < 0).all()
    assert (importance_of(network, "inner.0", scores, criterion="taylor") > 0).all()


@pytest.mark.parametrize("criterion", ["taylor", "movement"])
def test_filter_is_judged_by_the_loss_that_its_own_weights_make(criterion: str) -> None:
    network = tiny_network()
    scores = taylor_scores(network, [(FRAMES, LABELS)], cross_entropy, absolute=False)
    own = scores["inner.0.weight"].flatten(1).sum(1)
    found = importance_of(network, "inner.0", scores, criterion=criterion, structure="filter")
    torch.testing.assert_close(found, own.abs() if criterion == "taylor" else own)


def test_an_overflowed_gradient_adds_nothing() -> None:
    network = Tiny()
    movement = MovementScores(network, {})
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, torch.inf)
    movement.accumulate(network)
    assert all(not score.any() for score in movement.scores().values())


def test_single_weights_are_ranked_alike_by_l1_and_l2() -> None:
    network = tiny_network()
    of_l1, of_l2 = (
        weight_scores(network, planned("prune", structure="unstructured", criterion=criterion).options, {}, 0)
        for criterion in ("l1", "l2")
    )
    assert all(torch.equal(of_l1[name], of_l2[name]) for name in of_l1)
