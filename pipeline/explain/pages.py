"""The two kinds of sheet: one per variant (frame, mask, Grad-CAM, RISE), and all variants side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.explanation import ExplainedVariant, FrameExplanation
from pipeline.explain.frames import ExplainedFrame
from pipeline.explain.sheets import RIGHT, WRONG, Row, Tile, heat_overlay, mask_overlay, write_sheet

_GREY = (110, 110, 115)


def write_variant_sheet(
    path: Path,
    task: str,
    variant: ExplainedVariant,
    frames: Sequence[ExplainedFrame],
    class_names: Sequence[str],
    explanations: Sequence[FrameExplanation],
    cams: NDArray[np.float32],
) -> None:
    """Rows are frames; columns the frame, its true mask if any frame has one, Grad-CAM `cams[i]` and RISE."""
    has_masks = any(frame.mask is not None for frame in frames)
    rows = []
    for frame, one, cam in zip(frames, explanations, cams, strict=True):
        tiles = [Tile(frame.image_hwc)]
        if has_masks:
            tiles.append(
                Tile(None, "no mask") if frame.mask is None else Tile(mask_overlay(frame.image_hwc, frame.mask))
            )
        nothing = "nothing speaks for it" if not cam.any() else ""
        tiles += [
            Tile(heat_overlay(frame.image_hwc, cam), nothing),
            Tile(heat_overlay(frame.image_hwc, one.rise), _range(one)),
        ]
        rows.append(Row(tiles, [*_frame_lines(frame, one, class_names), _verdict(frame, one, class_names)]))
    columns = ["frame", *(["true mask"] if has_masks else []), "Grad-CAM, float network", "RISE, exported file"]
    subtitle = f"RISE through {variant.file.as_posix()} · Grad-CAM on {variant.float_artifact.as_posix()}"
    write_sheet(path, f"{task} · {variant.name}", subtitle, columns, rows)


def write_side_by_side(
    path: Path,
    task: str,
    frames: Sequence[ExplainedFrame],
    class_names: Sequence[str],
    explanations: Mapping[str, Sequence[FrameExplanation]],
) -> None:
    """Rows are frames; columns the frame and the RISE map of every variant, with its own decision below."""
    rows = []
    for i, frame in enumerate(frames):
        found = [one[i] for one in explanations.values()]
        maps = [Tile(heat_overlay(frame.image_hwc, one.rise), *_verdict(frame, one, class_names)) for one in found]
        rows.append(Row([Tile(frame.image_hwc), *maps], _frame_lines(frame, found[0], class_names)))
    subtitle = "RISE maps through the exported files, for the class that the baseline decides; red matters most"
    write_sheet(path, f"{task} · all variants", subtitle, ["frame", *explanations], rows)


def _frame_lines(
    frame: ExplainedFrame, one: FrameExplanation, class_names: Sequence[str]
) -> list[tuple[str, tuple[int, int, int]]]:
    return [
        (frame.name, _GREY),
        (f"true: {class_names[frame.label]}", _GREY),
        (f"map for: {class_names[one.explained]}", _GREY),
    ]


def _verdict(
    frame: ExplainedFrame, one: FrameExplanation, class_names: Sequence[str]
) -> tuple[str, tuple[int, int, int]]:
    is_right = one.decision == frame.label
    text = f"{class_names[one.decision]} {one.probability:.2f} {'right' if is_right else 'wrong'}"
    return text, RIGHT if is_right else WRONG


def _range(one: FrameExplanation) -> str:
    """The map's own range, since colours are stretched over it: a flat map must be seen to be flat."""
    return f"p kept {one.rise.min():.2f} to {one.rise.max():.2f}"
