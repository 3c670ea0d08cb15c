"""Maps of every chosen method for every variant, each scored through the exported file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores
from pipeline.explain.batched_file import cores
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.faithfulness import faithfulness
from pipeline.explain.methods.chosen import Chosen
from pipeline.explain.methods.explain import Asking, black_box_maps
from pipeline.explain.methods.registry import METHODS
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps, rise_maps_of_variants
from pipeline.explain.metrics.correlation import faithfulness_correlation
from pipeline.explain.metrics.sensitivity import max_sensitivity
from pipeline.explain.settings import ExplainSettings
from pipeline.explain.subject import JudgedMap, Subject

if TYPE_CHECKING:
    from torch import nn

    from pipeline.explain.sanity import Sanity

# Stability takes three maps for one score: of a few subjects, with a part of the masks, the same before and after.
_STABILITY_SUBJECTS, _STABILITY_SAMPLES = 4, 2
_CORRELATION_SUBSETS = 32

Judged = dict[str, dict[str, "list[JudgedMap] | str"]]
"""Method -> variant -> a map for every score of every subject, in their order; or the reason why there is none."""


@dataclass(frozen=True)
class Networks:
    """load: an artifact's folder to its float network, in eval mode, whose outputs are scores or logits.

    answers: what it says of a subject, as the exported files are asked.
    """

    load: Callable[[Path], nn.Module]
    answers: Callable[[nn.Module, int], BatchScores]


@dataclass(frozen=True)
class Masks:
    """all: of every map; few: where a map is only compared with another one of the same masks."""

    all: MaskStock
    few: MaskStock


def judged_maps(
    variants: Sequence[ExplainedVariant],
    subjects: Sequence[Subject],
    chosen: Chosen,
    masks: Masks,
    settings: ExplainSettings,
    networks: Networks,
) -> tuple[Judged, dict[str, Sanity]]:
    """Maps with their scores, and for every method whether random weights change its maps.

    Maps that need no gradients are made through the exported files; the others on the float network of each variant,
    once for all variants made from it. Deletion and insertion ask the exported file in both cases.
    """
    from pipeline.explain.sanity import check_sanity
    from pipeline.explain.white_box import white_box_maps

    if chosen.others:
        # grad-cam and captum both load it, in different threads: seen to fail as "partially initialized" once.
        import matplotlib.pyplot  # noqa: F401

    white = [name for name in chosen.others if METHODS[name].needs_gradients]
    black = [name for name in chosen.others if name not in white]
    asking = Asking(masks.all, settings.seed)
    with ThreadPoolExecutor(cores()) as pool:
        defaults = [
            pool.submit(_judged_defaults, one, masks, settings, place < _STABILITY_SUBJECTS)
            for place, one in enumerate(subjects)
        ]
        others = [
            {one.name: pool.submit(_black_box, black, subject, one.name, asking, settings.steps) for one in variants}
            for subject in subjects
            if black
        ]
        # Importing torch and loading networks takes seconds: time in which the pool is busy.
        drawn = white_box_maps(white, variants, subjects, networks.load)
        sanity = check_sanity(chosen.names, variants[0].float_artifact, subjects, networks, masks.few, settings.seed)
        scored = {
            name: {one: _scored(pool, found, subjects, one, settings) for one, found in by_variant.items()}
            for name, by_variant in drawn.items()
        }
        judged: Judged = {
            chosen.default: {
                one.name: [judged for done in defaults for judged in done.result()[one.name]] for one in variants
            }
        }
        for name in chosen.others:
            if name in black:
                judged[name] = {
                    one.name: [judged for done in others for judged in done[one.name].result()[name]]
                    for one in variants
                }
            else:
                judged[name] = {
                    one: found if isinstance(found, str) else [judged for done in found for judged in done.result()]
                    for one, found in scored[name].items()
                }
    return judged, sanity


def _judged_defaults(
    subject: Subject, masks: Masks, settings: ExplainSettings, with_stability: bool
) -> dict[str, list[JudgedMap]]:
    frame, hiding = subject.frame_nchw, subject.hiding
    maps = rise_maps_of_variants(subject.answers, frame, subject.indices, masks.all, hiding)
    return {
        name: [
            JudgedMap(
                one,
                faithfulness(ask, frame, index, one, settings.steps, hiding, settings.seed),
                faithfulness_correlation(
                    ask, frame, index, one, settings.seed, subsets=_CORRELATION_SUBSETS, hiding=hiding
                ),
                # The best of several scores of a frame stands for all.
                _stability(ask, subject, index, masks.few, settings.seed) if with_stability and not place else None,
            )
            for place, (index, one) in enumerate(zip(subject.indices, maps[name], strict=True))
        ]
        for name, ask in subject.answers.items()
    }


def _stability(ask: BatchScores, subject: Subject, index: int, few: MaskStock, seed: int) -> float | None:
    def explain(frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        return rise_maps(ask, frame_nchw, [index], few, subject.hiding)[0]

    return max_sensitivity(explain, subject.frame_nchw, seed, samples=_STABILITY_SAMPLES)


def _black_box(
    names: Sequence[str], subject: Subject, variant: str, asking: Asking, steps: int
) -> dict[str, list[JudgedMap]]:
    ask, judged = subject.answers[variant], {name: list[JudgedMap]() for name in names}
    frame, hiding = subject.frame_nchw, subject.hiding
    for index in subject.indices:
        for name, found in black_box_maps(names, ask, frame, index, asking, hiding).items():
            scores = faithfulness(ask, frame, index, found.importance, steps, hiding, asking.seed)
            judged[name].append(JudgedMap(found.importance, scores, fidelity=found.fidelity.get("r2")))
    return judged


def _scored(
    pool: ThreadPoolExecutor,
    found: Sequence[NDArray[np.float32]] | str,
    subjects: Sequence[Subject],
    variant: str,
    settings: ExplainSettings,
) -> list[Future[list[JudgedMap]]] | str:
    if isinstance(found, str):
        return found
    return [
        pool.submit(_white_box, subject, maps, variant, settings) for subject, maps in zip(subjects, found, strict=True)
    ]


def _white_box(subject: Subject, maps: NDArray[np.float32], variant: str, settings: ExplainSettings) -> list[JudgedMap]:
    ask = subject.answers[variant]
    return [
        JudgedMap(one, faithfulness(ask, subject.frame_nchw, index, one, settings.steps, subject.hiding, settings.seed))
        for index, one in zip(subject.indices, maps, strict=True)
    ]


def default_maps(judged: Judged, chosen: Chosen, variant: str) -> list[JudgedMap]:
    """Those of the method of the board's columns, which every variant has."""
    found = judged[chosen.default][variant]
    assert not isinstance(found, str)
    return found


def maps_of(judged: Mapping[str, list[JudgedMap] | str], variant: str) -> list[NDArray[np.float32]] | str:
    """The maps alone, or the reason why there are none."""
    found = judged[variant]
    return found if isinstance(found, str) else [one.importance for one in found]
