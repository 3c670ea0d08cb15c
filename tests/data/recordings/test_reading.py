from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.folder import Skipped
from pipeline.data.recordings.listing import Recording, find_recordings
from pipeline.data.recordings.reading import FrameChoice, ReadRecording, read_recording
from pipeline.data.workers import map_in_order
from tests.data.photo_cases import a_photo
from tests.data.recordings.video_cases import cut, pictures, quadrants, write_video

CHOICE = FrameChoice(rate_fps=5, max_frames=4, min_difference_bits=6, max_side=100, max_megapixels=2)
_ORIENTATION = 0x0112


def read(path: Path) -> ReadRecording | Skipped:
    kind = "photo" if path.suffix == ".jpg" else "video"
    return read_recording(CHOICE, Recording("Al", f"Al/{path.name}", path, kind))  # type: ignore[arg-type]


def test_a_photo_is_one_upright_frame(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    Image.fromarray(quadrants(400, 200)).save(tmp_path / "in.jpg", exif=exif)
    result = read(tmp_path / "in.jpg")
    assert isinstance(result, ReadRecording)
    (frame,) = result.frames
    assert (frame.rgb.shape, frame.rgb.dtype, frame.time_s, frame.index) == ((100, 50, 3), np.uint8, 0.0, 0)
    assert frame.rgb[10, 10].tolist() == pytest.approx([0, 0, 255], abs=12)
    assert frame.rgb.flags["WRITEABLE"]


def test_a_video_gives_its_different_frames(tmp_path: Path) -> None:
    shots = [shot for shot in pictures(range(3)) for _ in range(25)]
    result = read(write_video(tmp_path / "in.mp4", shots))
    assert isinstance(result, ReadRecording)
    assert [int(frame.time_s) for frame in result.frames] == [0, 1, 2]
    assert result.damage is None


def test_a_broken_video_gives_what_is_whole_and_the_reason(tmp_path: Path) -> None:
    result = read(cut(write_video(tmp_path / "in.mkv", pictures(range(40))), 0.5))
    assert isinstance(result, ReadRecording)
    assert 1 <= len(result.frames) <= 4
    assert result.damage is not None


BAD = {
    "an empty photo": ("a.jpg", b"", "the file is empty"),
    "an empty video": ("a.mp4", b"", "the file is empty"),
    "a text as a photo": ("a.jpg", b"hello" * 99, "the content is not a picture"),
    "a text as a video": ("a.mp4", b"hello" * 99, "the content is not a video, or it is cut before its index"),
}


@pytest.mark.parametrize(("name", "content", "reason"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_skipped_with_its_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == Skipped(f"Al/{name}", reason)


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4"])
def test_a_file_that_is_gone_is_skipped(tmp_path: Path, name: str) -> None:
    assert read(tmp_path / name) == Skipped(f"Al/{name}", "cannot be read: No such file or directory")


@pytest.mark.slow
def test_the_same_bytes_with_two_workers(tmp_path: Path) -> None:
    (tmp_path / "Al").mkdir()
    write_video(tmp_path / "Al" / "0.mp4", pictures(range(8)))
    for i in range(1, 40):
        a_photo(i).save(tmp_path / "Al" / f"{i}.jpg")
    recordings = find_recordings(tmp_path, "source").recordings
    one, two = (map_in_order(partial(read_recording, CHOICE), recordings, workers) for workers in (1, 2))
    for alone, together in zip(one, two, strict=True):
        assert isinstance(alone, ReadRecording)
        assert isinstance(together, ReadRecording)
        assert alone.recording == together.recording
        assert [frame.rgb.tobytes() for frame in alone.frames] == [frame.rgb.tobytes() for frame in together.frames]
