"""What a split is mixed from: shared out without overlap, prepared once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.data.mixing.origins import (
    BackgroundFile,
    DrawnObject,
    ObjectFile,
    PoolPlan,
    SplitPool,
    plan_drawn_pools,
)  # fmt: skip
from pipeline.data.mixing.pool import INDEX, PAD, SOFT_PAD, object_levels, open_pool, pack_pools
from pipeline.detection_data_options import PoolSizes
from tests.data.mixing.cases import disc_cutout
from tests.data.photo_cases import a_photo


def _plan(tmp_path: Path, object_size: int = 48, background: tuple[int, int] = (300, 200)) -> PoolPlan:
    disc_cutout(1, size=object_size).save(tmp_path / "disc.png")
    a_photo(3, 64).resize(background).save(tmp_path / "photo.png")
    disc = ObjectFile(tmp_path / "disc.png", "objects/disc/disc.png", 100)
    photo = BackgroundFile(tmp_path / "photo.png", "backgrounds/photo.png", 2000, 100)
    return PoolPlan(["disc"], {"train": SplitPool({"disc": [disc]}, [disc], [photo])})


@pytest.mark.parametrize("background", [(300, 200), (64, 64), (1900, 70), (70, 1900), (2000, 2000)])
def test_background_covers_the_image_whatever_its_shape(tmp_path: Path, background: tuple[int, int]) -> None:
    pack_pools(tmp_path / "pool", _plan(tmp_path, background=background), 160, 120, 60, 1)
    (found,) = open_pool(tmp_path / "pool", "train").backgrounds
    height, width = found.image_bgr.shape[:2]
    assert 120 <= height <= 240
    assert 160 <= width <= 320
    assert max(height / 120, width / 160) > 1.2, "room to crop from"


def test_colours_of_files_are_kept(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    Image.new("RGB", (300, 200), (250, 100, 5)).save(tmp_path / "photo.png")
    disc_cutout(1, (5, 100, 250)).save(tmp_path / "disc.png")
    pack_pools(tmp_path / "pool", plan, 160, 120, 60, 1)
    pool = open_pool(tmp_path / "pool", "train")
    assert pool.backgrounds[0].image_bgr[50, 50].tolist() == [5, 100, 250]
    assert pool.objects["disc"][0].mean_bgr == (250.0, 100.0, 5.0)
    middle = pool.objects["disc"][0].levels[0].cut.bgra
    assert middle[middle.shape[0] // 2, middle.shape[1] // 2].tolist() == [250, 100, 5, 255]


@pytest.mark.parametrize(
    ("size", "largest", "sides"),
    [(44, 60, [44, 31, 22, 16]), (500, 160, [160, 113, 80, 57, 40, 28, 20]), (8, 60, [7])],
)
def test_levels_go_down_from_the_largest_needed(tmp_path: Path, size: int, largest: int, sides: list[int]) -> None:
    plan = _plan(tmp_path, object_size=size + 3 if size == 44 else size)
    pack_pools(tmp_path / "pool", plan, 160, 120, largest, 1)
    levels = open_pool(tmp_path / "pool", "train").objects["disc"][0].levels
    found = [level.long_side for level in levels]
    assert np.abs(np.subtract(found, sides)).max() <= 1
    for level in levels:
        assert max(level.feathered.bgra.shape[:2]) == level.long_side + 2 * SOFT_PAD
        assert max(level.cut.bgra.shape[:2]) == level.long_side + 2 * PAD
        assert (level.cut.bgra[..., :3].max(axis=2) <= level.cut.bgra[..., 3].astype(int) + 1).all(), "premultiplied"


def test_thin_objects_survive_every_level() -> None:
    stick = np.zeros((200, 200, 4), np.uint8)
    cv2.line(stick, (5, 100), (195, 100), (20, 40, 60, 255), 9)
    for level in object_levels(stick[90:111], 200):
        assert (level.cut.bgra[..., 3] > 100).any()


def test_a_packed_folder_is_taken_as_it_is_and_an_unfinished_one_made_anew(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    pack_pools(tmp_path / "pool", plan, 160, 120, 60, 1)
    part = sorted((tmp_path / "pool").glob("part_*"))[0]
    whole, written = part.read_bytes(), part.stat().st_mtime_ns
    pack_pools(tmp_path / "pool", plan, 160, 120, 60, 1)
    assert part.stat().st_mtime_ns == written
    (tmp_path / "pool" / INDEX).unlink()
    part.write_bytes(whole[:10])
    pack_pools(tmp_path / "pool", plan, 160, 120, 60, 1)
    assert part.read_bytes() == whole
    assert len(open_pool(tmp_path / "pool", "train").distractors) == 1


def _numbers(plan: PoolPlan, split: str) -> dict[str, set[int]]:
    pool = plan.splits[split]
    kinds = {**pool.objects, "(distractors)": pool.distractors, "(backgrounds)": pool.backgrounds}
    return {name: {origin.number for origin in origins} for name, origins in kinds.items()}  # type: ignore[attr-defined]


def test_drawn_pools_share_no_number_and_grow_without_moving() -> None:
    small = plan_drawn_pools(7, PoolSizes(train=4, val=1, test=3), ["a", "b"], ["c"])
    large = plan_drawn_pools(7, PoolSizes(train=40, val=12, test=20), ["a", "b"], ["c"])
    for plan in (small, large):
        for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
            for name in ("a", "b", "(distractors)", "(backgrounds)"):
                assert not _numbers(plan, one)[name] & _numbers(plan, other)[name]
    for split in ("train", "val", "test"):
        assert all(_numbers(small, split)[name] <= _numbers(large, split)[name] for name in ("a", "b", "(backgrounds)"))
    assert large.sizes()["train"] == {"objects": {"a": 40, "b": 40}, "distractors": 10, "backgrounds": 60}
    assert small.sizes()["val"] == {"objects": {"a": 1, "b": 1}, "distractors": 1, "backgrounds": 2}
    assert len(list(large.origins())) == len({(type(o), o.name) for o in large.origins()})
    assert DrawnObject(7, 3, "a").name == "a/drawn_00003"
