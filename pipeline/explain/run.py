"""Explain the exported files of one task on the same frames: maps, their scores, and sheets to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.drift import drift
from pipeline.explain.explanation import BASELINE, ExplainedVariant, FrameExplanation, require_baseline_first
from pipeline.explain.faithfulness import faithfulness
from pipeline.explain.frames import ExplainedFrame
from pipeline.explain.gradcam import grad_cam
from pipeline.explain.pages import write_side_by_side, write_variant_sheet
from pipeline.explain.probabilities import Run, Scores, through
from pipeline.explain.rise import RiseMasks, make_masks, rise_map
from pipeline.explain.summary import DIRECTIONS, summary
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

if TYPE_CHECKING:
    from torch import nn


def explain_task(
    variants: Sequence[ExplainedVariant],
    frames: Sequence[ExplainedFrame],
    class_names: Sequence[str],
    load_network: Callable[[Path], nn.Module],
    folder: Path,
    *,
    task: str,
    mask_count: int,
    steps: int,
    seed: int,
    shown_folder: Path | None = None,
    scores_through: Callable[[ExplainedVariant, Run], Scores] | None = None,
    parts_of: Callable[[NDArray[np.float32]], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Explain every variant for the class that the baseline (`variants[0]`) decides; leave sheets in `folder`.

    scores_through: what is asked of a file, by default the probabilities of its classes.
    parts_of: maps `[N, S, S]` to how much of them lies on which part of what is seen, where every frame shows the same.
    shown_folder: the name that `folder` will have later, for the paths in the report. The same input gives the same
    bytes: sessions run on one thread each, so that sums have one order, and frames are what runs in parallel.
    """
    require_baseline_first(variants)
    ask = scores_through or (lambda one, run: through(run, where=one.file))
    answers = {one.name: ask(one, OnnxRuntimeEngine(one.file, threads=1).run) for one in variants}
    explained = [int(answers[BASELINE](frame.frame_nchw).argmax()) for frame in frames]
    masks = make_masks(mask_count, frames[0].image_hwc.shape[0], seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pending = {
            name: [pool.submit(_explain, answer, *pair, masks, steps) for pair in zip(frames, explained, strict=True)]
            for name, answer in answers.items()
        }
        # Importing torch and loading networks takes seconds: time in which the pool is busy with RISE.
        cams = _grad_cams(variants, frames, explained, load_network)
        found = {name: [one.result() for one in futures] for name, futures in pending.items()}

    shown = shown_folder or folder
    report: dict[str, Any] = {}
    for one in variants:
        page = f"{one.name}.png"
        write_variant_sheet(folder / page, task, one, frames, class_names, found[one.name], cams[one.name])
        scores = _scores(frames, found[one.name], found[BASELINE], class_names, seed)
        report[one.name] = {
            **scores,
            **({"parts": parts_of(np.stack([each.rise for each in found[one.name]]))} if parts_of else {}),
            "sheet": (shown / page).as_posix(),
            "rise_on": one.file.as_posix(),
            "grad_cam_on": one.float_artifact.as_posix(),
        }
    write_side_by_side(folder / "side_by_side.png", task, frames, class_names, found)
    return {
        "task": task,
        "method": "rise",
        "n": len(frames),
        "masks": mask_count,
        "directions": DIRECTIONS,
        "side_by_side": (shown / "side_by_side.png").as_posix(),
        "variants": report,
    }


def _explain(answer: Scores, frame: ExplainedFrame, class_index: int, masks: RiseMasks, steps: int) -> FrameExplanation:
    frame_nchw = frame.frame_nchw
    probabilities = answer(frame_nchw)
    decision = int(probabilities.argmax())
    importance = rise_map(answer, frame_nchw, class_index, masks)
    scores = faithfulness(answer, frame_nchw, class_index, importance, steps)
    return FrameExplanation(class_index, decision, float(probabilities[decision]), importance, scores)


def _grad_cams(
    variants: Sequence[ExplainedVariant],
    frames: Sequence[ExplainedFrame],
    explained: list[int],
    load_network: Callable[[Path], nn.Module],
) -> dict[str, NDArray[np.float32]]:
    """Grad-CAM `[N, S, S]` per variant; variants made from one float network share its maps."""
    batch = np.concatenate([frame.frame_nchw for frame in frames])
    artifacts = dict.fromkeys(one.float_artifact for one in variants)
    maps = {artifact: grad_cam(load_network(artifact), batch, explained) for artifact in artifacts}
    return {one.name: maps[one.float_artifact] for one in variants}


def _scores(
    frames: Sequence[ExplainedFrame],
    found: list[FrameExplanation],
    found_baseline: list[FrameExplanation],
    class_names: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    drifts = [drift(base.rise, one.rise) for base, one in zip(found_baseline, found, strict=True)]
    # A map of another class than the true one has no reason to point into the true object.
    localised = [
        (one.rise, frame.mask)
        for frame, one in zip(frames, found, strict=True)
        if frame.mask is not None and one.explained == frame.label
    ]
    return {
        **summary([one.faithfulness for one in found], drifts, localised, seed),
        "agrees": sum(one.decision == base.decision for base, one in zip(found_baseline, found, strict=True)),
        "frames": [
            {
                "frame": frame.name,
                "true_class": class_names[frame.label],
                "explained_class": class_names[one.explained],
                "decision": class_names[one.decision],
                "probability": one.probability,
                "deletion_auc": one.faithfulness.deletion_auc,
                "insertion_auc": one.faithfulness.insertion_auc,
                "drift": moved,
            }
            for frame, one, moved in zip(frames, found, drifts, strict=True)
        ],
    }
