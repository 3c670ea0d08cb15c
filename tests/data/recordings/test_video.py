"""One video at a time: which frames are given, how they are made upright, and what is refused with which words."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.data.recordings.video import SUFFIXES, Frame, UnusableVideoError, VideoFrames
from tests.data.recordings.video_cases import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    cut,
    number_of,
    numbered,
    pictures,
    quadrants,
    whole_packets,
    write_sound,
    write_video,
)


def frames_of(path: Path, rate_fps: float | None = None, max_side: int = 640) -> list[Frame]:
    return list(VideoFrames(path, rate_fps, max_side, 100))


def corners(rgb: np.ndarray) -> list[str]:
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    height, width = rgb.shape[:2]
    places = [rgb[y, x].astype(int) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [min(names, key=lambda name: int(np.abs(place - names[name]).sum())) for place in places]


def _unknown_codec(path: Path) -> None:
    write_video(path, numbered(3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))


def _no_frame(path: Path) -> None:
    write_video(path.with_suffix(".avi"), [], codec="mpeg4").rename(path)


def _play_list(path: Path) -> None:
    write_video(path.with_name("other.mp4"), numbered(3))
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


NO_VIDEO = "the content is not a video, or it is cut before its index"
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "0 bytes": (lambda path: path.write_bytes(b""), "the file is empty"),
    "one byte": (lambda path: path.write_bytes(b"\x00"), NO_VIDEO),
    "a text": (lambda path: path.write_text("this is no video\n" * 99), NO_VIDEO),
    "a list of other videos": (_play_list, NO_VIDEO),
    "a photo": (lambda path: path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(999)), NO_VIDEO),
    "cut, with its index at the end": (lambda path: cut(write_video(path, numbered(9)), 0.5), NO_VIDEO),
    "sound alone": (write_sound, "there is no video in it"),
    "a song with a cover picture": (lambda path: write_sound(path, cover=quadrants()), "there is no video in it"),
    "a codec that nobody knows": (_unknown_codec, "its codec is not known"),
    "no frame at all": (_no_frame, "no frame can be decoded"),
    "cut in its first frame": (
        lambda path: cut(write_video(path, pictures(range(2)), faststart=True), 0.4),
        "no frame can be decoded: the file is cut or damaged",
    ),
    "too small": (lambda path: write_video(path, numbered(2, 64, 4)), "64 x 4 pixels is too small; at least 8 on"),
    "too large": (
        lambda path: write_video(path, numbered(1, 2000, 1600)),
        "2000 x 1600 is 3.2 megapixels; allowed: 2 (max_megapixels)",
    ),
    "missing": (lambda path: None, "cannot be read: No such file or directory"),  # noqa: ARG005
    "a folder": (lambda path: path.mkdir(), "cannot be read: Is a directory"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), BAD.values(), ids=BAD.keys())
def test_an_unusable_video_says_why(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    path = tmp_path / "in.mp4"
    make(path)
    with pytest.raises(UnusableVideoError) as caught:
        list(VideoFrames(path, 5, 640, 2))
    assert str(caught.value).startswith(reason)
    assert str(tmp_path) not in str(caught.value)


def test_one_frame(tmp_path: Path) -> None:
    (frame,) = frames_of(write_video(tmp_path / "in.mp4", numbered(1)), 5)
    assert (frame.rgb.shape, frame.rgb.dtype, frame.time_s, frame.index) == ((64, 96, 3), np.uint8, 0.0, 0)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "libx264"), (".mov", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4"), (".webm", "libvpx"),
        (".mpg", "mpeg1video"), (".mpeg", "mpeg2video"), (".wmv", "wmv2"), (".flv", "flv"), (".ts", "libx264"),
        (".3gp", "libx264"), (".ogv", "libvpx"),
    ],
)  # fmt: skip
def test_every_kind_of_file_gives_evenly_spaced_frames(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_video(tmp_path / f"in{suffix}", numbered(40), codec=codec)
    assert suffix in SUFFIXES
    video = VideoFrames(path, 5, 640, 100)
    frames = list(video)
    assert [frame.index for frame in frames] == [0, 5, 10, 15, 20, 25, 30, 35]
    assert [number_of(frame.rgb) for frame in frames] == [frame.index for frame in frames]
    assert [frame.time_s for frame in frames] == pytest.approx([frame.index / 25 for frame in frames], abs=1e-3)
    assert video.damage is None


def test_a_variable_rate_is_read_by_its_times(tmp_path: Path) -> None:
    times = [*(i / 30 for i in range(30)), 1.0, 1.5, 2.0, 3.0, *(3 + i / 10 for i in range(1, 6))]
    frames = frames_of(write_video(tmp_path / "in.mp4", numbered(len(times)), times, rate=30), 2)
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.5, 1, 1.5, 2, 3, 3.5], abs=2e-3)
    assert [number_of(frame.rgb) for frame in frames] == [0, 15, 30, 31, 32, 33, 38]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_rate_above_that_of_the_video_gives_each_frame_once(tmp_path: Path, suffix: str) -> None:
    frames = frames_of(write_video(tmp_path / f"in{suffix}", numbered(20), rate=30), 240)
    assert [frame.index for frame in frames] == list(range(20))


TURNS = {
    "as stored": (None, False, (64, 96), ["red", "green", "blue", "white"]),
    "counter-clockwise": (90, False, (96, 64), ["green", "white", "red", "blue"]),
    "clockwise, as phones hold it": (-90, False, (96, 64), ["blue", "red", "white", "green"]),
    "on its head": (180, False, (64, 96), ["white", "blue", "green", "red"]),
    "mirrored, as front cameras do": (0, True, (64, 96), ["green", "red", "white", "blue"]),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("rotation", "mirrored", "shape", "shown"), TURNS.values(), ids=TURNS.keys())
def test_the_display_matrix_is_honoured(
    tmp_path: Path, suffix: str, rotation: int | None, mirrored: bool, shape: tuple[int, int], shown: list[str]
) -> None:
    path = write_video(tmp_path / f"in{suffix}", [quadrants()] * 3, rotation=rotation, mirrored=mirrored)
    for frame in frames_of(path):
        assert frame.rgb.shape[:2] == shape
        assert corners(frame.rgb) == shown


def test_pixels_that_are_not_square_are_shown_as_wide_as_they_are(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", [quadrants(96, 64)], pixel_aspect=Fraction(4, 3))
    assert frames_of(path)[0].rgb.shape == (64, 128, 3)


def test_a_4k_portrait_video_is_shrunk(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", [quadrants(3840, 2160)] * 3, rotation=-90)
    frames = frames_of(path, max_side=320)
    assert [frame.rgb.shape for frame in frames] == [(320, 180, 3)] * 3
    assert corners(frames[0].rgb) == ["blue", "red", "white", "green"]


def test_colours_of_high_definition_are_true(tmp_path: Path) -> None:
    """Without its own note such a video is BT.709; read as BT.601 a green is off by some 30 grey values."""
    import av

    green = np.full((720, 1280, 3), (40, 160, 60), dtype=np.uint8)
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        picture = av.VideoFrame.from_ndarray(green).reformat(format="yuv420p", dst_colorspace="ITU709")
        picture.colorspace = 2
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert np.abs(frames_of(path)[0].rgb.astype(int).mean(axis=(0, 1)) - (40, 160, 60)).max() < 4


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4")])
def test_a_cut_video_gives_the_frames_before_the_damage_and_a_note(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_video(tmp_path / f"in{suffix}", pictures(range(40)), codec=codec, faststart=suffix == ".mp4")
    whole = {frame.time_s: frame.rgb for frame in frames_of(path)}
    video = VideoFrames(cut(path, 0.5), None, 640, 100)
    frames = list(video)
    assert len(frames) == whole_packets(path) >= 10
    for frame in frames:
        np.testing.assert_array_equal(frame.rgb, whole[frame.time_s])
    assert video.damage is not None
    assert str(tmp_path) not in video.damage


def test_a_lost_sector_ends_the_frames_before_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", pictures(range(40)), faststart=True)
    whole = {frame.time_s: frame.rgb for frame in frames_of(path)}
    content = path.read_bytes()
    for percent in range(20, 68, 2):
        start = len(content) * percent // 100
        path.write_bytes(content[:start] + bytes(512) + content[start + 512 :])
        video = VideoFrames(path, None, 640, 100)
        frames = list(video)
        assert 0.4 * percent - 4 <= len(frames) < 40
        for frame in frames:
            np.testing.assert_array_equal(frame.rgb, whole[frame.time_s])
        assert video.damage is not None


def test_a_second_reading_gives_the_same_bytes(tmp_path: Path) -> None:
    video = VideoFrames(write_video(tmp_path / "in.mp4", pictures(range(6))), 10, 50, 100)
    first, second = list(video), list(video)
    assert [frame.rgb.tobytes() for frame in first] == [frame.rgb.tobytes() for frame in second]
    assert len({frame.rgb.tobytes() for frame in first}) == len(first) == 3


@pytest.mark.parametrize(
    "name",
    [b"two words.mp4", b'it\'s "quoted".mp4', "Иван 李.mp4".encode(), b"a..b.mp4", b"concat:x|y.mp4", b"\xff.mp4"],
)
def test_any_name_of_a_file_is_opened(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    write_video(tmp_path / "in.mp4", numbered(2)).rename(path)
    assert len(frames_of(path)) == 2


def test_frames_are_not_held_in_memory(tmp_path: Path) -> None:
    """140 frames of 640 x 480 are 64 MB as decoded; gc is off, since it comes by chance."""
    path = write_video(tmp_path / "in.mp4", (quadrants(640, 480) for _ in range(140)))
    process = psutil.Process()
    gc.collect()
    gc.disable()
    try:
        frames = iter(VideoFrames(path, None, 64, 100))
        assert len(list(islice(frames, 20))) == 20
        before = process.memory_info().rss
        assert len(list(frames)) == 120
        assert process.memory_info().rss - before < 20e6
    finally:
        gc.enable()
