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
from pipeline.explain.hiding import Hiding
from pipeline.explain.metrics.drift_by_decision import changed_first
from pipeline.explain.pages import GREY, MethodColumn, changed_anywhere_first
from pipeline.explain.sheets import RIGHT, WRONG, Colour, Row, Tile, heat_overlay, write_sheet

MAX_COLUMNS = 8  # frames of a longer clip that are shown
_FULL_BAR = 0.05  # of probability: bars are not stretched over less, where nothing matters


def write_variant_sheet(
    path: Path,
    task: str,
    variant: ExplainedVariant,
    clips: Sequence[ExplainedClip],
    class_names: Sequence[str],
    explanations: Sequence[ClipExplanation],
    explanations_baseline: Sequence[ClipExplanation],
    columns: Sequence[MethodColumn],
    hiding: Hiding,
) -> None:
    """Rows are clips, those whose decision compression changed first; columns their frames under the RISE map, with a
    bar for what each matters, then the other methods.

    columns: all methods, RISE first. Of another method's map `[T, S, S]` the moment is shown at which it is highest.
    hiding: what was hidden for the maps.
    """
    n_frames, others = len(clips[0].frames_thwc), columns[1:]
    shown = segment_places(n_frames, min(n_frames, MAX_COLUMNS)).tolist()
    rows = []
    pairs = zip(explanations, explanations_baseline, strict=True)
    alike = [one.in_time.decision == base.in_time.decision for one, base in pairs]
    for i in changed_first(alike):
        clip, one = clips[i], explanations[i]
        importance = one.in_time.frame_importance
        overlays, bars = clip_overlay(clip.frames_thwc, one.judged.importance), _scaled(importance, [one])
        tiles = [Tile(overlays[t], _signed(importance[t]), bars=[bars[t]]) for t in shown]
        tiles += [_at_its_peak(clip, column, i) for column in others]
        changed = [] if alike[i] else [_changed_from(explanations_baseline[i], class_names)]
        verdict = _verdict(clip, one, class_names)
        rows.append(Row(tiles, [*_what_lines(clip, one, class_names), *changed, verdict, *_map_lines(one)]))
    headings = [f"frame {clips[0].places[t] + 1}" for t in shown]
    note = f"{len(shown)} of {n_frames} frames · " if len(shown) < n_frames else ""
    subtitle = (
        f"{note}frames: {columns[0].title}, {variant.file.as_posix()}; below, how far p falls without the frame · "
        f"hidden: {hiding.words}" + (f" · float network: {variant.float_artifact.as_posix()}" if others else "")
    )
    write_sheet(path, f"{task} · {variant.name}", subtitle, [*headings, *(one.title for one in others)], rows)


def write_side_by_side(
    path: Path,
    task: str,
    clips: Sequence[ExplainedClip],
    class_names: Sequence[str],
    explanations: Mapping[str, Sequence[ClipExplanation]],
    hiding: Hiding,
) -> None:
    """Rows are clips; columns the variants at the frame in which the baseline's map is highest, and a bar per frame.

    Of maps that are the same at all moments it is the frame that matters most.
    """
    rows = []
    decisions = {name: [one.in_time.decision for one in found] for name, found in explanations.items()}
    for i in changed_anywhere_first(decisions):
        clip = clips[i]
        of_clip = {name: found[i] for name, found in explanations.items()}
        peak = _peak(of_clip[BASELINE])
        tiles = [Tile(clip.frames_thwc[peak], f"frame {clip.places[peak] + 1}")]
        for one in of_clip.values():
            text, colour = _verdict(clip, one, class_names)
            bars = _scaled(one.in_time.frame_importance, of_clip.values())
            tiles.append(Tile(clip_overlay(clip.frames_thwc, one.judged.importance)[peak], text, colour, bars))
        rows.append(Row(tiles, _what_lines(clip, of_clip[BASELINE], class_names)))
    subtitle = (
        "RISE through the exported files, for the class that the baseline decides; red matters most · bars: "
        f"how far p falls without each frame · hidden: {hiding.words} · clips whose decision compression changed come "
        "first"
    )
    write_sheet(path, f"{task} · all variants", subtitle, ["frame", *explanations], rows)


def _at_its_peak(clip: ExplainedClip, column: MethodColumn, i: int) -> Tile:
    if isinstance(column.judged, str):
        return Tile(None, column.caption(i))
    importance = column.judged[i].importance
    peak = int(importance.max(axis=(1, 2)).argmax())
    moment = f"frame {clip.places[peak] + 1}, " if importance.any() else ""
    return Tile(clip_overlay(clip.frames_thwc, importance)[peak], moment + column.caption(i))


def _peak(one: ClipExplanation) -> int:
    highest = one.judged.importance.max(axis=(1, 2))
    as_high = np.isclose(highest, highest.max(), rtol=1e-4)
    return int(np.where(as_high, one.in_time.frame_importance, -np.inf).argmax())


def _changed_from(base: ClipExplanation, class_names: Sequence[str]) -> tuple[str, Colour]:
    return f"changed from: {class_names[base.in_time.decision]} {base.in_time.probability:.2f}, to:", WRONG


def clip_overlay(frames_thwc: NDArray[np.uint8], importance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map `[T, S, S]` in colour over its frames `[T, S, S, 3]`: one range of colours for all of them."""
    width = importance.shape[-1]
    strip = heat_overlay(frames_thwc.reshape(-1, width, 3), importance.reshape(-1, width))
    return strip.reshape(frames_thwc.shape)


def _scaled(importance: NDArray[np.float64], together: Iterable[ClipExplanation]) -> list[float]:
    """As shares of the largest of the explanations that are looked at together."""
    largest = max(float(np.abs(one.in_time.frame_importance).max()) for one in together)
    return (importance / max(largest, _FULL_BAR)).tolist()


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # plus 0: there is no "-0.00"


def _what_lines(clip: ExplainedClip, one: ClipExplanation, class_names: Sequence[str]) -> list[tuple[str, Colour]]:
    return [
        (clip.name, GREY),
        (f"true: {class_names[clip.label]}", GREY),
        (f"map for: {class_names[one.explained]}", GREY),
    ]


def _map_lines(one: ClipExplanation) -> list[tuple[str, Colour]]:
    """The map's own range, since colours are stretched over it: a flat map must be seen to be flat."""
    return [
        (f"p kept {one.judged.importance.min():.2f} to {one.judged.importance.max():.2f}", GREY),
        (f"p falls shuffled {_signed(one.in_time.time.order)}", GREY),
    ]


def _verdict(clip: ExplainedClip, one: ClipExplanation, class_names: Sequence[str]) -> tuple[str, Colour]:
    is_right = one.in_time.decision == clip.label
    text = f"{class_names[one.in_time.decision]} {one.in_time.probability:.2f} {'right' if is_right else 'wrong'}"
    return text, RIGHT if is_right else WRONG
