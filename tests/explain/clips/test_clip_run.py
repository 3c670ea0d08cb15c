from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.run import explain_clips
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.frames import ExplainedFrame
from pipeline.explain.run import explain_task
from pipeline.explain.settings import ExplainSettings
from pipeline.explain.sheets import MAX_BYTES
from tests.explain.clips.planted_clips import SaysOneThing, SeesAPatch, export

FRAMES, SIZE = 8, 32
CLASSES = ["walk", "fall"]
OF_CLIPS = {
    *(f"{name}_dependence{end}" for name in ("order", "direction", "motion") for end in ("", "_low", "_high")),
    *(f"energy_in_motion{end}" for end in ("", "_low", "_high", "_n")),
    "motion_area",
    "n_moving",
}
OF_CLIP = {"energy_in_motion", "order_dependence", "direction_dependence", "motion_dependence", "frame_importance"}


def _network(name: str) -> nn.Module:
    if name == "constant":
        return SaysOneThing()
    return SeesAPatch({"late": [5], "last": [7]}[name], FRAMES, SIZE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("late", "last", "constant"):
            export(_network(name), folder / f"{name}.onnx", FRAMES, SIZE)
        export(SeesAPatch([0], 1, SIZE), folder / "one_frame.onnx", 1, SIZE)
    return folder


def _clips(count: int = 3, clip_frames: int = FRAMES) -> list[ExplainedClip]:
    """A red square falls over a dull ground, and is in frame 5 at the place that all networks look at."""
    clips = []
    for i in range(count):
        frames = np.random.default_rng(i).integers(70, 90, (clip_frames, SIZE, SIZE, 3), dtype=np.uint8)
        for t in range(clip_frames):
            frames[t, 3 * t : 3 * t + 8, 16 + i : 24 + i] = (250, 60, 60)
        clips.append(ExplainedClip(f"clip_{i}", frames, i % 2, tuple(range(1, 2 * clip_frames, 2))))
    return clips


def _explain(
    files: Path,
    names: dict[str, str],
    folder: Path,
    clips: list[ExplainedClip] | None = None,
    methods: tuple[str, ...] = (),
) -> Any:
    folder.mkdir(exist_ok=True)
    return explain_clips(
        [ExplainedVariant(variant, files / f"{name}.onnx", Path("models", name)) for variant, name in names.items()],
        _clips() if clips is None else clips,
        CLASSES,
        lambda artifact: _network(artifact.name).eval(),
        folder,
        ExplainSettings("movement", 60, 6, 3, methods, Path("results/explain/movement")),
    )


VARIANTS = {"baseline": "late", "same": "late", "other": "last"}


@pytest.fixture(scope="module")
def twice(files: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, Path]]:
    """The report of the same explanation and the folder of its sheets, two times."""
    folders = [tmp_path_factory.mktemp(name) for name in ("a", "b")]
    return [(_explain(files, VARIANTS, folder, methods=("rise", "grad_cam", "lrp")), folder) for folder in folders]


def test_the_baseline_must_come_first(files: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="baseline must be the first"):
        _explain(files, {"compact": "late"}, tmp_path)


@pytest.mark.parametrize("clips", [_clips(1, clip_frames=4), _clips(1, clip_frames=1)])
def test_clips_of_another_length_are_refused(files: Path, tmp_path: Path, clips: list[ExplainedClip]) -> None:
    with pytest.raises(EdgeboardError, match="do not fit"):
        _explain(files, {"baseline": "late"}, tmp_path, clips)


def test_report_and_sheets_repeat_to_the_byte(twice: list[tuple[Any, Path]]) -> None:
    (report, folder), (again, folder_again) = twice
    assert json.dumps(report, allow_nan=False) == json.dumps(again)
    pages = sorted(path.name for path in folder.iterdir())
    assert pages == ["baseline.png", "other.png", "same.png", "side_by_side.png"]
    for page in pages:
        assert (folder / page).read_bytes() == (folder_again / page).read_bytes()
        assert (folder / page).stat().st_size <= MAX_BYTES


def test_an_unchanged_network_does_not_drift_and_another_does(twice: list[tuple[Any, Path]]) -> None:
    found = twice[0][0]["variants"]
    assert list(found) == list(VARIANTS)
    assert (found["same"]["xai_drift"], found["same"]["agrees"]) == (0, 3)
    assert {**found["same"], "sheet": None} == {**found["baseline"], "sheet": None}
    assert found["other"]["xai_drift"] > 0.3
    assert found["other"]["sheet"] == "results/explain/movement/other.png"
    for one in found.values():
        assert one["xai_faithfulness_low"] <= one["xai_faithfulness"] <= one["xai_faithfulness_high"]
        assert one["energy_in_motion_low"] <= one["energy_in_motion"] <= one["energy_in_motion_high"]


