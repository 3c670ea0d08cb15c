"""The clips of one video: how many, of which frames, filled how, and what gives none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.data.clips.windows import ClipWindows, Window, WindowChoice
from pipeline.data.recordings.video import UnusableVideoError
from tests.data.clips.clip_cases import moving, write_clip
from tests.data.recordings.video_cases import cut, number_of, numbered, pictures, write_sound, write_video


def windows_of(
    path: Path,
    n_frames: int = 8,
    rate_fps: float = 10,
    stride: int = 4,
    max_side: int = 64,
    *,
    only_middle: bool = False,
) -> list[Window]:
    return list(ClipWindows(path, WindowChoice(n_frames, rate_fps, stride, max_side, 100), only_middle=only_middle))


def numbers(window: Window) -> list[int]:
    return [number_of(frame) for frame in window.frames_lhwc]


def test_training_takes_a_clip_every_stride(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", numbered(21), rate=10)
    windows = windows_of(path)
    assert [numbers(window) for window in windows] == [list(range(at, at + 8)) for at in (0, 4, 8, 12)]
    assert [window.start_s for window in windows] == pytest.approx([0, 0.4, 0.8, 1.2])
    assert {window.n_repeated for window in windows} == {0}


@pytest.mark.parametrize(("count", "first"), [(8, 0), (9, 0), (10, 1), (21, 6)])
def test_validation_and_test_take_the_middle(tmp_path: Path, count: int, first: int) -> None:
    path = write_video(tmp_path / "in.mp4", numbered(count), rate=10)
    (window,) = windows_of(path, only_middle=True)
    assert numbers(window) == list(range(first, first + 8))
    assert window.start_s == pytest.approx(first / 10)


@pytest.mark.parametrize("only_middle", [False, True])
@pytest.mark.parametrize("count", [2, 5, 7])
def test_a_short_video_is_filled_with_its_last_frame(tmp_path: Path, count: int, only_middle: bool) -> None:
    path = write_video(tmp_path / "in.mp4", numbered(count), rate=10)
    (window,) = windows_of(path, only_middle=only_middle)
    assert numbers(window) == list(range(count)) + [count - 1] * (8 - count)
    assert window.n_repeated == 8 - count


@pytest.mark.parametrize(
    ("rate", "count", "expected"),
    [
        (5, 10, [0, 0, 1, 1, 2, 2, 3, 3]),
        (10, 20, [0, 1, 2, 3, 4, 5, 6, 7]),
        (20, 40, [0, 2, 4, 6, 8, 10, 12, 14]),
        (30, 48, [0, 3, 6, 9, 12, 15, 18, 21]),
    ],
)
def test_every_rate_becomes_the_same(tmp_path: Path, rate: int, count: int, expected: list[int]) -> None:
    path = write_video(tmp_path / "in.mp4", numbered(count), rate=rate)
    assert numbers(windows_of(path)[0]) == expected


def test_a_variable_rate_is_made_even(tmp_path: Path) -> None:
    times = [0, 0.1, 0.2, 0.5, 0.6, 0.7]
    path = write_video(tmp_path / "in.mp4", numbered(6), times, rate=10)
    assert numbers(windows_of(path)[0]) == [0, 1, 2, 2, 3, 3, 4, 5]


def test_frames_are_shrunk_and_never_enlarged(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", 1, width=64, height=48)
    assert windows_of(path, max_side=32)[0].frames_lhwc.shape == (8, 24, 32, 3)
    assert windows_of(path, max_side=640)[0].frames_lhwc.shape == (8, 48, 64, 3)


def test_a_stream_that_changes_its_size_gives_clips_of_one(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for i in range(10):
            width, height = (64, 48) if i < 5 else (96, 64)
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
            encoder.time_base = stream.codec_context.time_base or 1 / stream.average_rate
            frame = av.VideoFrame.from_ndarray(numbered(10, width, height)[i]).reformat(format="yuvj420p")
            for packet in encoder.encode(frame) + encoder.encode(None):
                packet.stream, packet.pts, packet.dts = stream, i, i
                packet.time_base = 1 / stream.average_rate
                container.mux(packet)
    (window,) = windows_of(path, only_middle=True)
    assert window.frames_lhwc.shape == (8, 48, 64, 3)
    assert numbers(window) == list(range(1, 9))


def test_only_one_window_of_a_long_video_is_held(tmp_path: Path) -> None:
    """The windows of a video that goes on for ever come one after another."""
    path = write_video(tmp_path / "in.mp4", numbered(40), rate=10)
    windows = iter(ClipWindows(path, WindowChoice(8, 10, 4, 64, 100), only_middle=False))
    assert numbers(next(windows)) == list(range(8))
    assert numbers(next(windows)) == list(range(4, 12))


def _unknown_codec(path: Path) -> None:
    write_clip(path, 1)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "one frame": (lambda path: write_clip(path, 1, count=1), "it shows one frame only; an action needs several"),
    "no video stream, audio only": (write_sound, "there is no video in it"),
    "an unreadable codec": (_unknown_codec, "its codec is not known"),
    "an empty file": (lambda path: path.write_bytes(b""), "the file is empty"),
    "a text": (lambda path: path.write_text("walk 1\n" * 50), "the content is not a video"),
    "cut, with its index at the end": (lambda path: cut(write_clip(path, 1), 0.5), "the content is not a video"),
    "missing": (lambda path: None, "cannot be read: No such file"),  # noqa: ARG005
}


@pytest.mark.parametrize("only_middle", [False, True])
@pytest.mark.parametrize(("make", "reason"), BAD.values(), ids=BAD.keys())
def test_what_gives_no_clip_says_why(
    tmp_path: Path, make: Callable[[Path], object], reason: str, only_middle: bool
) -> None:
    path = tmp_path / "in.mp4"
    make(path)
    with pytest.raises(UnusableVideoError) as caught:
        windows_of(path, only_middle=only_middle)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("only_middle", [False, True])
def test_a_cut_video_gives_the_clips_before_the_damage(tmp_path: Path, only_middle: bool) -> None:
    path = write_video(tmp_path / "in.mp4", pictures(range(40)), rate=10, faststart=True)
    whole = windows_of(path)
    clips = ClipWindows(cut(path, 0.5), WindowChoice(8, 10, 4, 64, 100), only_middle=only_middle)
    windows = list(clips)
    assert clips.damage is not None
    if only_middle:
        assert 0.2 <= windows[0].start_s <= 1.2, "the middle of what is left"
    else:
        assert 2 <= len(windows) < len(whole)
        # A frame between two others may be lost with the damage, so that the last clip shows its neighbour instead.
        for left, window in zip(windows[:-1], whole, strict=False):
            np.testing.assert_array_equal(left.frames_lhwc, window.frames_lhwc)
    whole_again = ClipWindows(write_clip(tmp_path / "ok.mp4", 1), WindowChoice(8, 10, 4, 64, 100), only_middle=True)
    assert len(list(whole_again)) == 1
    assert whole_again.damage is None


@pytest.mark.parametrize("name", [b"two words.mp4", b'it\'s "quoted".mp4', "Иван 李.mp4".encode(), b"a\nb.mp4"])
def test_any_name_of_a_file_is_read(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    write_clip(tmp_path / "in.mp4", 1).rename(path)
    assert len(windows_of(path)) == 4


def test_a_second_reading_gives_the_same_bytes(tmp_path: Path) -> None:
    clips = ClipWindows(write_clip(tmp_path / "in.mp4", 1), WindowChoice(8, 8, 4, 40, 100), only_middle=False)
    first, second = (b"".join(window.frames_lhwc.tobytes() for window in clips) for _ in range(2))
    assert first == second
    assert len(first) == len(list(clips)) * 8 * 30 * 40 * 3
    assert len(moving(1)) == 20
