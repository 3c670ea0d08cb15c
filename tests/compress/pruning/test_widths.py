from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import onnxruntime as ort
import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

from pipeline.compress.pruning.channel_groups import find_groups, without_channels
from pipeline.compress.pruning.layer_latency import CostAtWidths, LatencyTable, NetworkCost
from pipeline.compress.pruning.layer_shape import LayerShape, layer_calls, one_layer_model
from pipeline.compress.pruning.stopwatch import OneFrame, compare
from pipeline.compress.pruning.width_paths import importance_kept, latency_path, uniform_path
from pipeline.compress.pruning.widths import TOLERANCE, prune_to_speedup
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.networks import build_network, count_macs, count_parameters
from tests.compress.sections import planned

L2 = tp.importance.GroupMagnitudeImportance(p=2)


def macs(shape: LayerShape) -> float:
    return shape.macs / 1e6


def dear_5x5(shape: LayerShape) -> float:
    return macs(shape) * (20 if shape.kernel == (5, 5) else 1)


def in_blocks(shape: LayerShape) -> float:
    """Kernels that always work on 16 channels at once, as ONNX Runtime's do with AVX-512: latency falls in stairs."""
    if shape.kernel is None or shape.is_depthwise:
        return macs(shape)
    n_in, n_out = (math.ceil(n / 16) * 16 for n in (shape.n_in, shape.n_out))
    return macs(shape) * n_in * n_out / (shape.n_in * shape.n_out)


class CostModel:
    """A machine whose clock is exact. A network takes longer than its layers by themselves, so that a prediction of
    theirs alone leads astray. noise: relative, uniform."""

    name = "a cost model"

    def __init__(self, cost: Callable[[LayerShape], float] = macs, noise: float = 0.0) -> None:
        self.cost, self.noise, self.networks, self.layers = cost, noise, 0, list[LayerShape]()
        self._draw = np.random.default_rng(0)

    def open_network(self, network: nn.Module, frame_size: int) -> OneFrame:
        self.networks += 1
        whole = sum(self.cost(shape) for _, shape in layer_calls(network, frame_size))
        return self._frames(0.7 * whole + 0.1 * self._at_full(whole))

    def open_layer(self, shape: LayerShape) -> OneFrame:
        self.layers.append(shape)
        return self._frames(self.cost(shape))

    def _at_full(self, whole: float) -> float:
        self._full = getattr(self, "_full", whole)
        return self._full

    def _frames(self, ms: float) -> OneFrame:
        return lambda: ms * (1 + self.noise * self._draw.uniform())


def options(**changes: object) -> Prune:
    made: Prune = planned("prune", **changes).options
    return made


def chain(*layers: nn.Module, width: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3)).eval()


def with_dear_layer() -> nn.Sequential:
    return chain(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 5, padding=2), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
        width=64,
    )  # fmt: skip


def grouped() -> nn.Sequential:
    return chain(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1, groups=4), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding="same"), nn.ReLU(),
        width=64,
    )  # fmt: skip


def named(architecture: str) -> nn.Module:
    if architecture in ("with_dear_layer", "grouped"):
        made: nn.Module = globals()[architecture]()
        return made
    torch.manual_seed(0)
    return build_network(architecture, 3).eval()


def last_linear(network: nn.Module) -> nn.Module:
    return [module for module in network.modules() if isinstance(module, nn.Linear)][-1]


