"""Which videos must stay together, and which of two that are the same stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.clips.groups import SeenVideo, group_videos, look_at
from pipeline.data.clips.videos import Video
from pipeline.data.folder import Skipped
from pipeline.data.recordings.listing import Recording
from pipeline.data.recordings.twins import Fingerprint
from tests.data.clips.clip_cases import moving, write_clip
from tests.data.recordings.video_cases import write_sound, write_video

FAR = 0xFFFF_0000_FFFF_0000


def seen(
    name: str, look: int | None = None, *, sha: str = "", group: str | None = None, given: str | None = None
) -> SeenVideo:
    """A video that looks as `look` says, or like no other one."""
    label, _, inside = name.partition("/")
    number = int(np.random.default_rng(list(name.encode())).integers(2**63)) if look is None else look
    prints = Fingerprint(Recording(label, name, Path(name), "video"), sha or name, (number, number))
    return SeenVideo(Video(label, name, inside, Path(name), group, given), prints)


def test_look_alikes_are_together_whatever_their_class() -> None:
    groups = group_videos(
        [seen("walk/a", 0), seen("walk/b", 0b1111), seen("fall/c", 0b11_1111), seen("fall/d", FAR)], 4, None
    )
    assert groups.of == {"fall/c": "fall/c", "walk/a": "fall/c", "walk/b": "fall/c", "fall/d": "fall/d"}
    # Of two classes and so near that one of them may be wrong; walk/a and walk/b only show the same scene.
    assert [tuple(twin) for twin in groups.twins] == [("fall/c", "walk/b")]
    assert groups.skipped == []


def test_a_part_of_a_video_looks_like_the_whole() -> None:
    whole, part, other = seen("walk/whole", 0), seen("walk/part", 0), seen("walk/other", FAR)
    part = replace(part, seen=replace(part.seen, looks=(0,)))
    whole = replace(whole, seen=replace(whole.seen, looks=(0, 0xFF, 1)))
    dark = replace(seen("walk/dark"), seen=replace(other.seen, sha256="dark", looks=()))
    of = group_videos([whole, part, other, dark], 0, None).of
    assert of["walk/whole"] == of["walk/part"]
    assert len(set(of.values())) == 3


def test_the_same_group_is_together_across_classes() -> None:
    groups = group_videos([seen("walk/a", group="film"), seen("fall/b", group="film"), seen("fall/c")], 0, None)
    assert groups.of == {"fall/b": "fall/b", "walk/a": "fall/b", "fall/c": "fall/c"}


@pytest.mark.parametrize("pattern", [r"actor\d", r"(actor\d)", r"(?:the )?(actor\d)"])
def test_the_same_text_in_the_name_is_together(pattern: str) -> None:
    names = ["walk/actor1 a", "walk/actor2 a", "fall/actor1 b", "fall/actor2/b", "fall/nobody", "walk/none"]
    of = group_videos([seen(name) for name in names], 0, pattern).of
    assert of["walk/actor1 a"] == of["fall/actor1 b"] != of["walk/actor2 a"] == of["fall/actor2/b"]
    assert len({of[name] for name in names}) == 4


def test_a_pattern_finds_nothing_in_the_name_of_the_class() -> None:
    assert len(set(group_videos([seen("walk/a"), seen("walk/b")], 0, "walk").of.values())) == 2


def test_of_the_same_file_one_stays_unless_the_classes_differ() -> None:
    videos = [seen("walk/b", sha="1"), seen("walk/a", sha="1"), seen("walk/c", sha="2"), seen("fall/d", sha="2")]
    groups = group_videos(videos, 0, None)
    assert [video.name for video in groups.videos] == ["walk/a"]
    assert {entry.file: entry.reason for entry in groups.skipped} == {
        "walk/b": "the same file as walk/a",
        "fall/d": "the same file lies in several classes: fall, walk",
        "walk/c": "the same file lies in several classes: fall, walk",
    }


def test_what_looks_like_a_test_video_is_not_trained_on() -> None:
    videos = [
        seen("walk/a", 0, given="train"),
        seen("walk/b", 1, given="test"),
        seen("walk/c", FAR, given="train", group="film"),
        seen("walk/d", given="test", group="film"),
        seen("walk/e", sha="same", given="train"),
        seen("walk/f", sha="same", given="test"),
    ]
    groups = group_videos(videos, 2, None)
    assert sorted(video.name for video in groups.videos) == ["walk/b", "walk/c", "walk/d", "walk/f"]
    assert {entry.file: entry.reason for entry in groups.skipped} == {
        "walk/a": "looks like the test video walk/b",
        "walk/e": "the same file as walk/f",
    }
    assert groups.of["walk/c"] == groups.of["walk/d"]


def test_what_shows_the_scene_of_a_test_video_is_told_and_stays() -> None:
    videos = [seen("walk/a", 0, given="train"), seen("walk/b", 0b11, given="test"), seen("walk/c", 0b111, given="test")]
    groups = group_videos(videos, 3, None)
    assert (len(groups.videos), groups.skipped) == (3, [])
    assert groups.of["walk/a"] == groups.of["walk/b"] == groups.of["walk/c"]


@pytest.mark.parametrize(
    ("named", "parts"),
    [
        ({}, [{"walk/a", "walk/b", "fall/c"}, {"fall/d"}]),
        ({"fall/d": "one", "walk/a": "one"}, [{"walk/a", "walk/b", "fall/c", "fall/d"}]),
        ({"walk/a": "one", "walk/b": "two", "fall/c": "three"}, [{"walk/a"}, {"walk/b"}, {"fall/c"}, {"fall/d"}]),
        ({"walk/a": "one", "walk/b": "two", "fall/d": "two"}, [{"walk/a", "walk/b", "fall/c", "fall/d"}]),
        ({"walk/a": "one", "walk/b": "two", "fall/c": "one"}, [{"walk/a", "fall/c"}, {"walk/b"}, {"fall/d"}]),
    ],
    ids=["nothing", "what looks unlike", "what looks alike", "not all that look alike", "both"],
)
def test_a_named_group_knows_better_than_looks(named: dict[str, str], parts: list[set[str]]) -> None:
    groups = group_videos(
        [seen("walk/a", 0), seen("walk/b", 0), seen("fall/c", 0), seen("fall/d", FAR)], 0, None, named
    )
    together = [{name for name in groups.of if groups.of[name] == first} for first in set(groups.of.values())]
    assert sorted(map(sorted, together)) == sorted(map(sorted, parts))


def test_a_name_with_a_source_stays_with_it_whatever_is_named() -> None:
    named = {"walk/a": "one", "walk/b": "two"}
    of = group_videos([seen("walk/a", group="film"), seen("walk/b", group="film")], 0, None, named).of
    assert of["walk/a"] == of["walk/b"]


def test_the_order_of_the_videos_changes_nothing() -> None:
    videos = [seen(f"walk/{i}", i // 2 * 0x0F0F_F0F0 * (i // 2 + 1)) for i in range(12)]
    forwards, backwards = group_videos(videos, 0, None), group_videos(videos[::-1], 0, None)
    assert forwards.of == backwards.of
    assert len(set(forwards.of.values())) == 6


def looked(path: Path) -> SeenVideo | Skipped:
    return look_at(100, Video("walk", f"walk/{path.name}", path.name, path))


def test_the_same_scene_in_other_codings_looks_the_same(tmp_path: Path) -> None:
    one = looked(write_clip(tmp_path / "a.mp4", 1, count=30))
    same = looked(write_clip(tmp_path / "b.avi", 1, count=30, width=96, height=72, step=3))
    other = looked(write_clip(tmp_path / "c.mp4", 2, count=30))
    assert isinstance(one, SeenVideo)
    assert isinstance(same, SeenVideo)
    assert isinstance(other, SeenVideo)
    assert len(one.seen.looks) == 3
    of = group_videos([one, same, other], 10, None).of
    assert of["walk/a.mp4"] == of["walk/b.avi"] != of["walk/c.mp4"]


def test_what_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    paths = [
        write_video(tmp_path / "still.mp4", moving(1, 1)),
        write_sound(tmp_path / "sound.mp4"),
        tmp_path / "empty.mp4",
        tmp_path / "text.mp4",
        tmp_path / "gone.mp4",
    ]
    assert [vars(looked(path))["reason"] for path in paths] == [
        "it has one frame only; an action needs several",
        "there is no video in it",
        "the file is empty",
        "the content is not a video, or it is cut before its index",
        "cannot be read: No such file or directory",
    ]
