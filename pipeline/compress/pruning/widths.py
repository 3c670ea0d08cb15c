"""Prune until the network runs as many times faster as wished, on this machine.

Fractions of parameters or operations say little about latency, so the exported network itself is timed, in turn with
the unpruned one, and the widths are corrected until the measured ratio is the wished one. Which layers get how
narrow: all alike (`uniform`), or where it costs least importance per millisecond (`latency`, see width_paths).

Latency is measured, so that two machines, or two runs on a restless one, may choose other widths. That is the point
of it: the network fits the machine that it was pruned on. The report keeps what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from pipeline.compress.pruning.channel_groups import ChannelGroup, find_groups, without_channels
from pipeline.compress.pruning.channels import Importance
from pipeline.compress.pruning.layer_latency import LatencyTable, NetworkCost, operations
from pipeline.compress.pruning.layer_shape import layer_calls
from pipeline.compress.pruning.stopwatch import Comparison, OneFrame, OnnxRuntimeStopwatch, Stopwatch, compare
from pipeline.compress.pruning.width_paths import Widths, importance_kept, latency_path, uniform_path
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.networks import count_parameters

# Relative to the wished speed-up. Kernels, caches and clocks repeat no better.
TOLERANCE = 0.03
# A machine is restless where the same file timed twice differs by more, or the rounds of the result lie further apart.
_RESTLESS_ERROR, _RESTLESS_SPREAD = 0.05, 0.2
_MOST_CANDIDATES = 8


def prune_to_speedup(
    network: nn.Module,
    frame_size: int,
    options: Prune,
    importance: Importance,
    ignored_layers: list[nn.Module],
    stopwatch: Stopwatch | None = None,
) -> tuple[nn.Module, dict[str, Any]]:
    """A pruned copy of `network` that runs options.speedup times faster here, and what was measured on the way.

    importance: scores `[n]` of the n channels of a Torch-Pruning group, higher is more important; asked once per group
    of `network` itself. ignored_layers: layers of `network` that keep their outputs, such as the classifier.
    stopwatch: None means ONNX Runtime, fp32, batch 1, on this machine's physical cores.

    The speed-up is searched for to within 3 %, with at most eight candidates, so that a restless machine ends it too;
    the nearest candidate is timed anew for the report. The report says what was reached, which may be further
    off where widths are coarse (`round_to`) or the machine is restless (`timing_error`, `restless`).

    Raises EdgeboardError when even the narrowest network is not fast enough.
    """
    assert options.speedup is not None, "without a speed-up, ratio decides"
    stopwatch = stopwatch or OnnxRuntimeStopwatch()
    groups = find_groups(network, frame_size, importance, ignored_layers, options.round_to)
    calls = layer_calls(network, frame_size)
    table = LatencyTable(stopwatch, options.round_to)
    by_latency = options.widths == "latency"
    cost = NetworkCost(groups, calls, table.cost_of if by_latency else operations)
    path = latency_path(cost) if by_latency else uniform_path(cost)
    search = _Search(network, frame_size, groups, path, stopwatch)
    best = search.run(options.speedup)
    pruned, timed, widths = search.network_at(best), search.timed[best], path[best]
    before_ms, after_ms = timed.medians_ms
    low, high = timed.interval
    report: dict[str, Any] = {
        "speedup_wished": options.speedup,
        "speedup_reached": timed.speedup,
        "speedup_low": low,
        "speedup_high": high,
        "within_tolerance": abs(timed.speedup / options.speedup - 1) <= TOLERANCE,
        "ms_before": before_ms,
        "ms_after": after_ms,
        "timed_with": stopwatch.name,
        "rounds": len(timed.before_ms),
        "timing_error": search.timing_error,
        "restless": search.timing_error > _RESTLESS_ERROR or (high - low) / timed.speedup > _RESTLESS_SPREAD,
        "candidates_measured": len(search.timed),
        "ratio_reached": 1 - count_parameters(pruned) / count_parameters(network),
        "importance_kept": importance_kept(groups, widths.steps),
        "round_to": options.round_to,
        "widths": _changed_widths(network, pruned),
    }
    if by_latency:
        report |= {
            "predicted_ms_before": path[0].cost,
            "predicted_ms_after": widths.cost,
            "layer_files_measured": len(table.measured_ms),
            "layer_ms": _layer_ms(cost, path[0], widths),
        }
    return pruned, report


class _Search:
    """Looks along a path for the choice of widths that is as fast as wished."""

    def __init__(
        self,
        network: nn.Module,
        frame_size: int,
        groups: Sequence[ChannelGroup],
        path: Sequence[Widths],
        stopwatch: Stopwatch,
    ) -> None:
        self._network, self._frame_size, self._groups, self._path = network, frame_size, groups, path
        self._stopwatch = stopwatch
        self._before = stopwatch.open_network(network, frame_size)
        # The same network as a second file: what the clock shows where there is no difference.
        self.timing_error = compare(self._before, stopwatch.open_network(network, frame_size)).difference
        self.timed: dict[int, Comparison] = {}
        self._checked: set[int] = set()
        self._open: tuple[int, nn.Module, OneFrame] | None = None

    def run(self, wished: float) -> int:
        """Place on the path of the candidate that came nearest, whose time was taken anew after it was chosen."""
        low, high = 0, len(self._path) - 1
        fastest = self._time(high)
        if fastest < wished:
            # Chosen for being too slow: time it anew before refusing.
            fastest = self._check(high)
        if fastest < wished * (1 - TOLERANCE):
            raise EdgeboardError(
                "The network cannot be made this much faster by pruning channels",
                where="compress.prune.speedup",
                value=wished,
                allowed=f"the fastest that can be reached here is about {fastest:.2f}",
                mend="choose a speed-up below that, or a smaller compress.prune.round_to",
            )
        if fastest <= wished * (1 + TOLERANCE):
            if high not in self._checked:
                self._check(high)
            return high
        relative_ms = {low: 1.0, high: 1 / fastest}
        same_side = 0
        while high - low > 1 and len(self.timed) < _MOST_CANDIDATES:
            # Where one end stays, interpolation creeps: halve instead.
            share = (
                0.5 if abs(same_side) >= 2 else (relative_ms[low] - 1 / wished) / (relative_ms[low] - relative_ms[high])
            )
            guess = self._path[low].cost + share * (self._path[high].cost - self._path[low].cost)
            place = min(range(low + 1, high), key=lambda i: abs(self._path[i].cost - guess))
            speedup = self._time(place)
            if abs(speedup / wished - 1) <= TOLERANCE:
                speedup = self._check(place)
                if abs(speedup / wished - 1) <= TOLERANCE:
                    return place
            relative_ms[place] = 1 / speedup
            if speedup < wished:
                low, same_side = place, max(same_side, 0) + 1
            else:
                high, same_side = place, min(same_side, 0) - 1
        best = min(self.timed, key=lambda i: abs(self.timed[i].speedup / wished - 1))
        if best not in self._checked:
            self._check(best)
        return best

    def network_at(self, place: int) -> nn.Module:
        return self._opened(place)[0]

    def _time(self, place: int) -> float:
        self.timed[place] = compare(self._before, self._opened(place)[1])
        return self.timed[place].speedup

    def _check(self, place: int) -> float:
        """Time anew, for longer: a candidate that was chosen for its time was also lucky with it."""
        self.timed[place] = compare(self._before, self._opened(place)[1], rounds=(11, 40), budget_ms=3000)
        self._checked.add(place)
        return self.timed[place].speedup

    def _opened(self, place: int) -> tuple[nn.Module, OneFrame]:
        # Only one at a time: sessions hold a copy of all weights.
        if self._open is None or self._open[0] != place:
            smaller = without_channels(self._network, self._frame_size, self._groups, self._path[place].steps)
            self._open = place, smaller, self._stopwatch.open_network(smaller, self._frame_size)
        return self._open[1:]


def _changed_widths(network: nn.Module, pruned: nn.Module) -> dict[str, list[int]]:
    """Layer -> [outputs before, outputs after], of the convolutions and linear layers that lost some."""

    def outputs(of: nn.Module) -> dict[str, int]:
        return {n: m.weight.shape[0] for n, m in of.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}

    before, after = outputs(network), outputs(pruned)
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}


def _layer_ms(cost: NetworkCost, before: Widths, after: Widths) -> dict[str, list[float]]:
    """Layer -> [ms before, ms after] by the table, each layer by itself."""
    ms = cost.layers(np.array([before.steps, after.steps]))
    return {name: [round(float(one), 4) for one in both] for name, both in ms.items()}
