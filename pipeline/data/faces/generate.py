"""Make the data folder of the task face: crops of known people and strangers, split by recording."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from pipeline.data.dataset import SPLITS, Row, write_index
from pipeline.data.face_crops.sheet import crops_sheet
from pipeline.data.faces.cropping import CroppedRecording, Cropping, crop_recording
from pipeline.data.faces.drawn import plan_drawn
from pipeline.data.faces.imported import plan_folder
from pipeline.data.faces.pixel_control import pixel_control
from pipeline.data.faces.planned import Plan
from pipeline.data.faces.reading import crop_options, smallest_face
from pipeline.data.folder import safe_name
from pipeline.data.frames import read_image
from pipeline.data.recordings.person_names import folder_name
from pipeline.data.workers import Progress, map_in_order
from pipeline.errors import EdgeboardError
from pipeline.face_data_options import FaceData
from pipeline.files import replacing_folder, sha256_file, sha256_json, write_json

TASK = "face"
SHEETS = "sheets"
CAMERA_FRAMES = "frames"
_N_CAMERA_FRAMES = 16
_SPLITS_OF_STRANGERS = ("val", "test")


def generate_face(
    params: FaceData, seed: int, out: Path, workers: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Make the data folder `out` as a whole or leave what stood there; gives its report.

    index.csv (see pipeline.data.dataset): the label is the person, or empty for a stranger; the source is
    `<person>/<group of recordings>`. sheets/ has a sheet of crops for each person, to be looked at: no finder of faces
    is perfect. frames/ has whole pictures of some test recordings, for the time of a whole frame. The bytes depend on
    `params`, `seed` and the recordings only, not on `workers`.
    Raises EdgeboardError for people that cannot make a data set and for a disk that is full or read-only.
    """
    plan = plan_drawn(params, seed) if params.is_synthetic else plan_folder(params, seed, TASK, workers)
    with replacing_folder(out) as folder:
        cropping = Cropping(folder, crop_options(params), smallest_face(params))
        done = map_in_order(partial(crop_recording, cropping), plan.recordings, workers, progress)
        rows = sorted((row for one in done for row in one.rows), key=lambda row: (row.split, row.file))
        _check_everybody_is_there(plan, rows, done)
        write_index(folder, rows)
        _write_sheets(folder, rows)
        _write_camera_frames(folder, plan, rows)
        report = _report(folder, plan, rows, done)
        write_json(folder / "report.json", report)
    return report


def _check_everybody_is_there(plan: Plan, rows: Sequence[Row], done: Sequence[CroppedRecording]) -> None:
    """Every known person in every split, and strangers to choose the threshold with, and others to test it with."""
    present = {(row.label, row.split) for row in rows}
    missing = {(person, split): person for person in plan.known for split in SPLITS if (person, split) not in present}
    missing |= {("", split): "all strangers" for split in _SPLITS_OF_STRANGERS if ("", split) not in present}
    if missing:
        reasons = sorted(
            {
                entry.reason
                for one, cropped in zip(plan.recordings, done, strict=True)
                for entry in cropped.skipped
                if (one.person if one.is_known else "", one.split) in missing
            }
        )
        names = [f"{name} in {split}" for (_, split), name in missing.items()]
        raise EdgeboardError(
            "No usable face was found of some people",
            where=f"data.{TASK}.source",
            value=f"{len(names)} times: {', '.join(names[:5])}; {'; '.join(reasons[:3])}",
            mend=f"add recordings with one clear face, or lower data.{TASK}.min_face or min_probability",
        )


def _write_sheets(folder: Path, rows: Sequence[Row]) -> None:
    of_person: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_person[row.source.partition("/")[0]].append(row)
    (folder / SHEETS).mkdir()
    for person, own in of_person.items():
        crops = [(f"{row.split} {Path(row.file).stem}", read_image(folder / row.file)) for row in own]
        sheet = crops_sheet(person, crops)
        cv2.imwrite(str(folder / SHEETS / f"{folder_name(person)}.jpg"), sheet[..., ::-1])


def _write_camera_frames(folder: Path, plan: Plan, rows: Sequence[Row]) -> None:
    """Whole frames of some test recordings with a face: a board has to find it before it can say whose it is."""
    usable = {row.source for row in rows if row.split == "test"}
    recordings = [one for one in plan.recordings if f"{one.person}/{one.group}" in usable]
    for one in recordings[:: max(1, len(recordings) // _N_CAMERA_FRAMES)][:_N_CAMERA_FRAMES]:
        read = one.source.read()
        assert not isinstance(read, str), "it has just been read"
        file = folder / CAMERA_FRAMES / folder_name(one.person) / f"{safe_name(one.name, sha256_json(one.name))}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), read.frames[0][1][..., ::-1])


def _report(folder: Path, plan: Plan, rows: Sequence[Row], done: Sequence[CroppedRecording]) -> dict[str, Any]:
    n_frames, n_crops = sum(one.n_frames for one in done), len(rows)
    skipped: list[Any] = [*plan.findings["skipped"]]  # type: ignore[misc]
    skipped += [vars(entry) for one in done for entry in one.skipped]
    return {
        "task": TASK,
        "source": plan.source,
        "classes": plan.known,
        "counts": {split: _counts([row for row in rows if row.split == split]) for split in SPLITS},
        "n_groups": len({row.source for row in rows}),
        "frames_looked_at": n_frames,
        "faces_found": {"value": n_crops / n_frames if n_frames else None, "n": n_frames},
        "image_width": _spread(rows),
        "image_height": _spread(rows),
        "data_hash": sha256_file(folder / "index.csv"),
        "control_pixel_accuracy": pixel_control(folder, rows),
        **plan.findings,
        "skipped": sorted(skipped, key=lambda entry: (entry["file"], entry["reason"])),
    }


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    return {
        "crops of known people": sum(bool(row.label) for row in rows),
        "of strangers": sum(not row.label for row in rows),
        "recordings": len({row.source for row in rows}),
        "people": len({row.source.partition("/")[0] for row in rows}),
    }


def _spread(rows: Sequence[Row]) -> dict[str, float]:
    sides = [row.width for row in rows]
    return {"min": min(sides), "median": statistics.median(sides), "max": max(sides)}
