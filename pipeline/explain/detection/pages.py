"""The two kinds of sheet: one per variant (frame with boxes, D-RISE map), and all variants side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.box_pictures import Colour, draw_boxes, shrunk_to
from pipeline.explain.detection.explanation import DetectionExplanation, Question
from pipeline.explain.detection.targets import ReadFrom
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.metrics.drift_by_decision import changed_first
from pipeline.explain.pages import GREY, changed_anywhere_first, scores_of, title_of
from pipeline.explain.sanity import Sanity
from pipeline.explain.sheets import RIGHT, TILES, WRONG, Row, Tile, heat_overlay, write_sheet

_KIND_WORDS = {"too weak": "below its threshold"}
_TRUE, _SEEN, _ASKED = (80, 230, 110), (255, 160, 30), (255, 255, 255)


def write_variant_sheet(
    path: Path,
    task: str,
    variant: ExplainedVariant,
    questions: Sequence[Question],
    class_names: Sequence[str],
    explanations: Sequence[DetectionExplanation],
    explanations_baseline: Sequence[DetectionExplanation],
    sanity: Mapping[str, Sanity],
    read_from: ReadFrom,
) -> None:
    """Rows are targets, those first of which compression changed what is seen there; columns the frame with the true
    box, with the variant's, and the D-RISE map. read_from: of this variant.
    """
    rows = []
    alike = [
        one.decision.label == base.decision.label for one, base in zip(explanations, explanations_baseline, strict=True)
    ]
    for i in changed_first(alike):
        question, one = questions[i], explanations[i]
        tiles = [
            Tile(_frame_with_true_box(question)),
            Tile(_frame_with_seen_box(question, one), *_verdict(question, one, class_names)),
            Tile(_map_with_box(question, one), scores_of(one.judged)),
        ]
        changed = [] if alike[i] else [(_change(one, explanations_baseline[i], class_names), WRONG)]
        rows.append(Row(tiles, [*changed, *_target_lines(question, class_names), (_range(one), GREY)]))
    what = "its operating threshold" if read_from.is_operating else "for want of an operating threshold"
    subtitle = f"D-RISE through {variant.file.as_posix()} · boxes from score {read_from.score:.2f} on, {what}"
    columns = ["true box", "box seen there", f"{title_of('d_rise', sanity)}, for this box"]
    write_sheet(path, f"{task} · {variant.name}", subtitle, columns, rows)


def write_side_by_side(
    path: Path,
    task: str,
    questions: Sequence[Question],
    class_names: Sequence[str],
    explanations: Mapping[str, Sequence[DetectionExplanation]],
) -> None:
    """Rows are targets; columns the frame with the true box and the map of every variant, with what it sees there."""
    rows = []
    decisions = {name: [one.decision.label for one in found] for name, found in explanations.items()}
    for i in changed_anywhere_first(decisions):
        question = questions[i]
        found = [one[i] for one in explanations.values()]
        maps = [Tile(_map_with_box(question, one), *_verdict(question, one, class_names)) for one in found]
        rows.append(Row([Tile(_frame_with_true_box(question)), *maps], _target_lines(question, class_names)))
    subtitle = (
        "D-RISE maps through the exported files, for the box and class that the baseline sees; red matters most · "
        "boxes from each file's operating threshold on · detections that compression changed come first"
    )
    write_sheet(path, f"{task} · all variants", subtitle, ["frame, true box", *explanations], rows)


def _frame_with_true_box(question: Question) -> NDArray[np.uint8]:
    true = question.target.true_object
    return _outlined(question.frame.image_hwc, None if true is None else question.frame.boxes_xyxy[true], _TRUE)


def _frame_with_seen_box(question: Question, one: DetectionExplanation) -> NDArray[np.uint8]:
    return _outlined(question.frame.image_hwc, one.decision.box_xyxy, _SEEN)


def _map_with_box(question: Question, one: DetectionExplanation) -> NDArray[np.uint8]:
    return _outlined(
        heat_overlay(question.frame.image_hwc, one.judged.importance), question.target.vector.box_xyxy, _ASKED
    )


def _outlined(
    picture_hwc: NDArray[np.uint8], box_xyxy: NDArray[np.float32] | None, colour: Colour
) -> NDArray[np.uint8]:
    """The picture with the box, as large as the largest tile: a line drawn at that size keeps its width."""
    small, scale = shrunk_to(picture_hwc, TILES[0])
    return small if box_xyxy is None else draw_boxes(small, box_xyxy[None] * scale, [""], colour, dashed=True)


def _target_lines(question: Question, class_names: Sequence[str]) -> list[tuple[str, Colour]]:
    target = question.target
    true = "none" if target.true_object is None else class_names[question.frame.labels[target.true_object]]
    explained = f"map for: {class_names[target.label]}"
    return [
        (question.frame.name, GREY),
        (f"true: {true}", GREY),
        (explained if target.kind == "missed" else f"{explained} {target.score:.2f}", GREY),
        (f"baseline: {_KIND_WORDS.get(target.kind, target.kind)}", RIGHT if target.kind == "found" else WRONG),
    ]


def _verdict(question: Question, one: DetectionExplanation, class_names: Sequence[str]) -> tuple[str, Colour]:
    if one.decision.label is None:
        return "sees nothing here", WRONG
    true = question.target.true_object
    is_right = true is not None and one.decision.label == question.frame.labels[true]
    text = f"{class_names[one.decision.label]} {one.decision.score:.2f} {'right' if is_right else 'wrong'}"
    return text, RIGHT if is_right else WRONG


def _change(one: DetectionExplanation, base: DetectionExplanation, class_names: Sequence[str]) -> str:
    before, after = (
        "nothing" if each.decision.label is None else f"{class_names[each.decision.label]} {each.decision.score:.2f}"
        for each in (base, one)
    )
    return f"changed from {before} to {after}"


def _range(one: DetectionExplanation) -> str:
    """The map's own range, since colours are stretched over it: a flat map must be seen to be flat."""
    return f"kept: {one.judged.importance.min():.3f} to {one.judged.importance.max():.3f}"
