"""Lists of mmaction2 and tables of Kinetics: what they say, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data.clips.layouts import find_videos
from pipeline.data.clips.videos import FoundVideos
from pipeline.errors import EdgeboardError
from tests.data.clips.clip_cases import touch

WHERE = "data.movement.source"


def listed(path: Path, text: str, known: list[str] | None = None, root: Path | None = None) -> FoundVideos:
    path.write_text(text, encoding="utf-8")
    return find_videos(path, root, known, WHERE)


def labels_of(found: FoundVideos) -> dict[str, str]:
    return {video.name: video.label for video in found.videos}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_numbers_are_named_by_the_folders(tmp_path: Path, ending: str) -> None:
    touch(tmp_path, "walk/a.mp4", "walk/two words.mp4", "fall/b.avi")
    lines = ["walk/a.mp4 1", "", "walk/two words.mp4 1", "fall/b.avi 0", ""]
    found = listed(tmp_path / "train.txt", "\ufeff" + ending.join(lines))
    assert found.class_names == ["fall", "walk"]
    assert found.layout == "a list of mmaction2, classes as in the names of the folders"
    assert labels_of(found) == {"fall/b.avi": "fall", "walk/a.mp4": "walk", "walk/two words.mp4": "walk"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("label_map_mine.txt", "lying down\nwalking the dog\n"),
        ("classes.txt", "lying down\nwalking the dog\n"),
        ("classInd.txt", "1 lying down\n2 walking the dog\n"),
    ],
)
def test_numbers_are_named_by_a_file_beside_the_list(tmp_path: Path, file: str, content: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / file).write_text(content)
    found = listed(tmp_path / "train.txt", "a.mp4 1\nb.mp4 0\n")
    assert found.class_names == ["lying down", "walking the dog"]
    assert labels_of(found) == {"a.mp4": "walking the dog", "b.mp4": "lying down"}
    assert file in found.layout


def test_numbers_without_any_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    assert listed(tmp_path / "train.txt", "a.mp4 0\nb.mp4 2\n").class_names == ["class 0", "class 1", "class 2"]


def test_names_in_place_of_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = listed(tmp_path / "train.txt", "a.mp4 walk\nb.mp4 fall\n")
    assert (found.class_names, labels_of(found)) == (["fall", "walk"], {"a.mp4": "walk", "b.mp4": "fall"})


def test_paths_start_from_the_root(tmp_path: Path) -> None:
    touch(tmp_path / "videos", "a.mp4", "b.mp4")
    found = listed(tmp_path / "train.txt", "a.mp4 0\nb.mp4 1\n", root=tmp_path / "videos")
    assert [video.path for video in found.videos] == [tmp_path / "videos" / name for name in ("a.mp4", "b.mp4")]


def test_the_lists_of_ucf101_count_from_1(tmp_path: Path) -> None:
    touch(tmp_path, "fall/a.avi", "walk/b.avi", "walk/c.avi")
    (tmp_path / "classInd.txt").write_text("1 fall\n2 run\n3 walk\n")
    with pytest.raises(EdgeboardError) as caught:
        listed(tmp_path / "trainlist01.txt", "fall/a.avi 1\nwalk/b.avi 3\n")
    for part in (
        "line 1: class 1 is 'run', but 'fall/a.avi' lies in the folder 'fall'; it counts from 1, and must count from 0",
        "line 2: class 3 is above 2, the last one",
    ):
        assert part in str(caught.value)
    with pytest.raises(
        EdgeboardError, match=r"class 0 is 'fall', but 'walk/c.avi' lies in the folder 'walk', which is 2"
    ):
        listed(tmp_path / "one.txt", "fall/a.avi 0\nwalk/b.avi 2\nwalk/c.avi 0\n")


def test_numbers_among_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    text = "a.mp4 0\nb.mp4 walk\n"
    with pytest.raises(EdgeboardError, match="line 1: class 0 has a number, other lines have names, as 'walk'"):
        listed(tmp_path / "train.txt", text)
    # Where it is said what the numbers mean, both may stand in a list.
    (tmp_path / "classes.txt").write_text("fall\nwalk\n")
    assert labels_of(listed(tmp_path / "train.txt", text)) == {"a.mp4": "fall", "b.mp4": "walk"}


MISTAKES = {
    "an unknown class": ("a.mp4 wlak", ["line 2: there is no class 'wlak' (did you mean walk?)"]),
    "a number above the last": ("a.mp4 7", ["line 2: class 7 is above 1, the last one"]),
    "a bad number": ("a.mp4 1.5", ["line 2: there is no class '1.5'"]),
    "a negative number": ("a.mp4 -1", ["line 2: there is no class '-1'"]),
    "no class": ("a.mp4", ["line 2: no class behind the path: 'a.mp4'"]),
    "a missing file": ("walk/gone.mp4 1", ["line 2: there is no file 'walk/gone.mp4' in "]),
    "several classes": ("a.mp4 0 1", ["line 2: there is no file 'a.mp4 0'", "several classes are not read"]),
    "no video": ("notes.md 1", ["line 2: 'notes.md' is not a video by its suffix"]),
    "twice": ("b.mp4 1", ["line 2: 'b.mp4' is named in line 1 already"]),
    "several mistakes": ("gone.mp4 0\na.mp4 9", ["has 2 mistakes", "line 2: there is no file", "line 3: class 9"]),
}


@pytest.mark.parametrize(("lines", "parts"), MISTAKES.values(), ids=MISTAKES.keys())
def test_every_mistake_is_told_with_its_line(tmp_path: Path, lines: str, parts: list[str]) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "notes.md")
    with pytest.raises(EdgeboardError) as caught:
        listed(tmp_path / "train.txt", f"b.mp4 0\n{lines}\n", known=["fall", "walk"])
    for part in parts:
        assert part in str(caught.value)
    assert str(tmp_path / "train.txt") in str(caught.value.where)


def test_ten_mistakes_are_shown(tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="has 25 mistakes") as caught:
        listed(tmp_path / "train.txt", "".join(f"gone{i}.mp4 0\n" for i in range(25)))
    assert "and 15 more" in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "x" * 300])
def test_a_class_that_no_folder_can_be_named_after(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    with pytest.raises(EdgeboardError, match="has a mistake"):
        listed(tmp_path / "train.txt", f"a.mp4 {name}\nb.mp4 walk\n")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("train.txt", b"\xff\xfe\x00", "not text in UTF-8"),
        ("train.csv", b"\xff\xfe\x00", "not text in UTF-8"),
        ("train.txt", b"\n \n", "There is no video"),
        ("train.csv", b"", "columns of Kinetics"),
        ("gone.txt", None, "A list cannot be read"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, name: str, content: bytes | None, what: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EdgeboardError, match=what):
        find_videos(tmp_path / name, None, None, WHERE)


HEAD = "label,youtube_id,time_start,time_end,split\n"


def test_a_table_of_kinetics(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "train/walking_the_dog/aaa_000001_000011.mp4",
        "train/zumba/aaa_000001_000011.mp4",
        "val/zumba/bbb_000005_000015.mkv",
        "ccc.webm",
    )
    found = listed(
        tmp_path / "kinetics.csv",
        HEAD
        + "walking the dog,aaa,1,11,train\n"
        + 'zumba,"aaa",1.0,11.0,train\n'
        + "zumba,bbb,5,15,validate\nzumba,ccc,0,10,test\nzumba,gone,3,13,train\n",
    )
    assert found.class_names == ["walking the dog", "zumba"]
    assert {video.name: (video.label, video.given) for video in found.videos} == {
        "train/walking_the_dog/aaa_000001_000011.mp4": ("walking the dog", "train"),
        "train/zumba/aaa_000001_000011.mp4": ("zumba", "train"),
        "val/zumba/bbb_000005_000015.mkv": ("zumba", "val"),
        "ccc.webm": ("zumba", "test"),
    }
    assert [tuple(vars(entry).values()) for entry in found.skipped] == [
        ("kinetics.csv", "1 videos are not there, as that of line 6, gone_000003_000013")
    ]
    assert found.splits_from == "the column split of kinetics.csv"


def test_clips_of_one_video_on_youtube_are_together_however_the_files_are_called(tmp_path: Path) -> None:
    touch(tmp_path, "aaa_000001_000011.mp4", "aaa_000020_000030.mp4", "bbb.mp4", "b_c_000001_000011.mp4")
    rows = "walk,aaa,1,11,\nzumba,aaa,20,30,\nzumba,bbb,0,10,\nwalk,b_c,1,11,\n"
    found = listed(tmp_path / "kinetics.csv", HEAD + rows)
    assert {video.name: video.group for video in found.videos} == {
        "aaa_000001_000011.mp4": "aaa", "aaa_000020_000030.mp4": "aaa", "b_c_000001_000011.mp4": "b_c",
        "bbb.mp4": "bbb",
    }  # fmt: skip
    assert {video.given for video in found.videos} == {None}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (HEAD + "zumba,aaa,1,11,trian\n", ["line 2: there is no split 'trian' (did you mean train?)"]),
        (HEAD + "zumba,aaa,1,11,train\nzumba,bbb,1,11, \n", ["line 3: no split, though other lines have one"]),
        ("youtube_id,time_start,time_end,split\naaa,1,11,test\n", ["columns of Kinetics", "a table without labels"]),
        (HEAD, ["columns of Kinetics", "no row"]),
        (HEAD + "zumba,aaa,one,11,train\n", ["line 2: no number of seconds: 'one', '11'"]),
        (HEAD + "zumba,aaa,1\n", ["line 2: no number of seconds: '1', None"]),
        (HEAD + "\n\nzumba,aaa,1,x,train\n", ["line 4: no number of seconds: '1', 'x'"]),
        (HEAD + 'zumba,"aa"a,1,11,train\n', ["A table is not valid CSV", "',' expected"]),
        (HEAD + "zumba,,1,11,train\n", ["line 2: no youtube_id"]),
        (HEAD + "zmuba,aaa,1,11,train\n", ["line 2: there is no class 'zmuba' (did you mean zumba?)"]),
        (HEAD + "zumba,aaa,1,11,train\nzumba,aaa,1,11,val\n", ["line 3: aaa_000001_000011 is named in line 2 already"]),
    ],
)
def test_mistakes_in_a_table(tmp_path: Path, text: str, parts: list[str]) -> None:
    touch(tmp_path, "aaa_000001_000011.mp4")
    with pytest.raises(EdgeboardError) as caught:
        listed(tmp_path / "kinetics.csv", text, known=["walk", "zumba"])
    for part in parts:
        assert part in str(caught.value)


def test_a_table_without_any_of_its_videos(tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="There is no video"):
        listed(tmp_path / "kinetics.csv", HEAD + "zumba,aaa,1,11,train\n")
