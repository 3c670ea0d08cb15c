"""The sheets of clips: one per variant (the map over the frames, what each frame matters), and all side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.sampling import segment_places
from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.explanation import ClipExplanation
from pipeline.explain.explanation import BASELINE, ExplainedVariant
from pipeline.explain.sheets import RIGHT, WRONG, Colour, Row, Tile, heat_overlay, write_sheet

MAX_COLUMNS = 8  # frames of a longer clip that are shown
_FULL_BAR = 0.05  # of probability: bars are not stretched over less, where nothing matters
_GREY = (110, 110, 115)


def write_variant_sheet(
    path: Path,
    task: str,
    variant: ExplainedVariant,
    clips: Sequence[ExplainedClip],
    class_names: Sequence[str],
    explanations: Sequence[ClipExplanation],
    cams: Sequence[NDArray[np.float32]],
) -> None:
    """Rows are clips; columns their frames under the map, with a bar for what each matters, and Grad-CAM `cams[i]`.

    Of Grad-CAM's map `[T, S, S]` the moment is shown at which it is highest.
    """
    n_frames = len(clips[0].frames_thwc)
    shown = segment_places(n_frames, min(n_frames, MAX_COLUMNS)).tolist()
    rows = []
    for clip, one, cam in zip(clips, explanations, cams, strict=True):
        overlays, bars = clip_overlay(clip.frames_thwc, one.rise), _scaled(one.frame_importance, [one])
        tiles = [Tile(overlays[t], _signed(one.frame_importance[t]), bars=[bars[t]]) for t in shown]
        peak = int(cam.max(axis=(1, 2)).argmax())
        caption = f"frame {clip.places[peak] + 1}" if cam.any() else "nothing speaks for it"
        tiles.append(Tile(clip_overlay(clip.frames_thwc, cam)[peak], caption))
        lines = [*_what_lines(clip, one, class_names), _verdict(clip, one, class_names), *_map_lines(one)]
        rows.append(Row(tiles, lines))
    columns = [f"frame {clips[0].places[t] + 1}" for t in shown]
    note = f"{len(shown)} of {n_frames} frames · " if len(shown) < n_frames else ""
    subtitle = f"{note}RISE through {variant.file.as_posix()}; below, how far p falls without the frame · " + (
        f"Grad-CAM on {variant.float_artifact.as_posix()}"
    )
    write_sheet(path, f"{task} · {variant.name}", subtitle, [*columns, "Grad-CAM, float"], rows)


def write_side_by_side(
    path: Path,
    task: str,
    clips: Sequence[ExplainedClip],
    class_names: Sequence[str],
    explanations: Mapping[str, Sequence[ClipExplanation]],
) -> None:
    """Rows are clips; columns the variants at the frame in which the baseline's map is highest, and a bar per frame."""
    rows = []
    for i, clip in enumerate(clips):
        of_clip = {name: found[i] for name, found in explanations.items()}
        peak = int(of_clip[BASELINE].rise.max(axis=(1, 2)).argmax())
        tiles = [Tile(clip.frames_thwc[peak], f"frame {clip.places[peak] + 1}")]
        for one in of_clip.values():
            text, colour = _verdict(clip, one, class_names)
            bars = _scaled(one.frame_importance, of_clip.values())
            tiles.append(Tile(clip_overlay(clip.frames_thwc, one.rise)[peak], text, colour, bars))
        rows.append(Row(tiles, _what_lines(clip, of_clip[BASELINE], class_names)))
    subtitle = (
        "Space-time RISE through the exported files, for the class that the baseline decides; red matters most · bars: "
        "how far p falls without each frame"
    )
    write_sheet(path, f"{task} · all variants", subtitle, ["frame", *explanations], rows)


def clip_overlay(frames_thwc: NDArray[np.uint8], importance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map `[T, S, S]` in colour over its frames `[T, S, S, 3]`: one range of colours for all of them."""
    width = importance.shape[-1]
    strip = heat_overlay(frames_thwc.reshape(-1, width, 3), importance.reshape(-1, width))
    return strip.reshape(frames_thwc.shape)


def _scaled(importance: NDArray[np.float64], together: Iterable[ClipExplanation]) -> list[float]:
    """As shares of the largest of the explanations that are looked at together."""
    largest = max(float(np.abs(one.frame_importance).max()) for one in together)
    return (importance / max(largest, _FULL_BAR)).tolist()


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # plus 0: there is no "-0.00"


def _what_lines(clip: ExplainedClip, one: ClipExplanation, class_names: Sequence[str]) -> list[tuple[str, Colour]]:
    return [
        (clip.name, _GREY),
        (f"true: {class_names[clip.label]}", _GREY),
        (f"map for: {class_names[one.explained]}", _GREY),
    ]


def _map_lines(one: ClipExplanation) -> list[tuple[str, Colour]]:
    """The map's own range, since colours are stretched over it: a flat map must be seen to be flat."""
    return [
        (f"p kept {one.rise.min():.2f} to {one.rise.max():.2f}", _GREY),
        (f"p falls shuffled {_signed(one.time.order)}", _GREY),
    ]


def _verdict(clip: ExplainedClip, one: ClipExplanation, class_names: Sequence[str]) -> tuple[str, Colour]:
    is_right = one.decision == clip.label
    text = f"{class_names[one.decision]} {one.probability:.2f} {'right' if is_right else 'wrong'}"
    return text, RIGHT if is_right else WRONG
