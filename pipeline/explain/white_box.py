"""Maps of the methods that look inside a network, on the float networks that the exported files were made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.batched_file import cores
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.methods.explain import explain_white_box
from pipeline.explain.subject import Subject

if TYPE_CHECKING:
    from torch import nn

    from pipeline.explain.answers import BatchScores

# Its channels are the float network's; what they are worth, the exported file is asked.
_ASKS_THE_FILE = "score_cam"

_TOGETHER = 4  # frames: half of the default on each of two cores

Maps = list[NDArray[np.float32]]
"""For every subject `[n, S, S]` (`[n, T, S, S]`), n its scores."""


def white_box_maps(
    names: Sequence[str],
    variants: Sequence[ExplainedVariant],
    subjects: Sequence[Subject],
    load_network: Callable[[Path], nn.Module],
) -> dict[str, dict[str, Maps | str]]:
    """Method -> variant -> maps, or the reason why the architecture cannot have them.

    Variants made from one float network share its maps, but for Score-CAM's.
    """
    found: dict[str, dict[str, Maps | str]] = {name: {} for name in names}
    for artifact in dict.fromkeys(one.float_artifact for one in variants) if names else ():
        network = load_network(artifact)
        made_from_it = [one.name for one in variants if one.float_artifact == artifact]
        for name in names:
            if name == _ASKS_THE_FILE:
                found[name] |= {one: _maps_or_reason(name, network, subjects, one) for one in made_from_it}
            else:
                found[name] |= dict.fromkeys(made_from_it, _maps_or_reason(name, network, subjects))
    return found


def computed_on(name: str, needs_gradients: bool, variant: ExplainedVariant) -> dict[str, str]:
    """Which file a map belongs to: `file` was asked, `network` was looked into."""
    asked = {"file": variant.file.as_posix()} if not needs_gradients or name == _ASKS_THE_FILE else {}
    return asked | ({"network": variant.float_artifact.as_posix()} if needs_gradients else {})


def _maps_or_reason(
    name: str, network: nn.Module, subjects: Sequence[Subject], variant: str | None = None
) -> Maps | str:
    from pipeline.explain.methods.architecture import why_not

    reason = why_not(name, network)
    if reason is not None:
        return reason
    together = 1 if subjects[0].frame_nchw.ndim > 4 else _TOGETHER  # a clip is a batch already
    batches = [subjects[i : i + together] for i in range(0, len(subjects), together)]
    try:
        if variant is None:
            return [one for batch in batches for one in _maps_of(name, network, batch)]
        # What asks a file by the hundred: each core takes other frames.
        with ThreadPoolExecutor(cores()) as pool:
            found = pool.map(lambda batch: _maps_of(name, network, batch, batch[0].answers[variant]), batches)
            return [one for maps in found for one in maps]
    except EdgeboardError as error:
        return f"{error.what} ({error.value})" if error.value is not None else error.what


def _maps_of(name: str, network: nn.Module, subjects: Sequence[Subject], answers: BatchScores | None = None) -> Maps:
    frames = np.concatenate([np.repeat(one.frame_nchw, len(one.indices), axis=0) for one in subjects])
    classes = [index for one in subjects for index in one.indices]
    maps = explain_white_box(name, network, frames, classes, answers=answers, hiding=subjects[0].hiding)
    ends = np.cumsum([len(one.indices) for one in subjects])
    return list(np.split(maps, ends[:-1]))
