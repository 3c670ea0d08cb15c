"""Which of the methods that were asked for a task of some kind can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.explain.methods.registry import method, why_not_for_kind

_DEFAULT = {"detection": "d_rise"}


@dataclass(frozen=True)
class Chosen:
    """default: the method of the board's columns; others: beside it, in the order asked; left_out: name -> reason."""

    default: str
    others: tuple[str, ...]
    left_out: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        return self.default, *self.others


def choose_methods(names: Sequence[str], kind: str) -> Chosen:
    """RISE, which of detections is D-RISE, is always made; what does not fit the kind is left out with the reason.

    kind: of the task. Raises EdgeboardError for a name that is none, with the nearest.
    """
    default = _DEFAULT.get(kind, "rise")
    others, left_out = [], {}
    for name in dict.fromkeys(names):
        method(name)
        if name in (default, "rise"):
            continue
        reason = why_not_for_kind(name, kind)
        if reason is None:
            others.append(name)
        else:
            left_out[name] = reason
    return Chosen(default, tuple(others), left_out)
