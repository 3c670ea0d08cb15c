"""What each layer of a network costs at any width: measured latencies from a table, or counted operations.

HALP (Shen et al., Structural Pruning via Latency-Saliency Knapsack, NeurIPS 2022, arXiv:2210.06659) looks latencies up
in such a table, because latency does not follow operations: kernels work on blocks of channels, and small layers
wait for memory. Each distinct shape is timed once, as an ONNX file of one layer. A file by itself pays for its start
and for reordering its maps, so that the sum over the layers is not the latency of the network (of MobileNets it can
be twice as much): the sum ranks choices, and the network itself is timed to know where they lead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from pipeline.compress.pruning.channel_groups import ChannelGroup
from pipeline.compress.pruning.layer_shape import LayerShape
from pipeline.compress.pruning.stopwatch import Stopwatch, layer_ms

GRID = (1 / 8, 1 / 4, 1 / 2, 3 / 4)

# (inputs `[k]`, outputs `[k]`) of a layer -> its cost `[k]`.
CostAtWidths = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
# A layer's shape and the smallest (inputs, outputs) that it can be left with -> its cost at any widths.
CostOfLayer = Callable[[LayerShape, tuple[int, int]], CostAtWidths]


class NetworkCost:
    """The sum of the costs of the layers, at any widths of the groups.

    calls: every run of a layer for one frame. Widths are given as steps: how often each group was narrowed, `[k, G]`
    for k choices at once, indices into ChannelGroup.widths.
    """

    def __init__(
        self, groups: Sequence[ChannelGroup], calls: Sequence[tuple[str, LayerShape]], cost_of: CostOfLayer
    ) -> None:
        self.groups = groups
        self._shapes = dict(calls)
        self._touching = {
            name: [i for i, group in enumerate(groups) if name in group.narrowed] for name in self._shapes
        }
        last = np.array([[len(group.widths) - 1 for group in groups]], dtype=np.int64)
        self._costs: dict[str, list[CostAtWidths]] = {name: [] for name in self._shapes}
        for name, shape in calls:
            (least_in,), (least_out,) = self._layer_widths(name, last)
            self._costs[name].append(cost_of(shape, (int(least_in), int(least_out))))

    def layers(self, steps_kg: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Layer -> cost `[k]`, over all its runs for a frame."""
        return {name: self._layer(name, steps_kg) for name in self._shapes}

    def total(self, steps_kg: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cost `[k]` of the network."""
        return np.sum([np.zeros(len(steps_kg)), *self.layers(steps_kg).values()], axis=0)

    def saved(self, group: int, steps: Sequence[int]) -> NDArray[np.float64]:
        """What 1, 2, ... further steps of one group save, `[steps that it has left]`, while the others stay."""
        further = np.arange(steps[group], len(self.groups[group].widths))
        steps_kg = np.tile(np.asarray(steps), (len(further), 1))
        steps_kg[:, group] = further
        cost = np.sum([self._layer(n, steps_kg) for n, touching in self._touching.items() if group in touching], axis=0)
        return cost[0] - cost[1:]

    def neighbours(self, group: int) -> set[int]:
        """The groups with which it shares a layer, itself among them: what they save changes with its width."""
        return {group}.union(*(touching for touching in self._touching.values() if group in touching))

    def _layer(self, name: str, steps_kg: NDArray[np.int64]) -> NDArray[np.float64]:
        widths = self._layer_widths(name, steps_kg)
        return np.sum([cost(*widths) for cost in self._costs[name]], axis=0)

    def _layer_widths(self, name: str, steps_kg: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        n_in, n_out = (np.full(len(steps_kg), n) for n in (self._shapes[name].n_in, self._shapes[name].n_out))
        for i in self._touching[name]:
            lost_in, lost_out = self.groups[i].narrowed[name]
            n_in -= lost_in[steps_kg[:, i]]
            n_out -= lost_out[steps_kg[:, i]]
        return n_in, n_out


def operations(shape: LayerShape, _least: tuple[int, int]) -> CostAtWidths:
    """Multiply-accumulates, which need no measuring."""
    if shape.is_depthwise:
        return lambda _n_in, n_out: np.multiply(n_out, shape.macs / shape.n_out, dtype=np.float64)
    return lambda n_in, n_out: np.multiply(n_in * n_out, shape.macs / (shape.n_in * shape.n_out), dtype=np.float64)


class LatencyTable:
    """Latency in ms of layers by themselves, measured on a grid of widths and interpolated between.

    round_to: widths are multiples of it; kernels may be slower at others, so that the grid has none.
    """

    def __init__(self, stopwatch: Stopwatch, round_to: int) -> None:
        self._stopwatch, self._round_to = stopwatch, round_to
        self.measured_ms: dict[LayerShape, float] = {}

    def cost_of(self, shape: LayerShape, least: tuple[int, int]) -> CostAtWidths:
        multiple = math.lcm(self._round_to, 1 if shape.is_depthwise else shape.groups)
        ins, outs = _grid(least[0], shape.n_in, multiple), _grid(least[1], shape.n_out, multiple)
        if shape.is_depthwise:
            ms = np.array([[self._ms(shape.at_widths(n, n)) for n in outs]] * len(ins))
        else:
            ms = np.array([[self._ms(shape.at_widths(n_in, n_out)) for n_out in outs] for n_in in ins])
        return _interpolated(ins, outs, ms)

    def _ms(self, shape: LayerShape) -> float:
        if shape not in self.measured_ms:
            self.measured_ms[shape] = layer_ms(self._stopwatch.open_layer(shape))
        return self.measured_ms[shape]


def _grid(least: int, full: int, multiple: int) -> list[int]:
    """Widths to measure at: the ends of the range, and GRID's fractions of it on multiples where those are inside."""
    rounded = {multiple * round(fraction * full / multiple) for fraction in GRID}
    return sorted({least, full} | {width for width in rounded if least < width < full})


def _interpolated(ins: list[int], outs: list[int], ms: NDArray[np.float64]) -> CostAtWidths:
    """Bilinear between the points of the table `[in, out]`."""
    # The spline wants two points per axis; a side that no group narrows has one.
    if len(ins) == 1:
        ins, ms = [*ins, ins[0] + 1], np.vstack([ms, ms])
    if len(outs) == 1:
        outs, ms = [*outs, outs[0] + 1], np.hstack([ms, ms])
    spline = RectBivariateSpline(ins, outs, ms, kx=1, ky=1)
    return lambda n_in, n_out: spline(n_in, n_out, grid=False)