@pytest.mark.parametrize(
    ("architecture", "widths", "speedup", "cost", "round_to"),
    [
        ("with_dear_layer", "uniform", 1.2, dear_5x5, 1),
        ("with_dear_layer", "latency", 1.2, dear_5x5, 1),
        ("with_dear_layer", "uniform", 3.0, dear_5x5, 1),
        ("with_dear_layer", "latency", 3.0, dear_5x5, 1),
        ("grouped", "uniform", 2.0, macs, 4),
        ("grouped", "latency", 2.0, macs, 4),
        ("resnet18", "uniform", 3.0, macs, 8),
        ("resnet18", "latency", 3.0, macs, 8),
        ("resnet18", "latency", 1.5, in_blocks, 8),
        ("resnet18", "latency", 4.5, in_blocks, 8),
        ("mobilenet_v2", "uniform", 2.0, macs, 8),
        ("mobilenet_v2", "latency", 2.0, macs, 8),
        ("mobilenet_v3_small", "latency", 1.5, macs, 8),
        pytest.param("resnet50", "latency", 2.0, macs, 8, marks=pytest.mark.slow),
        pytest.param("vgg16", "latency", 3.0, macs, 8, marks=pytest.mark.slow),
    ],
)
def test_the_wished_speedup_is_met(
    architecture: str, widths: str, speedup: float, cost: Callable[[LayerShape], float], round_to: int
) -> None:
    network = named(architecture)
    machine = CostModel(cost)
    before = machine.open_network(network, 32)()
    pruned, report = prune_to_speedup(
        network, 32, options(speedup=speedup, widths=widths, round_to=round_to), L2, [last_linear(network)], machine
    )
    reached = before / machine.open_network(pruned, 32)()
    assert reached == pytest.approx(speedup, rel=TOLERANCE)
    assert report["speedup_reached"] == pytest.approx(reached)
    assert report["within_tolerance"]
    assert not report["restless"]
    assert report["ratio_reached"] == pytest.approx(1 - count_parameters(pruned) / count_parameters(network))
    assert pruned(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    layers = dict(pruned.named_modules())
    assert report["widths"], "something must have become narrower"
    for name, (full, left) in report["widths"].items():
        assert layers[name].weight.shape[0] == left
        assert left % round_to == 0
        assert 0.05 * full <= left < full


def test_widths_follow_latency_where_one_layer_is_dear() -> None:
    """At the same speed, the latency-aware choice takes more from the dear layer and keeps more of what matters."""
    reports = {}
    for widths in ("uniform", "latency"):
        network = with_dear_layer()
        wished = options(speedup=3.0, widths=widths, round_to=1)
        _, reports[widths] = prune_to_speedup(network, 32, wished, L2, [last_linear(network)], CostModel(dear_5x5))
    uniform, latency = reports["uniform"], reports["latency"]
    # Layer 0 makes the inputs of the dear layer 2, and 4 and 6 are cheap.
    left = {widths: {name: report["widths"].get(name, [64, 64])[1] for name in "0246"}
            for widths, report in reports.items()}  # fmt: skip
    assert left["latency"]["0"] * left["latency"]["2"] < 0.95 * left["uniform"]["0"] * left["uniform"]["2"]
    assert left["latency"]["6"] > 1.5 * left["uniform"]["6"]
    assert latency["speedup_reached"] == pytest.approx(uniform["speedup_reached"], rel=2 * TOLERANCE)
    assert latency["importance_kept"] > 1.1 * uniform["importance_kept"]


def test_steps_that_save_nothing_by_themselves_are_taken_together() -> None:
    """With kernels that work on 16 channels at once, 8 fewer save nothing, and the next 8 save all the more."""

    def stairs(shape: LayerShape, _least: tuple[int, int]) -> CostAtWidths:
        return lambda n_in, n_out: np.ceil(n_in / 16) * np.ceil(n_out / 16) * float(shape.macs)

    network = with_dear_layer()
    groups = find_groups(network, 32, L2, [network[-1]], 8)
    cost = NetworkCost(groups, layer_calls(network, 32), stairs)
    path = latency_path(cost)
    for choice in path:
        widths = [group.widths[step] for group, step in zip(groups, choice.steps, strict=True)]
        assert sum(width % 16 == 8 for width in widths if width > 8) <= 1, "only one group can be amid a move"
    kept = [
        importance_kept(groups, next(choice.steps for choice in one if choice.cost <= path[0].cost / 2))
        for one in (path, uniform_path(cost))
    ]
    assert kept[0] > kept[1]


def test_the_prediction_is_the_cost_of_the_layers() -> None:
    network, machine = named("resnet18"), CostModel()
    pruned, report = prune_to_speedup(
        network, 32, options(speedup=2.0, widths="latency"), L2, [last_linear(network)], machine
    )
    # Operations are bilinear in the widths, so that the interpolated table knows them exactly.
    assert report["predicted_ms_before"] == pytest.approx(count_macs(network, 32) / 1e6)
    assert report["predicted_ms_after"] == pytest.approx(count_macs(pruned, 32) / 1e6)
    assert sum(after for _, after in report["layer_ms"].values()) == pytest.approx(
        report["predicted_ms_after"], abs=0.01
    )
    assert len(set(machine.layers)) == len(machine.layers) == report["layer_files_measured"], "each shape once"


def test_between_the_points_of_the_table_latency_is_interpolated() -> None:
    """Points of a side of 64 that can shrink to 8: 8, 16, 32, 48 and 64."""
    shape = LayerShape(64, 3, (8, 8), kernel=(1, 1))

    def jagged(at: LayerShape) -> float:
        return {8: 1.0, 16: 5.0, 32: 2.0, 48: 4.0, 64: 3.0}[at.n_in]

    at = LatencyTable(CostModel(jagged), 8).cost_of(shape, (8, 3))
    ins = np.array([8, 12, 16, 24, 32, 40, 64])
    np.testing.assert_allclose(at(ins, np.full(len(ins), 3)), [1, 3, 5, 3.5, 2, 3, 3])


@pytest.mark.parametrize("widths", ["uniform", "latency"])
@pytest.mark.parametrize("speedup", [100.0, 40.0])
def test_what_cannot_be_reached_says_what_can(widths: str, speedup: float) -> None:
    network = with_dear_layer()
    # A tenth of the 0.8 parts that the whole network takes does not shrink: less than 8 times can be reached.
    with pytest.raises(EdgeboardError) as caught:
        prune_to_speedup(network, 32, options(speedup=speedup, widths=widths), L2, [network[-1]], CostModel(dear_5x5))
    assert caught.value.where == "compress.prune.speedup"
    assert caught.value.value == speedup
    fastest = float(str(caught.value.allowed).split()[-1])
    assert 5 < fastest < 8


def test_a_network_without_prunable_channels_is_told() -> None:
    network = chain(nn.Conv2d(3, 8, 3), width=8)
    with pytest.raises(EdgeboardError, match=r"about 1\.00"):
        prune_to_speedup(network, 32, options(speedup=2.0, round_to=8), L2, [network[-1]], CostModel())


@pytest.mark.parametrize(("widths", "noise"), [("uniform", 8.0), ("latency", 8.0), ("uniform", 0.6)])
def test_a_restless_machine_ends_the_search_too(widths: str, noise: float) -> None:
    network, machine = with_dear_layer(), CostModel(noise=noise)
    _, report = prune_to_speedup(
        network, 32, options(speedup=2.0, widths=widths, round_to=1), L2, [network[-1]], machine
    )
    assert report["candidates_measured"] <= 8
    assert machine.networks < 20
    assert report["restless"]
    assert report["speedup_low"] < report["speedup_reached"] < report["speedup_high"]


def test_a_lucky_time_is_not_what_is_reported() -> None:
    """A candidate is chosen for its time, so that the time that counts is taken afterwards."""

    class Lucky(CostModel):
        def open_network(self, network: nn.Module, frame_size: int) -> OneFrame:
            ms, frames, is_candidate = super().open_network(network, frame_size)(), itertools.count(), self.networks > 2
            # 10 frames of warm-up and 25 rounds of 7 are over, and the fair weather is.
            return lambda: ms * (1.25 if is_candidate and next(frames) >= 10 + 25 * 7 else 1)

    def quick(shape: LayerShape) -> float:
        return macs(shape) / 1e4

    network, machine = with_dear_layer(), Lucky(quick)
    pruned, report = prune_to_speedup(network, 32, options(speedup=2.0, round_to=1), L2, [network[-1]], machine)
    exact = CostModel(quick)
    before, after = (exact.open_network(one, 32)() for one in (network, pruned))
    assert report["speedup_reached"] == pytest.approx(before / after / 1.25)


def test_a_speedup_that_no_width_gives_ends_with_the_nearest() -> None:
    """A machine that knows only slow and fast: the search would close in on the step between them for long."""

    class Cliff(CostModel):
        def open_network(self, network: nn.Module, frame_size: int) -> OneFrame:
            exact = super().open_network(network, frame_size)
            return lambda: 10.0 if exact() > 0.41 * self._full else 1.0

    network = chain(nn.Conv2d(3, 64, 3), *(nn.Conv2d(64, 64, 1) for _ in range(15)), width=64)
    _, report = prune_to_speedup(
        network, 32, options(speedup=2.0, widths="latency", round_to=1), L2, [network[-1]], Cliff()
    )
    assert report["candidates_measured"] == 8
    assert report["speedup_reached"] in (1, 10)
    assert not report["within_tolerance"]


def test_the_network_itself_stays_as_it_was() -> None:
    network = chain(
        nn.Conv2d(3, 32, 3),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        width=32,
    ).train()
    network[1].eval()
    loss = network(torch.randn(2, 3, 32, 32)).sum()
    loss.backward()
    modes = {name: module.training for name, module in network.named_modules()}
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    asked: list[nn.Module] = []

    def importance(group: tp.Group) -> Tensor:
        asked.append(group[0].dep.target.module)
        scores: Tensor = tp.importance.GroupTaylorImportance()(group)
        return scores

    pruned, _ = prune_to_speedup(network, 32, options(speedup=2.0), importance, [network[-1]], CostModel())
    assert count_parameters(pruned) < count_parameters(network)
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert set(asked) <= set(network.modules()), "gradients are those of the network itself"
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("widths", ["uniform", "latency"])
def test_channels_that_do_nothing_leave_first(widths: str) -> None:
    network = with_dear_layer()
    with torch.no_grad():
        for place in (0, 2, 4, 6):
            network[place].weight[::2], network[place].bias[::2] = 0, 0
            following = network[place + 2] if place < 6 else network[-1]
            following.weight[:, ::2] = 0
    frames = torch.randn(2, 3, 32, 32)
    pruned, report = prune_to_speedup(
        network, 32, options(speedup=1.8, widths=widths, round_to=1), L2, [network[-1]], CostModel(dear_5x5)
    )
    torch.testing.assert_close(pruned(frames), network(frames))
    assert report["importance_kept"] == pytest.approx(1)


def test_ignored_layers_keep_their_outputs() -> None:
    network = with_dear_layer()
    _, report = prune_to_speedup(
        network, 32, options(speedup=1.5, widths="latency"), L2, [network[2], network[-1]], CostModel()
    )
    assert {"2", "9"}.isdisjoint(report["widths"])


@pytest.mark.parametrize(
    ("n", "round_to", "expected"),
    [
        (2, 1, (2, 1)),
        (8, 8, (8,)),
        (20, 8, (20, 16, 8)),
        (40, 1, tuple(range(40, 1, -1))),  # a twentieth is 2
        (512, 8, tuple(range(512, 31, -8))),
        (512, 1, tuple(range(512, 31, -8))),  # no more than 64 widths
    ],
)
def test_widths_that_a_group_may_have(n: int, round_to: int, expected: tuple[int, ...]) -> None:
    network = chain(nn.Conv2d(3, n, 1), width=n)
    (group,) = find_groups(network, 8, L2, [network[-1]], round_to)
    assert group.widths == expected
    assert group.share_kept[0] == 1
    assert all(wider > narrower > 0 for wider, narrower in itertools.pairwise(group.share_kept))


@pytest.mark.parametrize(
    ("scores", "share_at_half"),
    [
        ([1.0, 1, 1, 1], 0.5),
        ([1.0, 2, 3, 4], 0.7),
        ([0.0, 0, 0, 0], 0.5),
        ([0.0, 0, 0, 5], 1.0),
        ([-3.0, -2, -1, 0], 5 / 6),  # 0, 1, 2, 3 above the least
        ([1e-30, 1e-30, 1e-30, 1e-30], 0.5),
    ],
)
def test_importance_is_a_share_of_the_group(scores: list[float], share_at_half: float) -> None:
    network = chain(nn.Conv2d(3, 4, 1), width=4)
    (group,) = find_groups(network, 8, lambda _group: torch.tensor(scores), [network[-1]], 1)
    assert group.share_kept[2] == pytest.approx(share_at_half)
    assert group.lost[2] == pytest.approx(-math.log(share_at_half))


def test_a_residual_connection_counts_every_layer_that_makes_its_channels() -> None:
    network = named("resnet18")
    groups = {group.root: group for group in find_groups(network, 32, L2, [network.fc], 8)}
    assert groups["layer1.0.conv1"].makers == 1
    stream = groups["conv1"]
    assert {name for name, (_, outputs) in stream.narrowed.items() if outputs.any()} >= {"conv1", "layer1.1.conv2"}
    assert stream.makers == 3
    expanded = {group.root: group for group in find_groups(named("mobilenet_v2"), 32, L2, [], 8)}["features.2.conv.0.0"]
    inputs, outputs = expanded.narrowed["features.2.conv.1.0"]
    assert inputs.tolist() == outputs.tolist() == [96 - width for width in expanded.widths]
    assert expanded.makers == 1, "a depthwise convolution makes no channels"


def test_every_choice_on_a_path_can_be_built_and_is_predicted() -> None:
    """The widths that the cost is computed for are those of the network that is built."""
    for architecture, round_to, built_at in (("grouped", 1, (0, 0.3, 0.99)), ("mobilenet_v2", 16, (0.6,))):
        network = named(architecture)
        groups = find_groups(network, 32, L2, [last_linear(network)], round_to)
        cost = NetworkCost(groups, layer_calls(network, 32), LatencyTable(CostModel(), round_to).cost_of)
        for path in (uniform_path(cost), latency_path(cost)):
            assert path[0].steps == (0,) * len(groups)
            assert path[-1].steps == tuple(len(group.widths) - 1 for group in groups)
            for choice in (path[int(share * len(path))] for share in built_at):
                built = without_channels(network, 32, groups, choice.steps)
                assert choice.cost == pytest.approx(count_macs(built, 32) / 1e6)


def test_uniform_takes_the_same_fraction_of_every_group() -> None:
    network = named("mobilenet_v2")
    groups = find_groups(network, 32, L2, [last_linear(network)], 4)
    path = uniform_path(NetworkCost(groups, layer_calls(network, 32), LatencyTable(CostModel(), 4).cost_of))
    for choice in path:
        left = [group.widths[step] / group.widths[0] for group, step in zip(groups, choice.steps, strict=True)]
        wide = [share for share, group in zip(left, groups, strict=True) if group.widths[0] >= 384]
        assert max(wide) - min(wide) <= 8 / 384 * 2


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 8, 3),
        nn.Conv2d(6, 8, (3, 5), stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
        nn.Conv2d(6, 6, 3, padding="same", dilation=2),
        nn.Conv2d(6, 6, 4, padding="same"),
        nn.Conv2d(6, 6, 3, padding="valid", groups=6),
        nn.Conv2d(6, 12, 3, padding=1, groups=3),
        nn.Linear(5, 7),
    ],
    ids=str,
)
def test_the_file_of_one_layer_is_that_layer(layer: nn.Module) -> None:
    """With the layer's weights, ONNX Runtime answers what PyTorch does."""
    is_linear = isinstance(layer, nn.Linear)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 13 * 13, 5), layer) if is_linear else nn.Sequential(
        nn.Conv2d(3, layer.in_channels, 1), layer
    )  # fmt: skip
    calls = dict(layer_calls(network, 13))
    shape = calls["2" if is_linear else "1"]
    model = one_layer_model(shape)
    with torch.no_grad():
        for parameter, tensor in zip((layer.weight, layer.bias), model.graph.initializer, strict=True):
            parameter.copy_(torch.from_numpy(np.frombuffer(tensor.raw_data, np.float32).reshape(tensor.dims).copy()))
        frame = torch.randn(1, 5) if is_linear else torch.randn(1, layer.in_channels, 13, 13)
        expected = layer(frame).numpy()
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": frame.numpy()})[0], expected, atol=1e-5)
    assert sum(each.macs for each in calls.values()) == count_macs(network, 13)


