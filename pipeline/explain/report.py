"""What the report says of variants and methods, of tasks of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.explanation import BASELINE, ExplainedVariant
from pipeline.explain.inputs import inputs_of
from pipeline.explain.judging import Judged, maps_of
from pipeline.explain.methods.chosen import Chosen
from pipeline.explain.methods.registry import METHODS
from pipeline.explain.metrics.drift_by_decision import drift_by_decision
from pipeline.explain.metrics.registry import METRICS, directions
from pipeline.explain.sanity import Sanity
from pipeline.explain.subject import JudgedMap
from pipeline.explain.summary import summary
from pipeline.explain.white_box import computed_on

SAME_NETWORK = "same float network"


@dataclass(frozen=True, eq=False)
class Questions:
    """Of every map: where it has reason to point (None: nowhere known), and the frame that it is of.

    decisions: by variant, of every map what is decided there; any values that can be compared.
    """

    masks: Sequence[NDArray[np.bool_] | None]
    frame_of: Sequence[int] | None
    decisions: Mapping[str, Sequence[object]]

    def alike(self, one: str, other: str) -> list[bool]:
        """Of every map whether both variants decide alike."""
        return [a == b for a, b in zip(self.decisions[one], self.decisions[other], strict=True)]


def variants_report(
    variants: Sequence[ExplainedVariant], judged: Judged, chosen: Chosen, questions: Questions, seed: int
) -> dict[str, dict[str, Any]]:
    """By variant: the numbers of the default method with `agrees`, and under `methods` those of every chosen one.

    `drift` from the baseline, `moved` from the variant it was made from; where maps are looked for in a network that
    both share, neither was measured, and `why_not` says so.
    """
    inputs = inputs_of(variants)
    maps = {name: _Maps.of(name, variants, judged[name]) for name in chosen.names}
    report: dict[str, dict[str, Any]] = {}
    for one in variants:
        methods = {
            name: _of_method(name, one.name, inputs.get(one.name), maps[name], questions, seed) for name in chosen.names
        }
        default = methods[chosen.default]
        drift = default["drift"]["all"]
        report[one.name] = {
            **{key: value for key, value in default.items() if key not in ("on", "signed", "moved", "drift")},
            **{key: value for key, value in drift.items() if key.startswith("xai_drift")},
            "agrees": sum(questions.alike(one.name, BASELINE)),
            "moved": default["moved"],
            "methods": methods,
        }
    return report


@dataclass(frozen=True, eq=False)
class _Maps:
    """Of one method, by variant: maps or the reason why there are none, and what they were computed on."""

    judged: Mapping[str, list[JudgedMap] | str]
    on: Mapping[str, dict[str, str]]

    @classmethod
    def of(cls, name: str, variants: Sequence[ExplainedVariant], judged: Mapping[str, list[JudgedMap] | str]) -> _Maps:
        return cls(judged, {one.name: computed_on(name, METHODS[name].needs_gradients, one) for one in variants})

    def are_one(self, one: str, other: str) -> bool:
        """Whether both variants' maps are the same ones, of a network that both files were made from."""
        return "file" not in self.on[one] and self.on[one] == self.on[other]


def _of_method(
    name: str,
    variant: str,
    made_from: tuple[str, tuple[str, ...]] | None,
    maps: _Maps,
    questions: Questions,
    seed: int,
) -> dict[str, Any]:
    found = maps.judged[variant]
    one = METHODS[name]
    about = {"on": maps.on[variant], "signed": one.signed}
    if isinstance(found, str):
        return {**about, "why_not": found}
    return {
        **about,
        **summary(found, questions.masks, seed, questions.frame_of, signed=one.signed),
        "drift": _drift(maps, BASELINE, variant, found, questions, seed),
        "moved": None
        if made_from is None
        else {
            "from": made_from[0],
            "steps": list(made_from[1]),
            **_drift(maps, made_from[0], variant, found, questions, seed),
        },
    }


def _drift(
    maps: _Maps, before: str, after: str, found: Sequence[JudgedMap], questions: Questions, seed: int
) -> dict[str, Any]:
    """From one variant's maps to another's; `why_not` where that is no measurement."""
    of_before = maps_of(maps.judged, before)
    if isinstance(of_before, str):
        return {"why_not": of_before}
    if maps.are_one(before, after):
        return {"why_not": SAME_NETWORK}
    own = [one.importance for one in found]
    return drift_by_decision(of_before, own, questions.alike(before, after), seed, questions.frame_of)


def methods_report(chosen: Chosen, sanity: Mapping[str, Sanity]) -> dict[str, Any]:
    """`methods`: where each comes from and whether it survives random weights; `left_out`; `directions` of scores."""
    methods = {}
    for name in chosen.names:
        one = METHODS[name]
        about = {"title": one.title, "family": one.family, "needs_gradients": one.needs_gradients, "signed": one.signed}
        methods[name] = {**about, "paper": one.paper, "library": one.library, "randomisation": sanity[name].numbers}
    return {"methods": methods, "left_out": chosen.left_out, "directions": dict(directions(list(METRICS)))}
