"""Explain the exported files of a task of clips: maps over space and time, their scores, and sheets to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.explanation import explain_clip, scores_of_variant
from pipeline.explain.clips.gradcam import clip_grad_cam
from pipeline.explain.clips.masks import make_clip_masks
from pipeline.explain.clips.motion import moving_pixels
from pipeline.explain.clips.pages import write_side_by_side, write_variant_sheet
from pipeline.explain.clips.temporal import make_shuffles
from pipeline.explain.explanation import BASELINE, ExplainedVariant, require_baseline_first
from pipeline.explain.probabilities import Scores, through
from pipeline.explain.summary import DIRECTIONS
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

if TYPE_CHECKING:
    from torch import nn


def explain_clips(
    variants: Sequence[ExplainedVariant],
    clips: Sequence[ExplainedClip],
    class_names: Sequence[str],
    load_network: Callable[[Path], nn.Module],
    folder: Path,
    *,
    task: str,
    mask_count: int,
    steps: int,
    seed: int,
    shown_folder: Path | None = None,
) -> dict[str, Any]:
    """Explain every variant for the class that the baseline (`variants[0]`) decides; leave sheets in `folder`.

    The report is that of explain_task with what time adds, see `scores_of_variant`; a clip is what a frame is there.
    shown_folder: the name that `folder` will have later, for the paths in the report. The same input gives the same
    bytes, as in explain_task.

    Raises EdgeboardError where the clips do not fit a file, or where a file answers NaN or infinity.
    """
    require_baseline_first(variants)
    _, clip_frames, _, frame_size, _ = clips[0].clip_ntchw.shape
    answers = {one.name: _answers_of(one, clips[0]) for one in variants}
    explained = [int(answers[BASELINE](clip.clip_ntchw).argmax()) for clip in clips]
    masks = make_clip_masks(mask_count, clip_frames, frame_size, seed)
    shuffles = make_shuffles(clip_frames, seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pending = {
            name: [
                pool.submit(explain_clip, answer, *pair, masks, shuffles, steps)
                for pair in zip(clips, explained, strict=True)
            ]
            for name, answer in answers.items()
        }
        # Importing torch and loading networks takes seconds: time in which the pool is busy with RISE.
        cams = _grad_cams(variants, clips, explained, load_network)
        found = {name: [one.result() for one in futures] for name, futures in pending.items()}

    moving = [moving_pixels(clip.frames_thwc) for clip in clips]
    shown = shown_folder or folder
    report: dict[str, Any] = {}
    for one in variants:
        page = f"{one.name}.png"
        write_variant_sheet(folder / page, task, one, clips, class_names, found[one.name], cams[one.name])
        report[one.name] = {
            **scores_of_variant(clips, moving, found[one.name], found[BASELINE], class_names, seed),
            "sheet": (shown / page).as_posix(),
            "rise_on": one.file.as_posix(),
            "grad_cam_on": one.float_artifact.as_posix(),
        }
    write_side_by_side(folder / "side_by_side.png", task, clips, class_names, found)
    return {
        "task": task,
        "method": "space-time rise",
        "n": len(clips),
        "masks": mask_count,
        "mask_cells": list(masks.cells.shape[1:]),
        "clip_frames": clip_frames,
        "places": list(clips[0].places),
        # That a decision depends on order and motion is a fact about the task, not a merit of the network.
        "directions": {**DIRECTIONS, "energy_in_motion": "higher"},
        "side_by_side": (shown / "side_by_side.png").as_posix(),
        "variants": report,
    }


def _answers_of(variant: ExplainedVariant, clip: ExplainedClip) -> Scores:
    engine = OnnxRuntimeEngine(variant.file, threads=1)
    if engine.input_shape != clip.clip_ntchw.shape:
        raise EdgeboardError(
            "The clips do not fit the exported file",
            where=variant.file,
            value=" × ".join(map(str, clip.clip_ntchw.shape)),
            allowed=" × ".join(map(str, engine.input_shape)),
            mend="read the clips with the clip_frames and frame_size of the exports",
        )
    return through(engine.run, where=variant.file)


def _grad_cams(
    variants: Sequence[ExplainedVariant],
    clips: Sequence[ExplainedClip],
    explained: list[int],
    load_network: Callable[[Path], nn.Module],
) -> dict[str, list[NDArray[np.float32]]]:
    """Grad-CAM `[T, S, S]` of each clip per variant; variants made from one float network share its maps."""
    maps: dict[Path, list[NDArray[np.float32]]] = {}
    for artifact in dict.fromkeys(one.float_artifact for one in variants):
        network = load_network(artifact)
        maps[artifact] = [
            clip_grad_cam(network, clip.clip_ntchw, index) for clip, index in zip(clips, explained, strict=True)
        ]
    return {one.name: maps[one.float_artifact] for one in variants}
