"""Explain the exported files of a task of clips: maps over space and time, their scores, and sheets to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import BatchScores, probabilities
from pipeline.explain.batched_file import BatchedFile, cores
from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.explanation import ClipExplanation, ask_in_time, numbers_of_time, rows_of
from pipeline.explain.clips.masks import masks_of_clips
from pipeline.explain.clips.motion import moving_pixels
from pipeline.explain.clips.pages import write_side_by_side, write_variant_sheet
from pipeline.explain.clips.temporal import make_shuffles
from pipeline.explain.explanation import BASELINE, ExplainedVariant, require_baseline_first
from pipeline.explain.hiding import CHANGE, COLOUR, Hiding
from pipeline.explain.judging import Masks, Networks, default_maps, judged_maps
from pipeline.explain.methods.chosen import choose_methods
from pipeline.explain.methods.rise_in_batches import MaskStock
from pipeline.explain.pages import columns_of
from pipeline.explain.report import Questions, methods_report, variants_report
from pipeline.explain.settings import ExplainSettings
from pipeline.explain.subject import Subject

if TYPE_CHECKING:
    from torch import nn


def explain_clips(
    variants: Sequence[ExplainedVariant],
    clips: Sequence[ExplainedClip],
    class_names: Sequence[str],
    load_network: Callable[[Path], nn.Module],
    folder: Path,
    settings: ExplainSettings,
) -> dict[str, Any]:
    """Explain every variant for the class that the baseline (`variants[0]`) decides; leave sheets in `folder`.

    The report is that of explain_task with what time adds, see `numbers_of_time`; a clip is what a frame is there.
    Where the baseline sees differences of frames, what is hidden is their change, else their colour; the report says
    which under `hidden`.
    The same input gives the same bytes, as in explain_task.

    Raises EdgeboardError where the clips do not fit a file, or where a file answers NaN or infinity.
    """
    require_baseline_first(variants)
    chosen = choose_methods(settings.methods, "action")
    _, clip_frames, _, frame_size, _ = clips[0].clip_ntchw.shape
    answers = {one.name: _answers_of(one, clips[0]) for one in variants}
    explained = [int(answers[BASELINE](clip.clip_ntchw).argmax()) for clip in clips]
    hiding = hiding_for(load_network(variants[0].float_artifact))
    subjects = [Subject(clip.clip_ntchw, (i,), answers, hiding) for clip, i in zip(clips, explained, strict=True)]
    masks, few = (
        masks_of_clips(hiding, count, clip_frames, frame_size, settings.seed)
        for count in (settings.mask_count, max(8, settings.mask_count // 4))
    )
    networks = Networks(load_network, lambda network, _: _answers_of_network(network))
    judged, sanity = judged_maps(
        variants, subjects, chosen, Masks(MaskStock(masks), MaskStock(few)), settings, networks
    )
    shuffles = make_shuffles(clip_frames, settings.seed)
    with ThreadPoolExecutor(cores()) as pool:
        in_time = {
            name: list(pool.map(ask_in_time, [answer] * len(clips), clips, explained, [shuffles] * len(clips)))
            for name, answer in answers.items()
        }
    found = {
        one.name: [
            ClipExplanation(i, asked, judged_map)
            for i, asked, judged_map in zip(
                explained, in_time[one.name], default_maps(judged, chosen, one.name), strict=True
            )
        ]
        for one in variants
    }
    decisions = {name: [one.decision for one in asked] for name, asked in in_time.items()}
    questions = Questions([None] * len(clips), None, decisions)
    report = variants_report(variants, judged, chosen, questions, settings.seed)

    moving = [moving_pixels(clip.frames_thwc) for clip in clips]
    shown = settings.shown_folder or folder
    for one in variants:
        page = f"{one.name}.png"
        columns = columns_of(chosen, judged, sanity, one.name)
        write_variant_sheet(
            folder / page, settings.task, one, clips, class_names, found[one.name], found[BASELINE], columns, hiding
        )
        report[one.name] |= {
            **numbers_of_time(moving, found[one.name], settings.seed),
            "frames": rows_of(clips, moving, found[one.name], found[BASELINE], class_names),
            "sheet": (shown / page).as_posix(),
        }
    write_side_by_side(folder / "side_by_side.png", settings.task, clips, class_names, found, hiding)
    return {
        "task": settings.task,
        "method": "space-time rise",
        "n": len(clips),
        "masks": settings.mask_count,
        "mask_cells": list(masks.cells.shape[1:]),
        "clip_frames": clip_frames,
        "places": list(clips[0].places),
        "hidden": {"what": hiding.name, "means": hiding.words},
        # That a decision depends on order and motion is a fact about the task, not a merit of the network.
        **methods_report(chosen, sanity),
        "side_by_side": (shown / "side_by_side.png").as_posix(),
        "variants": report,
    }


def hiding_for(network: nn.Module) -> Hiding:
    """What must be hidden of a clip so that hiding shows this network nothing new."""
    from pipeline.clip_networks.difference import FrameDifference

    return CHANGE if isinstance(getattr(network, "entrance", None), FrameDifference) else COLOUR


def _answers_of(variant: ExplainedVariant, clip: ExplainedClip) -> BatchScores:
    file = BatchedFile(variant.file)
    if file.input_shape != clip.clip_ntchw.shape:
        raise EdgeboardError(
            "The clips do not fit the exported file",
            where=variant.file,
            value=" × ".join(map(str, clip.clip_ntchw.shape)),
            allowed=" × ".join(map(str, file.input_shape)),
            mend="read the clips with the clip_frames and frame_size of the exports",
        )
    return probabilities(file.run, where=variant.file)


def _answers_of_network(network: nn.Module) -> BatchScores:
    from pipeline.explain.methods.score_cam import probabilities_of

    return probabilities_of(network)
