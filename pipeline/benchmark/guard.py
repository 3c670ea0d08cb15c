"""The guard: does a recipe's last step pay off on this machine, or does it cost time, bytes or memory?

A model with fewer operations can be slower (int8 on an engine without its kernels, unstructured zeros that are
multiplied all the same) and a file with fewer parameters larger (the scales of many small tensors). Each variant is
set against its *input*: the measured variant from which its recipe goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.statistics import Estimate, speedup

MEMORY_TOLERANCE = 0.05  # peak memory counts pages of the allocator too: no difference is called below


@dataclass(frozen=True)
class Cost:
    """What one variant costs on this machine.

    recipe: labels of its steps after training. rounds_ms: latencies of whole frames, an array per round; size_bytes:
    of the file that ships; memories_mb: peak memory of each process that measured it, in 10^6 bytes.
    """

    recipe: Sequence[str]
    rounds_ms: Sequence[NDArray[np.float64]]
    size_bytes: int
    memories_mb: Sequence[float]


def input_of(name: str, recipes: Mapping[str, Sequence[str]]) -> str | None:
    """The variant whose recipe is the longest proper prefix of that of `name`; the first named where several are.

    None for the empty recipe, the baseline's. Steps are compared by their labels: `prune` is no prefix of
    `prune@ratio=0.5 > distill`.
    """
    mine = tuple(recipes[name])
    prefixes = [other for other, steps in recipes.items() if len(steps) < len(mine) and mine[: len(steps)] == (*steps,)]
    return max(prefixes, key=lambda other: len(recipes[other]), default=None)


def guard(costs: Mapping[str, Cost], smallest_difference: float, seed: int) -> dict[str, dict[str, Any]]:
    """Variant -> columns `input`, `speedup_over_input` with _low and _high, and `warning`, empty where all is well.

    smallest_difference: how far a speed-up must lie below 1 before it counts, in [0, 1). All variants were timed in
    the same rounds, in turn.
    """
    recipes = {name: cost.recipe for name, cost in costs.items()}
    return {name: _columns(costs, name, input_of(name, recipes), smallest_difference, seed) for name in costs}


def _columns(
    costs: Mapping[str, Cost], name: str, input_name: str | None, smallest_difference: float, seed: int
) -> dict[str, Any]:
    if input_name is None:
        none = {f"speedup_over_input{end}": None for end in ("", "_low", "_high")}
        return {"input": None, **none, "warning": ""}
    mine, before = costs[name], costs[input_name]
    speed = speedup(mine.rounds_ms, before.rounds_ms, seed)
    words = [
        _why_slower(speed, input_name, smallest_difference),
        _why_bigger(mine.size_bytes, before.size_bytes, input_name),
        _why_more_memory(mine.memories_mb, before.memories_mb, input_name),
    ]
    return {
        "input": input_name,
        **speed.columns("speedup_over_input"),
        "warning": "; ".join(word for word in words if word),
    }


def _why_slower(speed: Estimate, input_name: str, smallest_difference: float) -> str | None:
    if speed.high >= 1 or speed.value >= 1 - smallest_difference:
        return None
    return f"slower than {input_name}: {speed.value:.2f}× [{speed.low:.2f}, {speed.high:.2f}]"


def _why_bigger(size_bytes: int, before_bytes: int, input_name: str) -> str | None:
    # Bytes are counted, not measured: one more is more.
    if size_bytes <= before_bytes:
        return None
    told = [f"{size / 1e6:.2f} MB" for size in (size_bytes, before_bytes)]
    if told[0] == told[1]:
        told = [f"{size:,} bytes" for size in (size_bytes, before_bytes)]
    return f"bigger than {input_name}: {told[0]} against {told[1]}"


def _why_more_memory(memories_mb: Sequence[float], before_mb: Sequence[float], input_name: str) -> str | None:
    if min(memories_mb) <= (1 + MEMORY_TOLERANCE) * max(before_mb):
        return None
    return f"more memory than {input_name}: {np.median(memories_mb):.1f} MB against {np.median(before_mb):.1f} MB"
