"""Functions of time that movements are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.data.movers.skeleton import Array


def wander(rng: np.random.Generator, amplitude: float, period: float) -> Callable[[Array], Array]:
    """A smooth irregular course about 0, within about ±`amplitude`, whose slowest part takes about `period` seconds."""
    rates = 2 * np.pi / period * np.array([1.0, 1.63, 2.71]) * rng.uniform(0.8, 1.25, 3)
    starts, shares = rng.uniform(0, 2 * np.pi, 3), np.array([0.55, 0.3, 0.15]) * amplitude

    def at(t: Array) -> Array:
        course: Array = np.sin(t[:, None] * rates + starts) @ shares
        return course

    return at


def ease(u: Array) -> Array:
    """From 0 to 1 as u does, at rest at both ends (the minimum-jerk course of Flash & Hogan 1985)."""
    u = np.clip(u, 0, 1)
    eased: Array = u**3 * (10 - 15 * u + 6 * u**2)
    return eased


def through(t: Array, times: Array, values: Array, powers: Array | None = None) -> Array:
    """`[n, k]`: the rows of `values` at their `times`, held before the first and after the last.

    Between two rows the course rests at both ends; where `powers` gives a number above 0 for that step it is u^power
    instead, as of something that falls.
    """
    result: Array = np.repeat(values[:1], len(t), axis=0)
    for i in range(1, len(times)):
        u = np.clip((t - times[i - 1]) / (times[i] - times[i - 1]), 0, 1)
        share = ease(u) if powers is None or powers[i - 1] <= 0 else u ** powers[i - 1]
        result = result + share[:, None] * (values[i] - values[i - 1])
    return result


def pulse(t: Array, at: float, rise: float, decay: float) -> Array:
    """0, up to 1 at the moment `at` and back to 0."""
    return ease((t - at + rise) / rise) * (1 - ease((t - at) / decay))
