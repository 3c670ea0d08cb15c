"""A budget: how much worse a row may become, and what it must reach whatever came before."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import EdgeboardError

_LIMITS = ("accuracy_min", "size_mb_max", "fps_min", "speedup_min", "latency_ms_p50_max", "memory_mb_max")
_TOLERANCES = ("accuracy", "size", "speedup")
_KEYS = ("tolerance", "limits", "variants")


@dataclass(frozen=True)
class Tolerance:
    """accuracy: fraction that it may fall beyond its interval; size, speedup: fraction that each may worsen."""

    accuracy: float = 0.0
    size: float = 0.05
    speedup: float = 0.10


@dataclass(frozen=True)
class Budget:
    """limits: task or `*` -> name of a limit -> number. variants: which are looked at; all where none is named."""

    tolerance: Tolerance = Tolerance()
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    variants: tuple[str, ...] = ()

    def limits_of(self, task: str) -> dict[str, float]:
        return {**self.limits.get("*", {}), **self.limits.get(task, {})}


def read_budget(path: Path) -> Budget:
    """Read a budget file. Raises EdgeboardError for whatever it does not understand: a typo must not open the gate."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EdgeboardError("The budget file is missing", where=path) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EdgeboardError("The budget file cannot be read", where=path, value=str(error).splitlines()[0]) from error
    content = {} if content is None else content
    _check_keys(content, _KEYS, path, "")
    tolerance = content.get("tolerance") or {}
    _check_keys(tolerance, _TOLERANCES, path, "tolerance.")
    numbers = {name: _number(value, path, f"tolerance.{name}") for name, value in tolerance.items()}
    limits: dict[str, dict[str, float]] = {}
    for task, values in _mapping(content.get("limits") or {}, path, "limits").items():
        _check_keys(values, _LIMITS, path, f"limits.{task}.")
        limits[str(task)] = {name: _number(value, path, f"limits.{task}.{name}") for name, value in values.items()}
    variants = content.get("variants") or []
    if not isinstance(variants, list) or not all(isinstance(name, str) for name in variants):
        raise EdgeboardError("variants is a list of names", where=f"{path}: variants", value=variants)
    return Budget(Tolerance(**numbers), limits, tuple(variants))


def _check_keys(content: Any, allowed: tuple[str, ...], path: Path, place: str) -> None:
    for key in _mapping(content, path, place.rstrip(".") or "the file"):
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise EdgeboardError(
                "The budget has an unknown key",
                where=f"{path}: {place}{key}",
                value=key,
                allowed=", ".join(allowed) + hint,
            )


def _mapping(content: Any, path: Path, place: str) -> dict[Any, Any]:
    if not isinstance(content, dict):
        raise EdgeboardError("A part of the budget is not a mapping", where=f"{path}: {place}", value=content)
    return content


def _number(value: Any, path: Path, place: str) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    if not usable:
        raise EdgeboardError("A number of the budget is none", where=f"{path}: {place}", value=value, allowed="≥ 0")
    return float(value)
