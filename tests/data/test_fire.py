"""The data folder of drawn scenes, and what happens to a data folder when its disk fails."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.data.drawn import plan_scenes
from pipeline.data.fire import generate_fire
from pipeline.data.fire_scenes import draw_scene
from pipeline.data.frames import load_frames, read_image, read_index
from pipeline.errors import EdgeboardError
from tests.data.photo_cases import all_bytes, mounted_tmpfs, options, remount


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drawn") / "fire"
    generate_fire(options("synthetic", count={"train": 20, "val": 8, "test": 10}), 7, out, workers=1)
    return out


def test_two_workers_write_the_same_bytes_as_one(drawn: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    counts = {"train": 20, "val": 8, "test": 10}
    generate_fire(
        options("synthetic", count=counts), 7, tmp_path / "again", workers=2, progress=lambda *at: told.append(at)
    )
    assert all_bytes(tmp_path / "again") == all_bytes(drawn)
    assert told == [(done, 38) for done in range(1, 39)]


def test_another_seed_gives_other_pictures(drawn: Path, tmp_path: Path) -> None:
    generate_fire(options("synthetic", count={"train": 20, "val": 8, "test": 10}), 8, tmp_path / "other", workers=1)
    assert set(read_index(tmp_path / "other")["file"]) == set(read_index(drawn)["file"])
    assert not set(read_index(tmp_path / "other")["sha256"]) & set(read_index(drawn)["sha256"])


def test_index_names_every_file_and_report_counts_them(drawn: Path) -> None:
    index = read_index(drawn)
    named = set(index["file"]) | set(index["mask"]) - {""}
    assert named | {"index.csv", "report.json"} == set(all_bytes(drawn))
    assert index.groupby(["split", "label"]).size().to_dict() == {
        ("train", "fire"): 7, ("train", "none"): 7, ("train", "starting_fire"): 6,
        ("val", "fire"): 3, ("val", "none"): 3, ("val", "starting_fire"): 2,
        ("test", "fire"): 4, ("test", "none"): 3, ("test", "starting_fire"): 3,
    }  # fmt: skip
    assert index["sha256"].is_unique
    assert index["source"].is_unique
    assert ((index["mask"] == "") == (index["label"] == "none")).all()
    assert len(load_frames(drawn, "test", 32, ["fire", "none", "starting_fire"])) == 10


def test_pictures_and_masks_are_those_of_the_generator(drawn: Path) -> None:
    index = read_index(drawn)
    for row in index.iloc[::5].itertuples():
        image_hwc, mask_hw = draw_scene(7, int(row.file[-9:-4]), row.label)
        close = np.abs(read_image(drawn / row.file).astype(int) - image_hwc)
        assert np.median(close) <= 4, "more than JPEG loses"
        if row.mask:
            assert Path(row.mask).stem == Path(row.file).stem
            assert np.array_equal(cv2.imread(str(drawn / row.mask), cv2.IMREAD_GRAYSCALE), mask_hw)


def test_more_training_pictures_leave_the_test_as_it_is() -> None:
    few, many = (plan_scenes({"train": n, "val": 6, "test": 9}) for n in (12, 99))
    assert set(few) < set(many)
    assert {scene for scene in few if scene.split == "test"} == {scene for scene in many if scene.split == "test"}
    assert len({(scene.label, scene.number) for scene in many}) == len(many) == 114


def test_report_states_what_colours_alone_reach(drawn: Path) -> None:
    from pipeline.files import read_json

    control = read_json(drawn / "report.json")["control_histogram_accuracy"]
    assert control["n"] == 10
    assert 0 <= control["low"] <= control["value"] <= control["high"] <= 1


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_worker_is_refused(tmp_path: Path, workers: int) -> None:
    with pytest.raises(EdgeboardError, match="at least 1"):
        generate_fire(options("synthetic"), 7, tmp_path / "out", workers=workers)


def test_failed_rerun_leaves_the_old_folder(two_classes: Path, tmp_path: Path) -> None:
    generate_fire(options(two_classes), 7, tmp_path / "out", workers=1)
    before = all_bytes(tmp_path / "out")
    for path in (two_classes / "cat").iterdir():
        path.unlink()
    with pytest.raises(EdgeboardError):
        generate_fire(options(two_classes), 7, tmp_path / "out", workers=1)
    assert all_bytes(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("source", ["synthetic", "photos"])
def test_full_disk_is_told_and_leaves_the_old_folder(
    two_classes: Path, tmp_path: Path, source: str, workers: int
) -> None:
    from tests.data.photo_cases import fill

    with mounted_tmpfs(tmp_path / "disk", "size=600k") as disk:
        generate_fire(options("synthetic", count={"train": 8, "val": 4, "test": 4}), 7, disk / "out", workers=1)
        before = all_bytes(disk / "out")
        if source == "photos":
            fill(two_classes / "cat", range(20, 120), size=96)
        name = "synthetic" if source == "synthetic" else two_classes
        big = options(name, count={"train": 60, "val": 6, "test": 6})
        with pytest.raises(EdgeboardError, match="No space is left") as caught:
            generate_fire(big, 7, disk / "out", workers=workers)
        assert "free some space" in str(caught.value)
        assert all_bytes(disk / "out") == before
        assert [path.name for path in disk.iterdir()] == ["out"]


def test_read_only_disk_is_told(tmp_path: Path) -> None:
    with mounted_tmpfs(tmp_path / "disk", "size=1m") as disk:
        generate_fire(options("synthetic", count={"train": 8, "val": 4, "test": 4}), 7, disk / "out", workers=1)
        before = all_bytes(disk / "out")
        remount(disk, "ro")
        with pytest.raises(EdgeboardError, match="read-only"):
            generate_fire(options("synthetic"), 7, disk / "out", workers=1)
        assert all_bytes(disk / "out") == before
