"""Make the data folder of the task movement: clips of equally many frames, as film strips, split by source."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.clip_data_options import ClipData
from pipeline.data.clips.before import told_before
from pipeline.data.clips.drawn import plan_drawn
from pipeline.data.clips.imported import plan_videos
from pipeline.data.clips.motion_control import motion_control
from pipeline.data.clips.one_frame_control import one_frame_control
from pipeline.data.clips.planned import Plan
from pipeline.data.clips.sheet import write_clip_sheet
from pipeline.data.clips.writing import WrittenVideo, write_video
from pipeline.data.dataset import SPLITS, Row, finish
from pipeline.data.frames import SAMPLING
from pipeline.data.workers import Progress, map_in_order
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_folder, write_json

TASK = "movement"
SHEET = "sheet.jpg"


def generate_clips(
    params: ClipData, seed: int, out: Path, workers: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Make the data folder `out` as a whole or leave what stood there; gives its report.

    index.csv (see pipeline.data.dataset) has one row for each clip: `file` is a film strip (see film_strip), width and
    height are those of one frame, source is the group of its video. sheet.jpg shows one clip of each class and split.
    report.json says at clip.frames how many frames a clip has, at clip.fps their rate, and names what was skipped,
    padded or damaged. before/ holds what was seen just before the test clips (see pipeline.data.clips.before).
    sampling.json is there where networks do not see a frame of each segment of a clip.
    The bytes depend on `params`, `seed` and the videos only, not on `workers`.
    Raises EdgeboardError for videos that cannot make a data set and for a disk that is full or read-only.
    """
    plan = plan_drawn(params, seed, TASK) if params.is_synthetic else plan_videos(params, seed, TASK, workers)
    n_frames = params.clip_frames
    with replacing_folder(out) as folder:
        written = map_in_order(partial(write_video, folder), plan.videos, workers, progress)
        rows = sorted((row for one in written for row in one.rows), key=lambda row: (row.split, row.file))
        _check_every_class_is_there(plan, rows, written)
        if params.sampling != "segments":
            write_json(folder / SAMPLING, {"kind": params.sampling, "stride": params.sampling_stride})
        write_clip_sheet(folder / SHEET, folder, rows, plan.class_names, n_frames)
        findings = {
            "clip": {"frames": n_frames, "fps": params.fps},
            "control_one_frame_accuracy": one_frame_control(folder, rows, plan.class_names, n_frames),
            "control_motion_accuracy": motion_control(folder, rows, plan.class_names, n_frames),
            **plan.findings,
            **_told(plan, written),
        }
        # Adds the control by colours too, of all frames of a strip.
        return finish(folder, TASK, plan.source, plan.class_names, rows, findings)


def _told(plan: Plan, written: Sequence[WrittenVideo]) -> dict[str, Any]:
    skipped: list[Any] = [vars(entry) for entry in plan.findings["skipped"]]  # type: ignore[attr-defined]
    skipped += [{"file": one.name, "reason": one.skipped} for one in written if one.skipped is not None]
    videos = {one.name: video.split for one, video in zip(written, plan.videos, strict=True) if one.rows}
    return {
        "skipped": sorted(skipped, key=lambda entry: (entry["file"], entry["reason"])),
        "padded": [{"file": one.name, "frames": one.n_repeated} for one in written if one.n_repeated],
        "damaged": [{"file": one.name, "reason": one.damage} for one in written if one.rows and one.damage],
        "before": told_before([one.before for one in written if one.before is not None]),
        "n_videos": {split: list(videos.values()).count(split) for split in SPLITS},
    }


def _check_every_class_is_there(plan: Plan, rows: Sequence[Row], written: Sequence[WrittenVideo]) -> None:
    present = {(row.label, row.split) for row in rows}
    missing = [f"{label} in {split}" for label in plan.class_names for split in SPLITS if (label, split) not in present]
    if missing:
        reasons = [f"{one.name}: {one.skipped}" for one in written if one.skipped is not None]
        raise EdgeboardError(
            "A class has no clip in a split",
            where=f"data.{TASK}.source",
            value="\n            ".join([", ".join(missing[:10]), *reasons[:5]]),
            mend="add videos of the class, or leave it out with classes",
        )
