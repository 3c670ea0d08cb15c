"""The task movement through every stage under real DVC, at tiny size: a clip form and a live form of every variant."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pandas as pd
import pytest

from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.sampling import segment_places
from pipeline.data.frames import normalise, resize
from pipeline.export.live_file import read_live
from pipeline.tasks.live_clip import run_live
from tests.conftest import TINY, TINY_MOVEMENT, copy_repository, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
VARIANTS = ["baseline", "compact", "distilled", "pruned", "quantized"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = copy_repository(tmp_path_factory.mktemp("movement") / "edgeboard", TINY | TINY_MOVEMENT)
    run([sys.executable, "-m", "stages.repro"], clone)
    return clone


def test_the_board_has_every_variant_with_clip_and_stream(repository: Path) -> None:
    rows = pd.read_csv(repository / "results/leaderboard.csv").set_index("variant")
    assert sorted(rows.index) == VARIANTS
    assert set(rows["metric"]) == {"top-1"}
    measured = ["accuracy", "size_mb", "macs", "fps", "clips_per_s", "live_accuracy", "live_agreement", "xai_drift"]
    measured += ["live_accuracy_running", "live_agreement_running", "live_difference_running", "live_running_n"]
    assert rows[measured].notna().all().all()
    assert (rows["fps"] > rows["clips_per_s"]).all(), "a frame costs less than a clip"
    assert (rows.loc[["baseline", "pruned"], "live_agreement"] == 1).all(), "in float both forms are one network"
    assert rows.loc["compact", "size_mb"] < rows.loc["baseline", "size_mb"] / 7


def test_the_live_form_that_ships_says_what_the_clip_form_says(repository: Path) -> None:
    exports = json.loads((repository / "exports/movement/report.json").read_text())
    strip = next((repository / "data/movement/clips/test").rglob("*.jpg"))
    n_frames = json.loads((repository / "data/movement/report.json").read_text())["clip"]["frames"]
    places = segment_places(n_frames, exports["clip_frames"])
    seen = read_film_strip(strip, n_frames)[places]
    frames = normalise(np.stack([resize(one, exports["frame_size"]) for one in seen]))
    for name in ("baseline", "compact"):
        one = exports["variants"][name]
        whole = onnxruntime.InferenceSession(str(repository / one["file"])).run(None, {"frames": frames[None]})[0]
        live = repository / one["live"]["description"]
        description = read_live(live)
        assert description["frame_interval_s"] == pytest.approx(n_frames / exports["clip_frames"] / 6)
        session = onnxruntime.InferenceSession(str(live.with_name(description["file"])))
        *_, last = run_live(session, [frame[None] for frame in frames], description)
        assert np.abs(last - whole).max() <= 0.05 * np.abs(whole).max(), name
        assert one["tensorrt"]["accepted"] in (True, None)
        assert all(version["ready"] for version in one["tensorrt"]["by_version"].values()), name
        assert one["live"]["verdicts"]["accepted"] is one["tensorrt"]["accepted"], "the live file is judged, too"
        assert all(version["ready"] for version in one["live"]["verdicts"]["by_version"].values()), name


def test_what_is_explained_is_time_and_place(repository: Path) -> None:
    report = json.loads((repository / "results/explain/movement/report.json").read_text())
    assert report["method"] == "space-time rise"
    for name in VARIANTS:
        one = report["variants"][name]
        assert -1 <= one["order_dependence"] <= 1
        assert all(len(clip["frame_importance"]) == report["clip_frames"] for clip in one["frames"])
        assert cv2.imread(str(repository / one["sheet"])) is not None


def test_nothing_runs_again_and_no_board_is_asked_for(repository: Path) -> None:
    again = run([sys.executable, "-m", "dvc", "repro"], repository)
    assert "Running stage 'train@movement'" not in again.stdout
    assert "stages.board_results" not in again.stdout
