"""Whether the maps of each method depend on what was learned: once per task, on the baseline's float network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.interval import mean_with_interval
from pipeline.explain.methods.explain import Asking, explain_black_box
from pipeline.explain.methods.registry import METHODS
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps
from pipeline.explain.subject import Subject

if TYPE_CHECKING:
    from torch import nn

    from pipeline.explain.judging import Networks

SUBJECTS = 4
# Methods that ask some hundred answers for a map see the trained network and the random one, no steps between.
_SHARES_BY_ASKING = (1.0,)
SILENT = "With random weights the network answers alike whatever is hidden, so that this check says nothing"


@dataclass(frozen=True)
class Sanity:
    """flagged: the maps survive random weights, None where that could not be asked; numbers: for the report.

    is_silent: the network with random weights answers everything alike, which is no check of the method.
    """

    flagged: bool | None
    numbers: dict[str, Any]
    is_silent: bool = False


def check_sanity(
    names: Sequence[str],
    artifact: Path,
    subjects: Sequence[Subject],
    networks: Networks,
    few: MaskStock,
    seed: int,
) -> dict[str, Sanity]:
    """By method; on the first score of the first subjects. RISE draws with a part of its masks."""
    from pipeline.explain.methods.architecture import why_not

    network, some = networks.load(artifact), list(enumerate(subjects[:SUBJECTS]))
    found: dict[str, Sanity] = {}
    for name in names:
        reason = why_not(name, network) if METHODS[name].needs_gradients else None
        found[name] = Sanity(None, {"why_not": reason}) if reason else _check(name, network, some, networks, few, seed)
    return found


def _check(
    name: str,
    network: nn.Module,
    subjects: Sequence[tuple[int, Subject]],
    networks: Networks,
    few: MaskStock,
    seed: int,
) -> Sanity:
    from pipeline.explain.metrics.randomisation import SHARES, randomisation

    by_asking = not METHODS[name].needs_gradients
    try:
        found = randomisation(
            network,
            lambda drawn: np.concatenate(
                [_map(name, drawn, place, one, networks, few, seed) for place, one in subjects]
            ),
            seed,
            _SHARES_BY_ASKING if by_asking else SHARES,
            frames_nchw=np.concatenate([one.frame_nchw for _, one in subjects]),
        )
    except EdgeboardError as error:
        return Sanity(None, {"why_not": error.what})
    if by_asking and found.is_flat:
        # Weights as drawn make a signal smaller from layer to layer; where no normalisation lifts it again, no digit of
        # the answer depends on the frame any more.
        return Sanity(None, {"flagged": None, "why_not": SILENT, "n": len(subjects)}, is_silent=True)
    return Sanity(
        found.flagged,
        {
            "flagged": found.flagged,
            "shares": list(found.shares),
            **_by_share("randomisation_ssim", found.ssim, seed),
            **_by_share("randomisation_rank", found.rank, seed),
            "n": len(subjects),
            "n_constant": found.n_flat,
        },
    )


def _by_share(name: str, likeness: Sequence[Sequence[float]], seed: int) -> dict[str, list[float | None]]:
    """Means over the maps with their intervals, a value for each share."""
    found = [mean_with_interval(one, seed) for one in likeness]
    return {f"{name}{end}": [one[i] for one in found] for i, end in enumerate(("", "_low", "_high"))}


def _map(
    name: str,
    network: nn.Module,
    place: int,
    subject: Subject,
    networks: Networks,
    few: MaskStock,
    seed: int,
) -> NDArray[np.float32]:
    """`[1, S, S]`"""
    from pipeline.explain.methods.explain import explain_white_box

    index = subject.indices[0]
    if METHODS[name].needs_gradients:
        return explain_white_box(name, network, subject.frame_nchw, [index], hiding=subject.hiding)
    answers = networks.answers(network, place)
    if name in ("rise", "d_rise"):
        return rise_maps(answers, subject.frame_nchw, [index], few, subject.hiding)
    asking = Asking(few, seed)
    return explain_black_box(name, answers, subject.frame_nchw, index, asking, subject.hiding).importance[None]