def test_what_slows_both_networks_down_does_not_change_the_ratio() -> None:
    frames = itertools.count()

    def slow_machine(ms: float) -> OneFrame:
        # Every round starts slower than the one before, and every eleventh frame is interrupted.
        return lambda: ms * (1 + next(frames) // 14 / 10) * (50 if next(frames) % 11 == 0 else 1)

    compared = compare(slow_machine(6.0), slow_machine(2.0))
    assert compared.speedup == pytest.approx(3.0, rel=0.1)
    assert compared.interval[0] <= compared.speedup <= compared.interval[1]


def test_frames_with_cold_caches_are_not_counted() -> None:
    """The first two frames after the other network are slow, and the five that count get slower: their median is 3."""

    def after_a_switch() -> OneFrame:
        frames = itertools.chain([9.0] * 10, itertools.cycle([9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
        return lambda: next(frames)

    compared = compare(after_a_switch(), after_a_switch())
    assert compared.medians_ms == (3.0, 3.0)
    assert compared.difference == 0


def test_rounds_stop_at_the_budget() -> None:
    assert len(compare(lambda: 1000.0, lambda: 500.0).before_ms) == 7
    assert len(compare(lambda: 0.1, lambda: 0.1).before_ms) == 25


@pytest.mark.slow
def test_on_this_machine() -> None:
    network = with_dear_layer()
    pruned, report = prune_to_speedup(network, 64, options(speedup=1.5, widths="latency"), L2, [network[-1]])
    assert count_parameters(pruned) < count_parameters(network)
    assert pruned(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    measured = ("speedup_reached", "speedup_low", "speedup_high", "ms_before", "ms_after", "timing_error",
                "predicted_ms_before", "predicted_ms_after", "ratio_reached", "importance_kept")  # fmt: skip
    assert all(math.isfinite(report[name]) for name in measured)
    assert report["timed_with"].startswith("onnxruntime fp32, batch 1, ")
    assert report["ms_before"] > 0
    assert report["ms_after"] > 0
    assert set(report["layer_ms"]) == {"0", "2", "4", "6", "10"}
    assert all(ms > 0 for both in report["layer_ms"].values() for ms in both)
