"""How data.<task> wants frames to be taken and faces to be cut: the same for data sets and for enrolling."""

from __future__ import annotations

from pipeline.data.face_crops.crops import CropOptions
from pipeline.data.recordings.reading import FrameChoice
from pipeline.face_data_options import FaceData


def frame_choice(params: FaceData) -> FrameChoice:
    return FrameChoice(
        params.video_fps,
        params.frames_per_recording,
        params.near_duplicate_bits,
        params.max_side,
        params.max_megapixels,
    )


def crop_options(params: FaceData) -> CropOptions:
    return CropOptions(
        size=params.crop_size, margin=params.margin, rule=params.face, min_probability=params.min_probability,
        min_side=params.min_face,
    )  # fmt: skip


def smallest_face(params: FaceData) -> float:
    """Side of the smallest face that is sought, as a fraction of the longest side that a frame can have."""
    return params.smallest_face
