"""One recording, a video or a photo, to its chosen frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.data.folder import Skipped
from pipeline.data.photos import UnusablePhotoError, decode
from pipeline.data.recordings.choosing import choose_frames
from pipeline.data.recordings.listing import Recording
from pipeline.data.recordings.video import Frame, UnusableVideoError, VideoFrames


@dataclass(frozen=True)
class FrameChoice:
    """How frames are taken: `rate_fps` looked at in a second of a video, at most `max_frames` of a video kept.

    `max_side`: pixels of the longer side; `min_difference_bits` of 64: see `choose_frames`; `max_megapixels`: larger
    pictures are skipped.
    """

    rate_fps: float
    max_frames: int
    min_difference_bits: int
    max_side: int
    max_megapixels: int


@dataclass(frozen=True, eq=False)
class ReadRecording:
    """`frames` of one recording in the order of time; `damage`: why a video ends early, None where it does not."""

    recording: Recording
    frames: list[Frame]
    damage: str | None = None


def read_recording(choice: FrameChoice, recording: Recording) -> ReadRecording | Skipped:
    """The chosen frames; a recording of which nothing can be used gives its reason.

    To be used with `functools.partial` and `map_in_order`: recordings do not depend on each other.
    """
    try:
        if recording.kind == "photo":
            return ReadRecording(recording, [read_photo(recording.path, choice.max_side, choice.max_megapixels)])
        frames = VideoFrames(recording.path, choice.rate_fps, choice.max_side, choice.max_megapixels)
        chosen = choose_frames(frames, choice.max_frames, choice.min_difference_bits)
        return ReadRecording(recording, chosen, frames.damage)
    except (UnusablePhotoError, UnusableVideoError) as error:
        return Skipped(recording.name, str(error))


def read_photo(path: Path, max_side: int, max_megapixels: int) -> Frame:
    """A photo as the one frame of a recording. Raises UnusablePhotoError."""
    try:
        with path.open("rb") as file:
            return Frame(np.array(decode(file, max_side, max_megapixels)), 0.0, 0)
    except OSError as error:
        raise UnusablePhotoError(f"cannot be read: {error.strerror}") from None
