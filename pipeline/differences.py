"""How far two rows of the board lie apart, with an interval: on the same frames where that is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Basis = Literal["decisions", "stored", "intervals", "none"]
Decided = tuple[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Difference:
    """`value` with its 95 % interval `[low, high]`, NaN where not known; `basis` says what the interval is from."""

    value: float
    low: float
    high: float
    basis: Basis

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out no difference at all."""
        return self.low > 0 or self.high < 0


def accuracy_difference(
    row: Mapping[str, Any], reference: Mapping[str, Any], decided: Decided | None, decided_reference: Decided | None
) -> Difference:
    """Accuracy of `row` minus that of `reference`, in [-1, 1].

    In this order: the paired difference that the benchmark stored, where `reference` is the baseline of the same run;
    Newcombe's square-and-add interval with the correlation of both rows' decisions on the same frames (Newcombe 1998,
    Statistics in Medicine 17:2635, method 8); the same without a correlation, which is too wide for the same frames.
    """
    value = _number(row, "accuracy") - _number(reference, "accuracy")
    stored = [_number(row, f"accuracy_delta{end}") for end in ("", "_low", "_high")]
    if _is_baseline_of(reference, row) and not any(map(math.isnan, stored)):
        return Difference(stored[0], stored[1], stored[2], "stored")
    low, high = _number(row, "accuracy_low"), _number(row, "accuracy_high")
    low_reference, high_reference = _number(reference, "accuracy_low"), _number(reference, "accuracy_high")
    if any(map(math.isnan, (value, low, high, low_reference, high_reference))):
        return Difference(value, math.nan, math.nan, "none")
    phi = _correlation(decided, decided_reference)
    accuracy, base = _number(row, "accuracy"), _number(reference, "accuracy")
    below = _square_and_add(accuracy - low, high_reference - base, phi or 0.0)
    above = _square_and_add(high - accuracy, base - low_reference, phi or 0.0)
    return Difference(value, value - below, value + above, "intervals" if phi is None else "decisions")


def ratio(row: Mapping[str, Any], reference: Mapping[str, Any], name: str) -> Difference:
    """`row` over `reference` in a measure above 0; its interval from both rows' (Donner and Zou 2012), on logarithms.

    Both were timed apart, so that the interval is wider than one from timing in turn.
    """
    values = _number(row, name), _number(reference, name)
    if not all(value > 0 for value in values):
        return Difference(math.nan, math.nan, math.nan, "none")
    ends = [_number(one, f"{name}_{end}") for one in (row, reference) for end in ("low", "high")]
    value = values[0] / values[1]
    if not all(end > 0 for end in ends):
        return Difference(value, math.nan, math.nan, "none")
    low, high, low_reference, high_reference = map(math.log, ends)
    one, base = map(math.log, values)
    below = _square_and_add(one - low, high_reference - base, 0.0)
    above = _square_and_add(high - one, base - low_reference, 0.0)
    return Difference(value, value * math.exp(-below), value * math.exp(above), "intervals")


def comparable(row: Mapping[str, Any], reference: Mapping[str, Any]) -> bool:
    """Whether both were timed on the same target and host, so that FPS may be set against FPS."""
    return all(row.get(name) == reference.get(name) for name in ("target", "host"))


def _is_baseline_of(reference: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    same = ("experiment", "params_hash", "data_hash", "host", "created_at")
    return reference.get("variant") == "baseline" and all(row.get(name) == reference.get(name) for name in same)


def _correlation(one: Decided | None, other: Decided | None) -> float | None:
    """Phi of two rows' decisions; None where they are not of the same frames, 0 where one of them never varies."""
    if one is None or other is None or one[0] != other[0] or one[1].size != other[1].size:
        return None
    a, b = one[1], other[1]
    both, gained = int((a & b).sum()), int((a & ~b).sum())
    lost, neither = int((~a & b).sum()), int((~a & ~b).sum())
    margins = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    return (both * neither - gained * lost) / math.sqrt(margins) if margins else 0.0


def _square_and_add(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))


def _number(row: Mapping[str, Any], name: str) -> float:
    value = row.get(name)
    try:
        return float(value) if value is not None else math.nan
    except (TypeError, ValueError):  # pandas' NA is no number
        return math.nan
