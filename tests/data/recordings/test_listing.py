from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.data.recordings.listing import find_recordings
from pipeline.errors import EdgeboardError

WHERE = "data.faces.source"


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_videos_and_photos_of_each_person(tmp_path: Path) -> None:
    root = touch(tmp_path, "Bea/2.JPG", "Bea/1.mp4", "Al/x.MOV", "Al/day 1/y.png", "Al/z.avi", "Al/z.mkv", "Al/z.webm")
    found = find_recordings(root, WHERE)
    assert [(it.person, it.name, it.kind) for it in found.recordings] == [
        ("Al", "Al/day 1/y.png", "photo"),
        ("Al", "Al/x.MOV", "video"),
        ("Al", "Al/z.avi", "video"),
        ("Al", "Al/z.mkv", "video"),
        ("Al", "Al/z.webm", "video"),
        ("Bea", "Bea/1.mp4", "video"),
        ("Bea", "Bea/2.JPG", "photo"),
    ]
    assert all(it.path.is_file() for it in found.recordings)
    assert (found.persons, found.skipped, found.hidden) == (["Al", "Bea"], [], 0)


NAMES = ["two words", "O'Hara", 'the "boss"', "Иван", "李小龙", "a..b", "-rf", "per%cent"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_person_is_kept(tmp_path: Path, name: str) -> None:
    found = find_recordings(touch(tmp_path, f"{name}/{name}.jpg"), WHERE)
    assert [(it.person, it.name) for it in found.recordings] == [(name, f"{name}/{name}.jpg")]


def test_what_is_passed_over_is_told(tmp_path: Path) -> None:
    root = touch(tmp_path, "Al/1.jpg", "Al/notes.txt", "Al/.DS_Store", "Al/.cache/2.jpg", ".git/3.jpg", "loose.mp4")
    (root / "Empty").mkdir()
    (root / "Cy").mkdir()
    (root / "Cy" / "gone.mp4").symlink_to(root / "nowhere.mp4")
    (root / "Cy" / "linked.mp4").symlink_to(root / "loose.mp4")
    (root / "Cy" / "up").symlink_to(root)
    (root / "Dee").symlink_to(root / "Al")
    os.mkfifo(root / "Cy" / "pipe.mp4")
    (root / "Cy" / "folder.mp4").mkdir()
    (root / "Cy" / os.fsdecode(b"\xff.mp4")).write_bytes(b"x")
    found = find_recordings(root, WHERE)
    assert [it.name for it in found.recordings] == ["Al/1.jpg", "Cy/linked.mp4"]
    assert found.hidden == 3
    assert [(it.file, it.reason) for it in found.skipped] == [
        ("Al/notes.txt", "neither a video nor a photo by its suffix"),
        ("Cy/gone.mp4", "not a file, or a link to nothing"),
        ("Cy/pipe.mp4", "not a file, or a link to nothing"),
        ("Cy/up", "a linked folder is not entered"),
        ("Cy/\ufffd.mp4", "its name is not valid UTF-8"),
        ("Dee", "a linked folder is not entered"),
        ("Empty/", "a person without any video or photo"),
        ("loose.mp4", "lies in no person's folder"),
    ]


def _two_spellings(root: Path) -> None:
    touch(root, "Zo\u00eb/1.jpg", "Zoe\u0308/2.jpg")


REFUSED = {
    "nothing": (lambda root: None, "There is no recording of any person"),  # noqa: ARG005
    "no person's folder": (lambda root: touch(root, "1.jpg"), "There is no recording of any person"),
    "folders without recordings": (lambda root: touch(root, "Al/notes.txt"), "There is no recording of any person"),
    "missing": (lambda root: root.rmdir(), "cannot be read"),
    "two spellings of a name": (_two_spellings, "the same name in two spellings"),
    "capital and small letters": (lambda root: touch(root, "ada/1.jpg", "Ada/2.jpg"), "'Ada' and 'ada'"),
    "a name of bytes": (lambda root: touch(root, os.fsdecode(b"\xff/1.jpg")), "not valid UTF-8"),
    "a name of a space": (lambda root: touch(root, " /1.jpg"), "is empty"),
    "a name too long": (lambda root: touch(root, "!" * 100 + "/1.jpg"), "too long"),
    # What a gallery refuses is refused before anything is trained.
    "a name too long for a gallery": (lambda root: touch(root, "a" * 120 + "/1.jpg"), "120 characters; allowed: 100"),
    "the name of strangers": (lambda root: touch(root, "UNKNOWN/1.jpg"), "what a stranger is called"),
    "a name like a path": (lambda root: touch(root, "x\\y/1.jpg"), "taken for a path"),
    "a name of two lines": (lambda root: touch(root, "new\nline/1.jpg"), "cannot be printed"),
    "a space behind a name": (lambda root: touch(root, "Al /1.jpg"), "ends with a space"),
}


@pytest.mark.parametrize(("make", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path, make: object, what: str) -> None:
    root = tmp_path / "in"
    root.mkdir()
    make(root)  # type: ignore[operator]
    with pytest.raises(EdgeboardError, match=what):
        find_recordings(root, WHERE)
