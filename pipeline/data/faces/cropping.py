"""One recording to the crops of its faces, in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2

from pipeline.data.dataset import Row
from pipeline.data.face_crops.crops import Crop, CropOptions, crop_faces
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.data.faces.planned import PlannedRecording
from pipeline.data.folder import Skipped, safe_name
from pipeline.data.recordings.person_names import folder_name
from pipeline.files import sha256_file, sha256_json

# Of JPEG; a crop is cut once and looked at often.
_QUALITY = 95


@dataclass(frozen=True)
class Cropping:
    """folder: of the data set; min_face: the smallest face sought, as a fraction of the frame's longer side."""

    folder: Path
    options: CropOptions
    min_face: float


@dataclass(frozen=True)
class CroppedRecording:
    """n_frames: how many were looked at; rows: of the faces found in them."""

    rows: list[Row]
    n_frames: int
    skipped: list[Skipped]


def crop_recording(cropping: Cropping, planned: PlannedRecording) -> CroppedRecording:
    """Write the crops of a recording. A frame without one clear face is skipped, with its reason."""
    read = planned.source.read()
    if isinstance(read, str):
        return CroppedRecording([], 0, [Skipped(planned.name, read)])
    skipped = [] if read.note is None else [Skipped(planned.name, read.note)]
    stem = safe_name(planned.name, sha256_json(planned.name))
    folder = Path("images", planned.split, folder_name(planned.person))
    (cropping.folder / folder).mkdir(parents=True, exist_ok=True)
    rows = []
    for found in crop_faces(read.frames, _finder(cropping.min_face), cropping.options):
        if not isinstance(found, Crop):
            several = len(read.frames) > 1
            skipped.append(Skipped(f"{planned.name} at {found.name}" if several else planned.name, found.reason))
            continue
        file = folder / f"{stem}_{found.name}.jpg"
        cv2.imwrite(str(cropping.folder / file), found.pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        size = cropping.options.size
        label = planned.person if planned.is_known else ""
        source = f"{planned.person}/{planned.group}"
        sha256 = sha256_file(cropping.folder / file)
        rows.append(Row(file.as_posix(), label, planned.split, source, "", size, size, sha256))
    return CroppedRecording(rows, len(read.frames), skipped)


@lru_cache(maxsize=1)
def _finder(min_face: float) -> FaceFinder:
    import torch

    # The other cores have worker processes of their own, and sums in another order would move a face by a hair.
    torch.set_num_threads(1)
    return FaceFinder(min_face)
