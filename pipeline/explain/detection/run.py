"""Explain single detections of the exported files of one task: D-RISE maps, their scores, and sheets to look at."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError
from pipeline.explain.detection.explanation import DetectionExplanation, Question, decision_at, scores
from pipeline.explain.detection.frames import DetectionFrame
from pipeline.explain.detection.pages import write_side_by_side, write_variant_sheet
from pipeline.explain.detection.similarity import similarities, similarity_through
from pipeline.explain.detection.targets import KINDS, Target, choose_targets
from pipeline.explain.explanation import BASELINE, ExplainedVariant, require_baseline_first
from pipeline.explain.faithfulness import faithfulness
from pipeline.explain.probabilities import Run, finite_output
from pipeline.explain.rise import RiseMasks, make_masks, rise_maps
from pipeline.explain.summary import DIRECTIONS
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.boxes import decode_detections

Head = dict[str, Any]


def explain_detections(
    variants: Sequence[ExplainedVariant],
    heads: Mapping[str, Head],
    frames: Sequence[DetectionFrame],
    class_names: Sequence[str],
    folder: Path,
    *,
    task: str,
    mask_count: int,
    steps: int,
    seed: int,
    shown_folder: Path | None = None,
) -> dict[str, Any]:
    """Explain in every variant the boxes that the baseline (`variants[0]`) sees; leave sheets in `folder`.

    heads: how the output of each variant is read (see pipeline.tasks.boxes), by its name. shown_folder: the name that
    `folder` will have later, for the paths in the report. The same input gives the same bytes, as in explain_task.

    A map is for one target, a box with its class: the same for all variants, so that their maps can be compared. There
    is no gradient map beside it: Grad-CAM averages a gradient over the frame, so that it cannot tell two objects of one
    class apart.

    Raises EdgeboardError where no frame has anything to explain, or where a file answers NaN or infinity.
    """
    require_baseline_first(variants)
    engines = {one.name: OnnxRuntimeEngine(one.file, threads=1).run for one in variants}
    baseline, where = engines[BASELINE], variants[0].file
    targets = [
        choose_targets(finite_output(baseline, frame.frame_nchw, where), heads[BASELINE], frame) for frame in frames
    ]
    if not any(targets):
        raise EdgeboardError(
            "No explained frame has an object, and the baseline sees none in them: there is nothing to explain",
            value=f"{len(frames)} frames",
        )
    # The best of each frame first: sheets are short, and every frame should be on them.
    order = [(k, i) for k in range(max(map(len, targets))) for i, found in enumerate(targets) if k < len(found)]
    questions = [Question(i, frames[i], targets[i][k]) for k, i in order]
    masks = make_masks(mask_count, frames[0].image_hwc.shape[0], seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pending = {
            one.name: [
                pool.submit(_explain, engines[one.name], heads[one.name], one.file, frame, asked, masks, steps)
                for frame, asked in zip(frames, targets, strict=True)
            ]
            for one in variants
        }
        per_frame = {name: [one.result() for one in futures] for name, futures in pending.items()}
    found = {name: [explained[i][k] for k, i in order] for name, explained in per_frame.items()}

    shown = shown_folder or folder
    report: dict[str, Any] = {}
    for one in variants:
        page = f"{one.name}.png"
        write_variant_sheet(folder / page, task, one, questions, class_names, found[one.name])
        report[one.name] = {
            **scores(questions, found[one.name], found[BASELINE], class_names, seed),
            "sheet": (shown / page).as_posix(),
            "rise_on": one.file.as_posix(),
        }
    write_side_by_side(folder / "side_by_side.png", task, questions, class_names, found)
    return {
        "task": task,
        "method": "d-rise",
        "n": len(questions),
        "n_frames": sum(bool(asked) for asked in targets),
        "n_frames_without_target": sum(not asked for asked in targets),
        "targets": {kind: sum(one.target.kind == kind for one in questions) for kind in KINDS},
        "masks": mask_count,
        "directions": DIRECTIONS,
        "side_by_side": (shown / "side_by_side.png").as_posix(),
        "variants": report,
    }


def _explain(
    run: Run, head: Head, where: Path, frame: DetectionFrame, targets: Sequence[Target], masks: RiseMasks, steps: int
) -> list[DetectionExplanation]:
    """One explanation per target; all of them share the runs of the masked frames."""
    if not targets:
        return []
    frame_nchw = frame.frame_nchw
    vectors = [target.vector for target in targets]
    heads_ak = finite_output(run, frame_nchw, where)
    now, seen = similarities(heads_ak, head, vectors), decode_detections(heads_ak, head)
    similarity = similarity_through(run, head, vectors, where)
    maps = rise_maps(similarity, frame_nchw, range(len(targets)), masks)
    return [
        DetectionExplanation(
            decision_at(target, seen), float(now[k]), one, faithfulness(similarity, frame_nchw, k, one, steps)
        )
        for k, (target, one) in enumerate(zip(targets, maps, strict=True))
    ]
