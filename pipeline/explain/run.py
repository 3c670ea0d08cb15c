"""Explain the exported files of one task on the same frames: maps, their scores, and sheets to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores, Run, probabilities
from pipeline.explain.batched_file import BatchedFile
from pipeline.explain.explanation import BASELINE, ExplainedVariant, FrameExplanation, require_baseline_first
from pipeline.explain.frames import ExplainedFrame
from pipeline.explain.judging import Masks, Networks, default_maps, judged_maps
from pipeline.explain.methods.chosen import choose_methods
from pipeline.explain.methods.rise_in_batches import MaskStock
from pipeline.explain.pages import columns_of, write_side_by_side, write_variant_sheet
from pipeline.explain.report import Questions, methods_report, variants_report
from pipeline.explain.rise import make_masks
from pipeline.explain.settings import ExplainSettings
from pipeline.explain.subject import Subject

if TYPE_CHECKING:
    from torch import nn


def explain_task(
    variants: Sequence[ExplainedVariant],
    frames: Sequence[ExplainedFrame],
    class_names: Sequence[str],
    load_network: Callable[[Path], nn.Module],
    folder: Path,
    settings: ExplainSettings,
    *,
    kind: str = "classification",
    scores_through: Callable[[ExplainedVariant, Run], BatchScores] | None = None,
    scores_of_network: Callable[[nn.Module], BatchScores] | None = None,
    parts_of: Callable[[NDArray[np.float32]], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Explain every variant for the class that the baseline (`variants[0]`) decides; leave sheets in `folder`.

    kind: of the task. scores_through, scores_of_network: what is asked of a file and of a float network, by default the
    probabilities of its classes.
    parts_of: maps `[N, S, S]` to how much of them lies on which part of what is seen, where every frame shows the same.
    The same input gives the same bytes: sessions run on one thread each, so that sums have one order, and frames are
    what runs in parallel.
    """
    require_baseline_first(variants)
    chosen = choose_methods(settings.methods, kind)
    ask = scores_through or (lambda one, run: probabilities(run, where=one.file))
    answers = {one.name: ask(one, BatchedFile(one.file).run) for one in variants}
    decided = {name: one(np.concatenate([frame.frame_nchw for frame in frames])) for name, one in answers.items()}
    explained = decided[BASELINE].argmax(axis=1).tolist()
    subjects = [Subject(frame.frame_nchw, (i,), answers) for frame, i in zip(frames, explained, strict=True)]
    networks = Networks(load_network, lambda network, _: (scores_of_network or _probabilities_of)(network))
    judged, sanity = judged_maps(
        variants, subjects, chosen, make_stocks(frames[0].image_hwc.shape[0], settings), settings, networks
    )
    found = {
        one.name: [
            FrameExplanation(i, int(scores.argmax()), float(scores.max()), judged_map)
            for i, scores, judged_map in zip(
                explained, decided[one.name], default_maps(judged, chosen, one.name), strict=True
            )
        ]
        for one in variants
    }
    questions = Questions(
        # A map of another class than the true one has no reason to point into the true object.
        [frame.mask if i == frame.label else None for frame, i in zip(frames, explained, strict=True)],
        None,
        {name: [one.decision for one in explanations] for name, explanations in found.items()},
    )
    report = variants_report(variants, judged, chosen, questions, settings.seed)
    shown = settings.shown_folder or folder
    for one in variants:
        page = f"{one.name}.png"
        columns = columns_of(chosen, judged, sanity, one.name)
        write_variant_sheet(
            folder / page, settings.task, one, frames, class_names, found[one.name], found[BASELINE], columns
        )
        maps = np.stack([each.judged.importance for each in found[one.name]])
        report[one.name] |= {
            **({"parts": parts_of(maps)} if parts_of else {}),
            "frames": _rows(frames, found[one.name], found[BASELINE], class_names),
            "sheet": (shown / page).as_posix(),
        }
    write_side_by_side(folder / "side_by_side.png", settings.task, frames, class_names, found)
    return {
        "task": settings.task,
        "method": "rise",
        "n": len(frames),
        "masks": settings.mask_count,
        **methods_report(chosen, sanity),
        "side_by_side": (shown / "side_by_side.png").as_posix(),
        "variants": report,
    }


def make_stocks(frame_size: int, settings: ExplainSettings) -> Masks:
    """The masks of the settings, and a quarter as many."""
    few = max(8, settings.mask_count // 4)
    return Masks(
        *(MaskStock(make_masks(count, frame_size, settings.seed)) for count in (settings.mask_count, few)),
    )


def _probabilities_of(network: nn.Module) -> BatchScores:
    from pipeline.explain.methods.score_cam import probabilities_of

    return probabilities_of(network)


def _rows(
    frames: Sequence[ExplainedFrame],
    found: Sequence[FrameExplanation],
    found_baseline: Sequence[FrameExplanation],
    class_names: Sequence[str],
) -> list[dict[str, Any]]:
    from pipeline.explain.drift import drift

    return [
        {
            "frame": frame.name,
            "true_class": class_names[frame.label],
            "explained_class": class_names[one.explained],
            "decision": class_names[one.decision],
            "probability": one.probability,
            **one.judged.areas,
            "drift": drift(base.judged.importance, one.judged.importance),
        }
        for frame, one, base in zip(frames, found, found_baseline, strict=True)
    ]
