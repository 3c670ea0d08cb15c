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
    """By variant: the numbers of the default method with `agrees`, and under `methods` those of every chosen one."""
    inputs = inputs_of(variants)
    report: dict[str, dict[str, Any]] = {}
    for one in variants:
        methods = {name: _of_method(name, one, inputs.get(one.name), judged, questions, seed) for name in chosen.names}
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


def _of_method(
    name: str,
    variant: ExplainedVariant,
    made_from: tuple[str, tuple[str, ...]] | None,
    judged: Judged,
    questions: Questions,
    seed: int,
) -> dict[str, Any]:
    found = judged[name][variant.name]
    one = METHODS[name]
    about = {"on": computed_on(name, one.needs_gradients, variant), "signed": one.signed}
    if isinstance(found, str):
        return {**about, "why_not": found}
    return {
        **about,
        **summary(found, questions.masks, seed, questions.frame_of, signed=one.signed),
        "drift": _drift(judged[name], BASELINE, variant.name, found, questions, seed),
        "moved": None
        if made_from is None
        else {
            "from": made_from[0],
            "steps": list(made_from[1]),
            **(_drift(judged[name], made_from[0], variant.name, found, questions, seed) or {}),
        },
    }


def _drift(
    of_method: Mapping[str, list[JudgedMap] | str],
    before: str,
    after: str,
    found: Sequence[JudgedMap],
    questions: Questions,
    seed: int,
) -> dict[str, Any] | None:
    """From one variant's maps to another's; None where the first has none."""
    maps = maps_of(of_method, before)
    if isinstance(maps, str):
        return None
    own = [one.importance for one in found]
    return drift_by_decision(maps, own, questions.alike(before, after), seed, questions.frame_of)


def methods_report(chosen: Chosen, sanity: Mapping[str, Sanity]) -> dict[str, Any]:
    """`methods`: where each comes from and whether it survives random weights; `left_out`; `directions` of scores."""
    methods = {}
    for name in chosen.names:
        one = METHODS[name]
        about = {"title": one.title, "family": one.family, "needs_gradients": one.needs_gradients, "signed": one.signed}
        methods[name] = {**about, "paper": one.paper, "library": one.library, "randomisation": sanity[name].numbers}
    return {"methods": methods, "left_out": chosen.left_out, "directions": dict(directions(list(METRICS)))}
