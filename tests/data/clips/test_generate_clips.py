"""The data folder of clips: what it holds, what it says, what is left out and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.data.clips import room
from pipeline.data.clips.drawn import plan_drawn
from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.generate import SHEET, generate_clips
from pipeline.data.clips.loading import clip_frames, clip_places, load_clips
from pipeline.data.frames import data_identity, read_index, resize
from pipeline.data.loading import load_every_moment, load_split
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, write_json
from tests.data.clips.clip_cases import moving, options, touch, write_classes, write_clip
from tests.data.photo_cases import all_bytes, mounted_tmpfs
from tests.data.recordings.video_cases import cut, pictures, write_sound, write_video


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """The videos, the data folder and its report."""
    root = tmp_path_factory.mktemp("made")
    videos = write_classes(root / "videos", ["fall", "fast walk"], each=6)
    return videos, root / "movement", generate_clips(options(videos), 7, root / "movement", workers=1)


def test_the_index_names_every_strip(made: tuple[Path, Path, dict[str, Any]]) -> None:
    _, folder, report = made
    index = read_index(folder)
    before = {f"before/{name.removeprefix('clips/')}" for name in index["file"][index["split"] == "test"]}
    assert set(index["file"]) | before | {"index.csv", "report.json", SHEET} == set(all_bytes(folder))
    assert index["sha256"].is_unique
    assert (index[["width", "height"]] == (48, 36)).all(axis=None)
    assert (index.groupby("source")["split"].nunique() == 1).all()
    # Two seconds: of a training video the clips from 0, 0.5 and 1 s, of the others the middle one.
    assert index.groupby(["split", "label"]).size().to_dict() == {
        ("train", "fall"): 9, ("train", "fast walk"): 9, ("val", "fall"): 2, ("val", "fast walk"): 2,
        ("test", "fall"): 1, ("test", "fast walk"): 1,
    }  # fmt: skip
    assert report["n_videos"] == {"train": 6, "val": 4, "test": 2}
    assert report["clip"] == {"frames": 8, "fps": 8.0}
    assert report == read_json(folder / "report.json")
    with Image.open(folder / SHEET) as sheet:
        assert sheet.height > 6 * 108


def test_clips_are_loaded_as_the_network_sees_them(made: tuple[Path, Path, dict[str, Any]]) -> None:
    _, folder, report = made
    clips = load_clips(folder, "train", 32, report["classes"])
    rows = read_index(folder).query("split == 'train'")
    assert clips.clips_nlhwc.shape == (len(rows), 8, 32, 32, 3)
    assert [report["classes"][label] for label in clips.labels] == rows["label"].tolist()
    assert clips.sources == rows["source"].tolist()
    strip = read_film_strip(folder / rows["file"].iloc[3], 8)
    assert np.array_equal(clips.clips_nlhwc[3], np.stack([resize(frame, 32) for frame in strip]))
    taken = clips.take(np.array([3, 0]))
    assert len(taken) == 2
    assert (taken.files, taken.sources) == ([clips.files[3], clips.files[0]], [clips.sources[3], clips.sources[0]])
    assert np.array_equal(taken.clips_nlhwc[0], clips.clips_nlhwc[3])


def test_many_clips_are_read_where_they_are_used(
    made: tuple[Path, Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder, report = made
    in_memory = load_clips(folder, "test", 32, report["classes"], np.array([5, 1])).clips_nlhwc
    monkeypatch.setattr(room, "IN_MEMORY_BYTES", 0)
    on_disk = load_clips(folder, "test", 32, report["classes"]).clips_nlhwc
    assert isinstance(on_disk.base, np.memmap)
    assert not isinstance(in_memory.base, np.memmap)
    assert np.array_equal(on_disk[:, [5, 1]], in_memory)


def test_clips_that_are_too_short_for_a_network_are_refused(made: tuple[Path, Path, dict[str, Any]]) -> None:
    _, folder, report = made
    assert clip_places(folder, 8).tolist() == list(range(8))
    with pytest.raises(EdgeboardError, match="shorter than what the network sees") as caught:
        load_split(folder, "val", 32, report["classes"], 9)
    assert "8 frames" in str(caught.value)


def test_dense_sampling_is_that_of_every_reader(made: tuple[Path, Path, dict[str, Any]], tmp_path: Path) -> None:
    videos, folder, report = made
    out = tmp_path / "movement"
    dense = generate_clips(options(videos, sampling="dense", sampling_stride=2), 7, out, workers=1)
    assert dense["data_hash"] == report["data_hash"]
    # A training that was stopped must not go on with the same clips seen otherwise.
    assert data_identity(out) != data_identity(folder)
    every = load_every_moment(out, "val", 32, report["classes"])
    assert (every.sampling.kind, every.sampling.stride, every.frames_nhwc.shape[1]) == ("dense", 2, 8)
    assert load_every_moment(folder, "val", 32, report["classes"]).sampling.kind == "segments"
    seen = load_split(out, "val", 32, report["classes"], 3).frames_nhwc
    assert np.array_equal(seen, every.frames_nhwc[:, [1, 3, 5]])
    with pytest.raises(EdgeboardError, match="at least 9, of which it sees 5"):
        clip_places(out, 5)


def test_a_data_folder_without_clips_is_told(tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", {"task": "fire"})
    with pytest.raises(EdgeboardError, match="does not hold clips"):
        clip_frames(tmp_path)


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    videos = write_classes(tmp_path / "videos", each=16, count=10)
    told: list[tuple[int, int]] = []
    for workers in (1, 2):
        generate_clips(
            options(videos), 7, tmp_path / str(workers), workers=workers, progress=lambda *at: told.append(at)
        )
    assert all_bytes(tmp_path / "1") == all_bytes(tmp_path / "2")
    assert told == [(done, 32) for done in range(1, 33)] * 2


def test_another_seed_splits_otherwise(made: tuple[Path, Path, dict[str, Any]], tmp_path: Path) -> None:
    videos, folder, report = made
    again, other = (generate_clips(options(videos), seed, tmp_path / str(seed), workers=1) for seed in (7, 8))
    assert all_bytes(tmp_path / "7") == all_bytes(folder)
    assert again["data_hash"] == report["data_hash"] != other["data_hash"]


def test_what_is_wrong_is_left_out_and_listed(tmp_path: Path) -> None:
    videos = write_classes(tmp_path / "videos", each=5)
    walk = videos / "walk"
    write_clip(walk / "still.mp4", 50, count=1)
    write_sound(walk / "sound.mp4")
    (walk / "empty.mp4").touch()
    (walk / "text.mp4").write_text("no video\n")
    write_clip(walk / "codec.mp4", 51)
    (walk / "codec.mp4").write_bytes((walk / "codec.mp4").read_bytes().replace(b"avc1", b"zzz1"))
    cut(write_clip(walk / "cut.mp4", 52), 0.5)
    (walk / "copy.mp4").write_bytes((walk / "video 0.mp4").read_bytes())
    write_clip(walk / "in two classes.mp4", 53)
    (videos / "fall" / "too.mp4").write_bytes((walk / "in two classes.mp4").read_bytes())
    # These are used, though short, half there, of other rates and sizes, or of odd names.
    write_clip(walk / "short.mp4", 60, count=4)
    cut(write_video(walk / "half.mp4", pictures(range(40), 64), rate=10, faststart=True), 0.5)
    write_clip(walk / "slow.mp4", 61, count=10, rate=5, width=160, height=40)
    write_clip(walk / "fast.mp4", 62, count=60, rate=30, width=40, height=64)
    write_video(walk / "variable.mp4", moving(63, 12), [0.13 * i + 0.02 * (i % 3) for i in range(12)])
    write_clip(walk / 'two words \'n "more" Бег\n.mp4', 64)
    out = tmp_path / "movement"
    report = generate_clips(options(videos), 7, out, workers=1)
    assert {entry["file"]: entry["reason"].split(" (")[0] for entry in report["skipped"]} == {
        "walk/still.mp4": "it has one frame only; an action needs several",
        "walk/sound.mp4": "there is no video in it",
        "walk/empty.mp4": "the file is empty",
        "walk/text.mp4": "the content is not a video, or it is cut before its index",
        "walk/codec.mp4": "its codec is not known",
        "walk/cut.mp4": "the content is not a video, or it is cut before its index",
        "walk/video 0.mp4": "the same file as walk/copy.mp4",
        "walk/in two classes.mp4": "the same file lies in several classes: fall, walk",
        "fall/too.mp4": "the same file lies in several classes: fall, walk",
    }
    assert {entry["file"]: entry["frames"] for entry in report["padded"]} == {"walk/short.mp4": 5}
    assert [entry["file"] for entry in report["damaged"]] == ["walk/half.mp4"]
    assert sum(report["n_videos"].values()) == 5 + 5 + 6
    index = read_index(out)
    assert {tuple(size) for size in index[["width", "height"]].to_numpy().tolist()} == {
        (48, 36), (48, 48), (48, 12), (30, 48),
    }  # fmt: skip
    for row in index.itertuples():
        assert read_film_strip(out / str(row.file), 8).shape == (8, row.height, row.width, 3)


def test_named_groups_are_of_one_split(tmp_path: Path) -> None:
    videos = write_classes(tmp_path / "videos", ["fall", "run", "walk"], each=5, count=10)
    (videos / "walk" / "empty.mp4").touch()
    monday = ["fall/video 0.mp4", "fall/video 1.mp4", "walk/video 0.mp4"]
    # What cannot be read and what is of a class that is not used may be named too.
    lines = [f"{name},monday\n" for name in [*monday, "run/video 0.mp4", "walk/empty.mp4"]]
    (tmp_path / "groups.csv").write_text("".join(["video,group\n", *lines]))
    params = options(videos, classes=["fall", "walk"], groups=str(tmp_path / "groups.csv"))
    report = generate_clips(params, 7, tmp_path / "movement", workers=1)
    assert (report["groups_from"], report["groups"]) == ("groups.csv", [monday])
    rows = read_index(tmp_path / "movement").query("source == @monday[0]")
    assert (rows["label"].nunique(), rows["split"].nunique()) == (2, 1)
    (tmp_path / "groups.csv").write_text("video,group\nwalk/video 9.mp4,monday\n")
    with pytest.raises(EdgeboardError, match=r"line 2: the source has no video 'walk/video 9.mp4'"):
        generate_clips(params, 7, tmp_path / "again", workers=1)


def test_a_list_with_its_test_list(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "videos", ["fall", "walk"], each=6)
    for name, numbers in (("train.txt", range(4)), ("val.txt", range(4, 6))):
        lines = [f"{label}/video {i}.mp4 {number}\n" for number, label in enumerate(("fall", "walk")) for i in numbers]
        (tmp_path / name).write_text("".join(lines))
    params = options(tmp_path / "train.txt", test_source=str(tmp_path / "val.txt"), video_root=str(root))
    report = generate_clips(params, 7, tmp_path / "movement", workers=1)
    assert report["n_videos"] == {"train": 6, "val": 2, "test": 4}
    assert report["layout"]["folders"] == "a list of mmaction2, classes as in the names of the folders"
    test = read_index(tmp_path / "movement").query("split == 'test'")
    assert set(test["source"]) == {f"test_source:{label}/video {i}.mp4" for label in ("fall", "walk") for i in (4, 5)}


@pytest.mark.parametrize(
    ("make", "what", "part"),
    [
        pytest.param(lambda root: write_classes(root, ["walk"]), "at least two classes", "walk", id="one class"),
        pytest.param(
            lambda root: write_clip(write_classes(root) / "run" / "only.mp4", 9),
            "too few different videos", "run: 1", id="a class with one video",
        ),
        pytest.param(
            lambda root: touch(write_classes(root), "run/empty.mp4"),
            "A class has no usable video: run", "run/empty.mp4: the file is empty", id="a class of nothing usable",
        ),
        pytest.param(
            lambda root: [write_clip(write_classes(root) / "run" / f"{i}.mp4", 9, count=20 + i) for i in range(4)],
            "too few different videos", "run: 1", id="videos of a class that look alike",
        ),
    ],
)  # fmt: skip
def test_videos_that_make_no_data_set(tmp_path: Path, make: Any, what: str, part: str) -> None:
    make(tmp_path / "videos")
    with pytest.raises(EdgeboardError, match=what) as caught:
        generate_clips(options(tmp_path / "videos"), 7, tmp_path / "movement", workers=1)
    assert part in str(caught.value)
    assert not (tmp_path / "movement").exists()


def test_a_full_disk_is_told_and_leaves_the_old_folder(tmp_path: Path) -> None:
    videos = write_classes(tmp_path / "videos", each=4)
    with mounted_tmpfs(tmp_path / "disk", "size=400k") as disk:
        generate_clips(options(videos, max_side=32), 7, disk / "out", workers=1)
        before = all_bytes(disk / "out")
        with pytest.raises(EdgeboardError, match="No space is left"):
            generate_clips(options(videos, max_side=64, stride_seconds=0.1, fps=30), 7, disk / "out", workers=1)
        assert all_bytes(disk / "out") == before


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("drawn") / "movement"
    return folder, generate_clips(drawn_options(), 7, folder, workers=1)


def drawn_options(**changes: Any) -> Any:
    actors = {"train": 2, "val": 1, "test": 1}
    return options("synthetic", **{"actors": actors, "clips_per_actor_and_class": 1, "seconds": 0.5, **changes})


def test_drawn_people_are_split_by_who_acts(drawn: tuple[Path, dict[str, Any]]) -> None:
    folder, report = drawn
    index = read_index(folder)
    assert report["classes"] == ["walk", "fast_walk", "run", "fall", "fight", "stand"]
    assert index.groupby(["split", "label"]).size().to_dict() == {
        (split, label): count for split, count in (("train", 2), ("val", 1), ("test", 1)) for label in report["classes"]
    }
    actors = {split: set(rows["source"]) for split, rows in index.groupby("split")}
    assert actors == {"train": {"actor_00000", "actor_00003"}, "val": {"actor_00001"}, "test": {"actor_00002"}}
    assert (index[["width", "height"]] == (48, 36)).all(axis=None)
    assert report["actors"] == {"train": 2, "val": 1, "test": 1}


def test_more_training_actors_leave_the_test_as_it_is() -> None:
    few, many = (
        {
            (video.split, video.name): video.source
            for video in plan_drawn(drawn_options(actors=actors), 7, "movement").videos
        }
        for actors in ({"train": 2, "val": 1, "test": 2}, {"train": 9, "val": 1, "test": 2})
    )
    assert few.items() <= many.items()
    assert len({name for _, name in many}) == len(many) == 12 * 6
    assert len(many) - len(few) == 7 * 6


def test_a_movement_that_nobody_draws(tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="no drawn people") as caught:
        generate_clips(drawn_options(classes=["walk", "runn"]), 7, tmp_path / "movement", workers=1)
    assert "runn (did you mean run?)" in str(caught.value)
