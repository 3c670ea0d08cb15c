"""Explain single detections of the exported files of one task: D-RISE maps, their scores, and sheets to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import BatchScores, Run, finite
from pipeline.explain.batched_file import BatchedFile
from pipeline.explain.detection.explanation import (
    DetectionExplanation,
    Question,
    decision_at,
    mask_of,
    rows_of,
)
from pipeline.explain.detection.frames import DetectionFrame
from pipeline.explain.detection.pages import write_side_by_side, write_variant_sheet
from pipeline.explain.detection.similarity import similarities, similarity_through
from pipeline.explain.detection.targets import KINDS, at_work, choose_targets, read_from
from pipeline.explain.explanation import BASELINE, ExplainedVariant, require_baseline_first
from pipeline.explain.judging import Judged, Networks, default_maps, judged_maps
from pipeline.explain.methods.chosen import choose_methods
from pipeline.explain.report import Questions, methods_report, variants_report
from pipeline.explain.run import make_stocks
from pipeline.explain.settings import ExplainSettings
from pipeline.explain.subject import JudgedMap, Subject
from pipeline.tasks.boxes import decode_detections

if TYPE_CHECKING:
    from torch import nn

Head = dict[str, Any]


def explain_detections(
    variants: Sequence[ExplainedVariant],
    heads: Mapping[str, Head],
    frames: Sequence[DetectionFrame],
    class_names: Sequence[str],
    load_network: Callable[[Path], nn.Module],
    folder: Path,
    settings: ExplainSettings,
) -> dict[str, Any]:
    """Explain in every variant the boxes that the baseline (`variants[0]`) sees; leave sheets in `folder`.

    heads: how the output of each variant is read (see pipeline.tasks.boxes), by its name, with its
    `operating_threshold`: what is below it no device reports. Without one, all from `score_threshold` counts as seen.
    load_network: an artifact's folder to its network, whose outputs are heads too. The same input gives the same bytes,
    as in explain_task.

    A map is for one target, a box with its class: the same for all variants, so that their maps can be compared. There
    is no gradient map beside it: Grad-CAM averages a gradient over the frame, so that it cannot tell two objects of one
    class apart.

    Raises EdgeboardError where no frame has anything to explain, or where a file answers NaN or infinity.
    """
    require_baseline_first(variants)
    chosen = choose_methods(settings.methods, "detection")
    runs = {one.name: BatchedFile(one.file).run for one in variants}
    outputs = {one.name: _outputs(runs[one.name], frames, one.file) for one in variants}
    asked = [
        choose_targets(heads_ak, heads[BASELINE], frame)
        for heads_ak, frame in zip(outputs[BASELINE], frames, strict=True)
    ]
    places = [place for place, targets in enumerate(asked) if targets]
    if not places:
        raise EdgeboardError(
            "No explained frame has an object, and the baseline sees none in them: there is nothing to explain",
            value=f"{len(frames)} frames",
        )
    subjects = [
        Subject(
            frames[place].frame_nchw,
            tuple(range(len(asked[place]))),
            {
                one.name: similarity_through(
                    runs[one.name], heads[one.name], [target.vector for target in asked[place]], one.file
                )
                for one in variants
            },
        )
        for place in places
    ]

    def answers_of_network(network: nn.Module, subject: int) -> BatchScores:
        wanted = [target.vector for target in asked[places[subject]]]
        return similarity_through(_run_of(network), heads[BASELINE], wanted)

    judged, sanity = judged_maps(
        variants,
        subjects,
        chosen,
        make_stocks(frames[0].image_hwc.shape[0], settings),
        settings,
        Networks(load_network, answers_of_network),
    )
    # The best of each frame first: sheets are short, and every frame should be on them.
    flat = [(place, k) for place in places for k in range(len(asked[place]))]
    order = sorted(range(len(flat)), key=lambda i: (flat[i][1], flat[i][0]))
    questions = [Question(flat[i][0], frames[flat[i][0]], asked[flat[i][0]][flat[i][1]]) for i in order]
    judged = _in_order(judged, order)
    found = {
        one.name: [
            _explanation(question, outputs[one.name][question.frame_index], heads[one.name], judged_map)
            for question, judged_map in zip(questions, default_maps(judged, chosen, one.name), strict=True)
        ]
        for one in variants
    }
    about = Questions(
        [mask_of(one) for one in questions],
        [one.frame_index for one in questions],
        {name: [one.decision.label for one in explanations] for name, explanations in found.items()},
    )
    report = variants_report(variants, judged, chosen, about, settings.seed)
    shown = settings.shown_folder or folder
    for one in variants:
        page = f"{one.name}.png"
        write_variant_sheet(
            folder / page, settings.task, one, questions, class_names, found[one.name], found[BASELINE], sanity,
            read_from(heads[one.name]),
        )  # fmt: skip
        report[one.name] |= {
            "frames": rows_of(questions, found[one.name], found[BASELINE], class_names),
            "sheet": (shown / page).as_posix(),
        }
    write_side_by_side(folder / "side_by_side.png", settings.task, questions, class_names, found)
    return {
        "task": settings.task,
        "method": "d-rise",
        "n": len(questions),
        "n_frames": len(places),
        "n_frames_without_target": len(frames) - len(places),
        "targets": {kind: sum(one.target.kind == kind for one in questions) for kind in KINDS},
        "read_from": {one.name: read_from(heads[one.name])._asdict() for one in variants},
        "masks": settings.mask_count,
        **methods_report(chosen, sanity),
        "side_by_side": (shown / "side_by_side.png").as_posix(),
        "variants": report,
    }


def _outputs(run: Run, frames: Sequence[DetectionFrame], where: Path) -> list[NDArray[np.float32]]:
    """Heads `[A, K]` of every frame."""
    return [finite(run(frame.frame_nchw), where)[0] for frame in frames]


def _run_of(network: nn.Module) -> Run:
    import torch

    def run(frames_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return network(torch.from_numpy(np.ascontiguousarray(frames_nchw))).numpy()

    return run


def _in_order(judged: Judged, order: Sequence[int]) -> Judged:
    return {
        name: {
            variant: found if isinstance(found, str) else [found[i] for i in order]
            for variant, found in by_variant.items()
        }
        for name, by_variant in judged.items()
    }


def _explanation(
    question: Question, heads_ak: NDArray[np.float32], head: Head, judged: JudgedMap
) -> DetectionExplanation:
    (similarity,) = similarities(heads_ak, head, [question.target.vector])
    return DetectionExplanation(
        decision_at(question.target, decode_detections(heads_ak, at_work(head))), float(similarity), judged
    )