@pytest.mark.parametrize(("variant", "frame"), [("baseline", 5), ("other", 7)])
def test_the_report_tells_which_frame_decides(twice: list[tuple[Any, Path]], variant: str, frame: int) -> None:
    found = twice[0][0]["variants"][variant]
    assert len(found["frames"]) == found["n_moving"] == 3
    for row in found["frames"]:
        others = [value for t, value in enumerate(row["frame_importance"]) if t != frame]
        assert abs(row["frame_importance"][frame]) > 0.001
        assert others == pytest.approx([0] * (FRAMES - 1), abs=1e-6)


def test_a_map_through_the_moving_thing_has_more_energy_there_than_chance(twice: list[tuple[Any, Path]]) -> None:
    # The square is where `late` looks while it looks there.
    late = twice[0][0]["variants"]["baseline"]
    assert 0.02 < late["motion_area"] < 0.1
    assert late["energy_in_motion"] > 1.1 * late["motion_area"]


def test_a_network_that_never_decides_has_flat_maps_and_no_nan(files: Path, tmp_path: Path) -> None:
    report = _explain(files, {"baseline": "constant", "other": "late"}, tmp_path)
    json.dumps(report, allow_nan=False)
    flat = report["variants"]["baseline"]
    assert (flat["order_dependence"], flat["direction_dependence"], flat["motion_dependence"]) == (0, 0, 0)
    assert all(row["frame_importance"] == [0] * FRAMES for row in flat["frames"])
    assert (flat["xai_faithfulness"], flat["n_constant"]) == (None, 3)  # they point nowhere
    assert flat["energy_in_motion"] == pytest.approx(flat["motion_area"])  # a flat map points everywhere
    assert report["variants"]["other"]["xai_drift"] == 1  # beside a map that has no order


def test_clips_without_motion_are_not_asked_for_it(files: Path, tmp_path: Path) -> None:
    still = [ExplainedClip("still", np.repeat(_clips(1)[0].frames_thwc[:1], FRAMES, axis=0), 0, tuple(range(FRAMES)))]
    found = _explain(files, {"baseline": "late"}, tmp_path, still)["variants"]["baseline"]
    assert (found["energy_in_motion"], found["motion_area"], found["n_moving"]) == (None, None, 0)
    assert found["frames"][0]["energy_in_motion"] is None
    assert found["frames"][0]["frame_importance"] == [0] * FRAMES


def test_a_network_of_one_frame(files: Path, tmp_path: Path) -> None:
    report = explain_clips(
        [ExplainedVariant("baseline", files / "one_frame.onnx", Path("one"))],
        _clips(2, clip_frames=1),
        CLASSES,
        lambda _: SeesAPatch([0], 1, SIZE).eval(),
        tmp_path,
        ExplainSettings("movement", 16, 4, 0, ("grad_cam",)),
    )
    found = report["variants"]["baseline"]
    assert report["clip_frames"] == 1
    assert (found["order_dependence"], found["n_moving"]) == (0, 0)
    assert all(math.isfinite(row["frame_importance"][0]) for row in found["frames"])


def test_the_report_is_that_of_pictures_with_what_time_adds(files: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    torch.onnx.export(network, (torch.zeros(1, 3, SIZE, SIZE),), str(tmp_path / "p.onnx"), dynamo=False)
    of_pictures = explain_task(
        [ExplainedVariant("baseline", tmp_path / "p.onnx", Path("p"))],
        [ExplainedFrame("a", np.zeros((SIZE, SIZE, 3), dtype=np.uint8), 0, None)],
        CLASSES,
        lambda _: network,
        tmp_path,
        ExplainSettings("fire", 8, 2, 0),
    )
    of_clips = _explain(files, {"baseline": "late"}, tmp_path / "clips", _clips(1))
    assert set(of_clips) - set(of_pictures) == {"clip_frames", "hidden", "mask_cells", "places"}
    assert set(of_pictures) <= set(of_clips)
    picture, clip = of_pictures["variants"]["baseline"], of_clips["variants"]["baseline"]
    assert set(clip) == set(picture) | OF_CLIPS
    assert set(clip["frames"][0]) == set(picture["frames"][0]) | OF_CLIP
    assert of_clips["places"] == list(range(1, 16, 2))
    assert of_clips["hidden"]["what"] == "colour"
