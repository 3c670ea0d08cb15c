"""Whether the maps of each method depend on what was learned: once per task, on the baseline's float network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
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


@dataclass(frozen=True)
class Sanity:
    """flagged: the maps survive random weights, None where that could not be asked; numbers: for the report."""

    flagged: bool | None
    numbers: dict[str, Any]


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
        )
    except EdgeboardError as error:
        return Sanity(None, {"why_not": error.what})
    return Sanity(
        found.flagged,
        {
            "flagged": found.flagged,
            "shares": list(found.shares),
            "randomisation_ssim": [float(np.mean(one)) for one in found.ssim],
            "randomisation_rank": [float(np.mean(one)) for one in found.rank],
            "n": len(subjects),
        },
    )


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
        return explain_white_box(name, network, subject.frame_nchw, [index])
    answers = networks.answers(network, place)
    if name in ("rise", "d_rise"):
        return rise_maps(answers, subject.frame_nchw, [index], few)
    return explain_black_box(name, answers, subject.frame_nchw, index, Asking(few, seed)).importance[None]
