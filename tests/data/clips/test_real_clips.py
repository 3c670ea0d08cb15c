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
    # Scenes that are there twice, as their description says.
    assert report["groups"] == [[f"other/gmdc_{i:03d}.mp4", f"other/gmdc_{i + 1:03d}.mp4"] for i in (37, 39, 41)]
    index = read_index(tmp_path / "movement")
    assert (index.groupby("source")["split"].nunique() == 1).all()
    assert (index[["width", "height"]].max(axis=1) == 160).all()
    assert set(index.groupby(["split", "label"]).groups) == {
        (split, label) for split in ("train", "val", "test") for label in report["classes"]
    }
