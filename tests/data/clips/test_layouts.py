"""Which layouts are recognised, and what each says of classes, sources and splits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.data.clips.layouts import CLASS_FOLDERS, SPLIT_FOLDERS, find_videos
from pipeline.data.clips.videos import FoundVideos, chosen_classes
from pipeline.errors import EdgeboardError
from tests.data.clips.clip_cases import touch


def found_in(root: Path) -> FoundVideos:
    return find_videos(root, None, None, "data.movement.source")


def splits_of(found: FoundVideos) -> dict[str, str | None]:
    return {video.name: video.given for video in found.videos}


def test_a_folder_per_class(tmp_path: Path) -> None:
    touch(tmp_path, "walk/a.mp4", "walk/deep/b.AVI", "fall/c.mkv", "fall/d.webm", "fall/e.mov", "fall/f.m4v")
    touch(tmp_path, "walk/notes.txt", "empty/notes.txt", "lost.mp4", ".hidden/x.mp4", "walk/.y.mp4", "README")
    (tmp_path / "linked").symlink_to(tmp_path / "walk")
    (tmp_path / "walk" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = found_in(tmp_path)
    assert (found.layout, found.names_as, found.splits_from) == (CLASS_FOLDERS, None, None)
    assert found.class_names == ["fall", "walk"]
    assert [(video.label, video.name, video.inside) for video in found.videos] == [
        ("fall", "fall/c.mkv", "c.mkv"),
        ("fall", "fall/d.webm", "d.webm"),
        ("fall", "fall/e.mov", "e.mov"),
        ("fall", "fall/f.m4v", "f.m4v"),
        ("walk", "walk/a.mp4", "a.mp4"),
        ("walk", "walk/deep/b.AVI", "deep/b.AVI"),
    ]
    assert {entry.file: entry.reason for entry in found.skipped} == {
        "walk/notes.txt": "not a video by its suffix",
        "empty/notes.txt": "not a video by its suffix",
        "empty/": "a folder without any video",
        "lost.mp4": "lies in no class's folder",
        "linked": "a linked folder is not entered",
        "walk/gone.mp4": "not a file, or a link to nothing",
    }
    assert found.hidden == 2


def test_names_of_all_kinds(tmp_path: Path) -> None:
    names = ['two words/it\'s "quoted".mp4', "Бег/李 走.mp4", "a\nb/c\nd.mp4", "walk/%41;x,y.mp4"]
    touch(tmp_path, *names)
    touch(tmp_path / "walk", os.fsdecode(b"\xff.mp4"))
    found = found_in(tmp_path)
    assert sorted(video.name for video in found.videos) == sorted(names)
    assert [entry.reason for entry in found.skipped] == ["its name is not valid UTF-8"]


def test_ucf101_has_a_source_for_each_group(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *(f"{name}/v_{name}_g{g:02d}_c0{c}.avi" for name in ("Biking", "YoYo") for g in (1, 2) for c in (1, 2)),
    )
    found = found_in(tmp_path)
    assert (found.layout, found.names_as) == (CLASS_FOLDERS, "UCF101")
    assert {video.group for video in found.videos} == {"v_Biking_g01", "v_Biking_g02", "v_YoYo_g01", "v_YoYo_g02"}
    assert {video.given for video in found.videos} == {None}


def test_hmdb51_has_a_source_for_each_title(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi",
        "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_1.avi",
        "brush_hair/Brushing_my_hair_brush_hair_h_cm_np1_fr_med_0.avi",
        "wave/April_09_wave_f_cm_np1_le_bad_0.avi",
    )
    found = found_in(tmp_path)
    assert found.names_as == "HMDB51"
    assert [video.group for video in found.videos] == ["April_09", "April_09", "Brushing_my_hair", "April_09"]


def test_own_videos_beside_ucf101_have_no_source_and_take_none_away(tmp_path: Path) -> None:
    touch(tmp_path, "Biking/v_Biking_g01_c01.avi", "Biking/mine.avi", "YoYo/v_YoYo_g01_c01.avi")
    found = found_in(tmp_path)
    assert found.names_as == "UCF101"
    assert [video.group for video in found.videos] == [None, "v_Biking_g01", "v_YoYo_g01"]


def test_a_few_names_that_look_like_those_of_a_data_set_say_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "walk/door_240131_120000.mp4", "walk/a.mp4", "fall/b.mp4", "fall/stairs_240131_120500.mp4")
    found = found_in(tmp_path)
    assert found.names_as is None
    assert {video.group for video in found.videos} == {None}


@pytest.mark.parametrize("folders", [("train", "val", "test"), ("videos_train", "videos_val"), ("train", "validate")])
def test_a_folder_per_split(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for number, folder in enumerate(folders):
        touch(
            tmp_path,
            f"{folder}/walking the dog/abc-_{number}xyz_000010_000020.mp4",
            f"{folder}/zumba/{number}_000001_000011.mp4",
        )
    found = found_in(tmp_path)
    assert (found.layout, found.names_as, found.splits_from) == (SPLIT_FOLDERS, "Kinetics", "the folders")
    assert found.class_names == ["walking the dog", "zumba"]
    split = {
        "train": "train",
        "videos_train": "train",
        "val": "val",
        "validate": "val",
        "videos_val": "val",
        "test": "test",
    }
    assert all(video.given == split[video.name.partition("/")[0]] for video in found.videos)
    assert {video.group for video in found.videos} >= {"abc-_0xyz", "abc-_1xyz"}
    assert len(found.videos) == 2 * len(folders)


def test_classes_that_are_called_train_and_test(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "test/b.mp4")
    found = found_in(tmp_path)
    assert (found.layout, found.class_names) == (CLASS_FOLDERS, ["test", "train"])
    assert {video.given for video in found.videos} == {None}


@pytest.mark.parametrize("lists", ["ucfTrainTestlist", "annotations", "../annotations", "."])
def test_official_splits_of_ucf101(tmp_path: Path, lists: str) -> None:
    root = tmp_path / "videos"
    touch(root, *(f"{name}/v_{name}_g0{g}_c01.avi" for name in ("Biking", "YoYo") for g in (1, 2, 3)))
    (root / lists).mkdir(exist_ok=True)
    # With the ends of lines that the real files have.
    (root / lists / "trainlist01.txt").write_text(
        "Biking/v_Biking_g02_c01.avi 1\r\nYoYo/v_YoYo_g02_c01.avi 2\r\nYoYo/v_YoYo_g09_c01.avi 2\r\n"
    )
    (root / lists / "testlist01.txt").write_text("Biking/v_Biking_g01_c01.avi\r\nYoYo/v_YoYo_g01_c01.avi\r\n")
    found = found_in(root)
    assert splits_of(found) == {
        "Biking/v_Biking_g01_c01.avi": "test",
        "Biking/v_Biking_g02_c01.avi": "train",
        "YoYo/v_YoYo_g01_c01.avi": "test",
        "YoYo/v_YoYo_g02_c01.avi": "train",
    }
    assert found.splits_from == "trainlist01.txt and testlist01.txt"
    reasons = {entry.file: entry.reason for entry in found.skipped}
    assert reasons == {
        "Biking/v_Biking_g03_c01.avi": "not used by trainlist01.txt and testlist01.txt",
        "YoYo/v_YoYo_g03_c01.avi": "not used by trainlist01.txt and testlist01.txt",
        "trainlist01.txt and testlist01.txt": "1 videos are not there, as YoYo/v_YoYo_g09_c01.avi",
    }


def test_videos_and_annotations_as_mmaction2_wants_them(tmp_path: Path) -> None:
    touch(tmp_path, "videos/run/a.avi", "videos/walk/b.avi")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "trainlist01.txt").write_text("run/a.avi 1\n")
    (tmp_path / "annotations" / "testlist01.txt").write_text("walk/b.avi\n")
    found = found_in(tmp_path)
    assert splits_of(found) == {"videos/run/a.avi": "train", "videos/walk/b.avi": "test"}
    assert (found.class_names, found.skipped) == (["run", "walk"], [])


def test_official_splits_of_hmdb51(tmp_path: Path) -> None:
    names = {label: [f"film{i}_{label}_f_cm_np1_fr_med_0.avi" for i in range(3)] for label in ("run", "walk")}
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for label, files in names.items():
        touch(tmp_path, *(f"{label}/{file}" for file in files))
        (lists / f"{label}_test_split1.txt").write_text(
            "".join(f"{f} {use} \n" for f, use in zip(files, "120", strict=True))
        )
    found = found_in(tmp_path)
    assert [video.given for video in found.videos] == ["train", "test"] * 2
    assert found.splits_from == "<class>_test_split1.txt"
    assert [entry.reason for entry in found.skipped if entry.file.endswith("avi")] == [
        "not used by <class>_test_split1.txt"
    ] * 2


@pytest.mark.parametrize(
    ("train", "test", "parts"),
    [
        ("Biking/a.avi 1\nYoYo/b.avi\n", "", ["trainlist01.txt has a mistake", "line 2: no number of a class"]),
        ("Biking/a.avi 1\n", "Biking/a.avi\n", ["testlist01.txt has a mistake", "line 1", "named already, for train"]),
        ("Biking/a.avi 1\nYo-Yo/b.avi 2\n", "", ["name no video of a class", "YoYo (did you mean Yo-Yo?)"]),
    ],
)  # fmt: skip
def test_mistakes_in_official_lists(tmp_path: Path, train: str, test: str, parts: list[str]) -> None:
    touch(tmp_path, "Biking/a.avi", "YoYo/b.avi")
    (tmp_path / "trainlist01.txt").write_text(train)
    (tmp_path / "testlist01.txt").write_text(test)
    with pytest.raises(EdgeboardError) as caught:
        found_in(tmp_path)
    for part in parts:
        assert part in str(caught.value)


def test_mistakes_in_the_lists_of_hmdb51(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.avi", "walk/b.avi")
    (tmp_path / "run_test_split1.txt").write_text("a.avi 3\n")
    (tmp_path / "walk_test_split1.txt").write_text("b.avi 1\n")
    with pytest.raises(EdgeboardError, match=r"run_test_split1.txt has a mistake") as caught:
        found_in(tmp_path)
    assert "line 1: '3' is neither 0, 1 nor 2" in str(caught.value)
    (tmp_path / "run_test_split1.txt").unlink()
    with pytest.raises(EdgeboardError, match="A list cannot be read"):
        found_in(tmp_path)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ([], "There is no video"),
        (["walk/notes.txt"], "There is no video"),
        (["a.mp4"], "There is no video"),
        (["walk/a.mp4", "wa\u0301lk/a.mp4", "w\u00e1lk/b.mp4"], "two spellings of Unicode"),
    ],
)
def test_folders_that_hold_no_data_set(tmp_path: Path, names: list[str], what: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(EdgeboardError, match=what):
        found_in(tmp_path)


@pytest.mark.parametrize(
    ("classes", "what", "part"),
    [
        (["fall", "wlak"], "A class is not in the source", "wlak (did you mean walk?)"),
        (None, "at least two classes", "walk"),
    ],
)
def test_classes_that_cannot_be(tmp_path: Path, classes: list[str] | None, what: str, part: str) -> None:
    touch(tmp_path, "walk/a.mp4", *(["fall/b.mp4"] if classes else []))
    with pytest.raises(EdgeboardError, match=what) as caught:
        chosen_classes(found_in(tmp_path), classes, "data.movement.source")
    assert part in str(caught.value)


def test_classes_are_chosen_in_their_order(tmp_path: Path) -> None:
    found = found_in(touch(tmp_path, "a/1.mp4", "b/2.mp4", "b/3.mp4", "c/4.mp4"))
    assert chosen_classes(found, ["c", "a"], "data.movement.source") == 2
    assert found.class_names == ["c", "a"]
    assert [video.name for video in found.videos] == ["a/1.mp4", "c/4.mp4"]
