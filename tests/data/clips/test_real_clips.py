from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.clip_data_options import ClipData
from pipeline.data.clips.generate import generate_clips
from pipeline.data.frames import read_index
from tests.conftest import REAL_DATA


@pytest.mark.slow
@pytest.mark.real_data
def test_all_real_clips_are_read(tmp_path: Path) -> None:
    if not (REAL_DATA / "actions").is_dir():
        pytest.skip("the real clips are not here")
    params = ClipData(source=str(REAL_DATA / "actions"))
    report = generate_clips(params, 7, tmp_path / "movement")
    assert report["classes"] == ["fall", "fight", "other", "walk"]
    assert (sum(report["n_videos"].values()), report["skipped"], report["damaged"]) == (118, [], [])
    assert {entry["file"] for entry in report["padded"]} == {
        "fight/surv_004.mp4",
        "fight/surv_024.mp4",
        "walk/gmdc_020.mp4",
    }
    group_of = {name: number for number, group in enumerate(report["groups"]) for name in group}
    # One corridor, one bus, one cell, one office: whoever fights or walks in it.
    for scene in (
        [f"walk/surv_{i:03d}.mp4" for i in (3, 4, 5, 6, 7)],
        ["walk/surv_001.mp4", "walk/surv_002.mp4", "fight/surv_028.mp4", "fight/surv_034.mp4", "other/surv_013.mp4"],
        [f"fight/surv_{i:03d}.mp4" for i in (14, 18, 29, 39)],
        ["fight/surv_008.mp4", "other/surv_009.mp4", "other/surv_012.mp4"],
    ):
        assert len({group_of[name] for name in scene}) == 1
    # Never two places: no group of the rooms holds a clip of a surveillance camera, no group of the bus the corridor.
    assert all(len({name.partition("/")[2][:4] for name in group}) == 1 for group in report["groups"])
    assert group_of["walk/surv_003.mp4"] != group_of["walk/surv_001.mp4"] != group_of["fight/surv_014.mp4"]
    index = read_index(tmp_path / "movement")
    assert (index.groupby("source")["split"].nunique() == 1).all()
    assert (index[["width", "height"]].max(axis=1) == 160).all()
    assert set(index.groupby(["split", "label"]).groups) == {
        (split, label) for split in ("train", "val", "test") for label in report["classes"]
    }
