"""The two kinds of sheet: one per variant (frame, mask, a map of every method), and all variants side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.explain.explanation import BASELINE, ExplainedVariant, FrameExplanation
from pipeline.explain.frames import ExplainedFrame
from pipeline.explain.judging import Judged
from pipeline.explain.methods.chosen import Chosen
from pipeline.explain.methods.registry import METHODS
from pipeline.explain.metrics.drift_by_decision import changed_first
from pipeline.explain.sanity import Sanity
from pipeline.explain.sheets import RIGHT, WRONG, Colour, Row, Tile, heat_overlay, mask_overlay, write_sheet
from pipeline.explain.subject import JudgedMap

GREY: Colour = (110, 110, 115)


@dataclass(frozen=True, eq=False)
class MethodColumn:
    """judged: a map for every frame, or the reason why there is none."""

    title: str
    judged: Sequence[JudgedMap] | str

    def caption(self, i: int) -> str:
        """Its scores on frame i, or why there is nothing to see."""
        if isinstance(self.judged, str):
            return "not for this network"
        one = self.judged[i]
        return scores_of(one) if one.importance.any() else "nothing speaks for it"


def columns_of(chosen: Chosen, judged: Judged, sanity: Mapping[str, Sanity], variant: str) -> list[MethodColumn]:
    """Every method, the default one first; a title tells what it was computed on, and when it means nothing."""
    return [MethodColumn(title_of(name, sanity), judged[name][variant]) for name in chosen.names]


def title_of(name: str, sanity: Mapping[str, Sanity]) -> str:
    """Of a column of maps."""
    one = METHODS[name]
    check = sanity[name]
    warning = " (survives random weights!)" if check.flagged else " (unchecked)" if check.is_silent else ""
    return f"{one.title}, {'float network' if one.needs_gradients else 'exported file'}{warning}"


def scores_of(one: JudgedMap) -> str:
    """Deletion and insertion of one map."""
    if one.faithfulness is None:
        return "constant, points nowhere"
    return f"del {one.faithfulness.deletion_auc:.2f} ins {one.faithfulness.insertion_auc:.2f}"


def write_variant_sheet(
    path: Path,
    task: str,
    variant: ExplainedVariant,
    frames: Sequence[ExplainedFrame],
    class_names: Sequence[str],
    explanations: Sequence[FrameExplanation],
    explanations_baseline: Sequence[FrameExplanation],
    columns: Sequence[MethodColumn],
) -> None:
    """Rows are frames, those whose decision compression changed first; columns the frame, its true mask if any frame
    has one, and the map of every method.
    """
    has_masks = any(frame.mask is not None for frame in frames)
    rows = []
    for i in row_order(explanations, explanations_baseline):
        frame, one, base = frames[i], explanations[i], explanations_baseline[i]
        tiles = [Tile(frame.image_hwc)]
        if has_masks:
            tiles.append(
                Tile(None, "no mask") if frame.mask is None else Tile(mask_overlay(frame.image_hwc, frame.mask))
            )
        for column in columns:
            shown = None if isinstance(column.judged, str) else column.judged[i].importance
            picture = None if shown is None else heat_overlay(frame.image_hwc, shown)
            tiles.append(Tile(picture, column.caption(i)))
        lines = [*_frame_lines(frame, one, class_names), *_verdicts(frame, one, base, class_names), (_range(one), GREY)]
        rows.append(Row(tiles, lines))
    headings = ["frame", *(["true mask"] if has_masks else []), *(column.title for column in columns)]
    subtitle = f"exported file: {variant.file.as_posix()} · float network: {variant.float_artifact.as_posix()}"
    write_sheet(path, f"{task} · {variant.name}", subtitle, headings, rows)


def write_side_by_side(
    path: Path,
    task: str,
    frames: Sequence[ExplainedFrame],
    class_names: Sequence[str],
    explanations: Mapping[str, Sequence[FrameExplanation]],
) -> None:
    """Rows are frames; columns the frame and the RISE map of every variant, with its own decision below."""
    rows = []
    for i in changed_anywhere_first({name: [one.decision for one in found] for name, found in explanations.items()}):
        frame = frames[i]
        found = [one[i] for one in explanations.values()]
        maps = [
            Tile(heat_overlay(frame.image_hwc, one.judged.importance), *_verdict(frame, one, class_names))
            for one in found
        ]
        rows.append(Row([Tile(frame.image_hwc), *maps], _frame_lines(frame, found[0], class_names)))
    subtitle = (
        "RISE maps through the exported files, for the class that the baseline decides; red matters most · frames "
        "whose decision compression changed come first"
    )
    write_sheet(path, f"{task} · all variants", subtitle, ["frame", *explanations], rows)


def row_order(found: Sequence[FrameExplanation], found_baseline: Sequence[FrameExplanation]) -> list[int]:
    """Changed decisions first."""
    return changed_first([one.decision == base.decision for one, base in zip(found, found_baseline, strict=True)])


def changed_anywhere_first(decisions: Mapping[str, Sequence[object]]) -> list[int]:
    """Places of what some variant decides otherwise than the baseline, most variants first; then the rest in order."""
    baseline = decisions[BASELINE]
    changed = [sum(one[i] != baseline[i] for one in decisions.values()) for i in range(len(baseline))]
    return sorted(range(len(baseline)), key=lambda i: (-changed[i], i))


def _frame_lines(frame: ExplainedFrame, one: FrameExplanation, class_names: Sequence[str]) -> list[tuple[str, Colour]]:
    return [
        (frame.name, GREY),
        (f"true: {class_names[frame.label]}", GREY),
        (f"map for: {class_names[one.explained]}", GREY),
    ]


def _verdicts(
    frame: ExplainedFrame, one: FrameExplanation, base: FrameExplanation, class_names: Sequence[str]
) -> list[tuple[str, Colour]]:
    """The decision; where compression changed it, both."""
    text, colour = _verdict(frame, one, class_names)
    if one.decision == base.decision:
        return [(text, colour)]
    return [
        (f"changed from: {class_names[base.decision]} {base.probability:.2f}", WRONG),
        (f"to: {text}", colour),
    ]


def _verdict(frame: ExplainedFrame, one: FrameExplanation, class_names: Sequence[str]) -> tuple[str, Colour]:
    is_right = one.decision == frame.label
    text = f"{class_names[one.decision]} {one.probability:.2f} {'right' if is_right else 'wrong'}"
    return text, RIGHT if is_right else WRONG


def _range(one: FrameExplanation) -> str:
    """The map's own range, since colours are stretched over it: a flat map must be seen to be flat."""
    return f"p kept {one.judged.importance.min():.2f} to {one.judged.importance.max():.2f}"
