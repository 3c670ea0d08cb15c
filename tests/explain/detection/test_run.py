from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.detection.frames import DetectionFrame
from pipeline.explain.detection.run import explain_detections
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.notes import notes
from pipeline.explain.settings import ExplainSettings
from tests.explain.detection.planted_detector import (
    CLASSES,
    CORNER,
    FRAME_SIZE,
    LEFT,
    RIGHT,
    Box,
    Planted,
    Seen,
    planted_file,
    planted_head,
    scene,
)

HONEST = [Seen(LEFT, 0, LEFT), Seen(RIGHT, 1, RIGHT)]
# Says the same of a frame with both objects, but looks at the other one.
CROSSED = [Seen(LEFT, 0, RIGHT), Seen(RIGHT, 1, LEFT)]
BLIND = [Seen(LEFT, 0, LEFT, gain=0), Seen(RIGHT, 1, RIGHT, gain=0)]
DETECTORS = {"honest": HONEST, "crossed": CROSSED, "blind": BLIND}
BOTH: list[tuple[Box, int]] = [(LEFT, 0), (RIGHT, 1)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    return {name: planted_file(folder, name, anchors) for name, anchors in DETECTORS.items()}


def _explain(
    files: dict[str, Path],
    variants: dict[str, str],
    frames: list[DetectionFrame],
    folder: Path,
    mask_count: int = 200,
    at_work: dict[str, float] | None = None,
) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return explain_detections(
        [ExplainedVariant(name, files[which], Path("models", which)) for name, which in variants.items()],
        {name: planted_head(DETECTORS[which]) | (at_work or {}) for name, which in variants.items()},
        frames,
        CLASSES,
        lambda _: Planted(HONEST).eval(),
        folder,
        ExplainSettings("suspect", mask_count, 8, 3, ("rise", "grad_cam"), Path("results/explain/suspect")),
    )


def test_the_baseline_must_come_first(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="baseline must be the first"):
        _explain(files, {"compact": "honest", "baseline": "honest"}, [scene("a", BOTH)], tmp_path)


@pytest.mark.parametrize("frames", [[], [scene("empty", [])]])
def test_nothing_to_explain_is_told(files: dict[str, Path], tmp_path: Path, frames: list[DetectionFrame]) -> None:
    with pytest.raises(EdgeboardError, match="nothing to explain"):
        _explain(files, {"baseline": "honest"}, frames, tmp_path)
    assert not list(tmp_path.iterdir())


def test_maps_point_at_what_each_detection_depends_on(files: dict[str, Path], tmp_path: Path) -> None:
    variants = {"baseline": "honest", "same": "honest", "crossed": "crossed", "blind": "blind"}
    report = _explain(files, variants, [scene("both", BOTH)], tmp_path)
    assert (report["task"], report["method"], report["n"], report["n_frames"]) == ("suspect", "d-rise", 2, 1)
    assert report["targets"] == {"found": 2, "wrong class": 0, "false alarm": 0, "too weak": 0, "missed": 0}
    honest, same, crossed, blind = (report["variants"][name] for name in variants)

    assert (honest["pointing_game"], honest["n_localised"], honest["agrees"]) == (1, 2, 2)
    # Masks have cells of ten pixels, so that half of the energy is next to an object of 16.
    assert honest["energy_in_mask"] > 2 * honest["mask_area"]
    assert honest["mask_area"] == pytest.approx((16**2 + 20**2) / 2 / FRAME_SIZE**2)
    assert honest["xai_faithfulness"] > 0.4
    # Two detections of one frame are one draw, and that says nothing of other frames.
    one, other = [row["insertion_auc"] - row["deletion_auc"] for row in honest["frames"]]
    assert honest["xai_faithfulness"] == pytest.approx((one + other) / 2)
    assert (honest["xai_faithfulness_low"], honest["xai_faithfulness_high"]) == (None, None)
    assert (honest["pointing_game_low"], honest["pointing_game_high"]) == (pytest.approx(0.2065, abs=1e-4), 1)
    for row in honest["frames"]:
        assert row["explained_score"] <= row["similarity"] < 1
    assert (honest["xai_drift"], same["xai_drift"]) == (0, 0)
    assert {k: v for k, v in same.items() if k != "sheet"} == {k: v for k, v in honest.items() if k != "sheet"}

    # Sees the same boxes with the same scores. Its reasons are what tells it from the baseline.
    assert crossed["agrees"] == 2
    assert [row["probability"] for row in crossed["frames"]] == pytest.approx(
        [row["probability"] for row in honest["frames"]][::-1], abs=1e-3
    )
    assert (crossed["pointing_game"], crossed["n_localised"]) == (0, 2)
    assert crossed["xai_drift"] > 0.5
    assert crossed["xai_faithfulness"] > 0.4  # its maps tell its own reasons, which are the wrong ones

    assert blind["agrees"] == 0
    assert [row["decision"] for row in blind["frames"]] == [None, None]
    assert max(row["similarity"] for row in blind["frames"]) < 0.1
    assert (blind["pointing_game"], blind["xai_drift"]) == (0, 1)
    assert blind["energy_in_mask"] == pytest.approx(blind["mask_area"])
    assert (blind["xai_faithfulness"], blind["xai_faithfulness_n"], blind["n_constant"]) == (None, 0, 2)
    assert [row["deletion_auc"] for row in blind["frames"]] == [None, None]


def test_rows_name_the_true_object_of_each_detection(files: dict[str, Path], tmp_path: Path) -> None:
    frames = [
        scene("both", BOTH),
        scene("wrong", [(LEFT, 2)]),
        scene("alarm", [], bright=[RIGHT]),
        scene("missed", [(CORNER, 1)], bright=[]),
        scene("empty", []),
    ]
    report = _explain(files, {"baseline": "honest"}, frames, tmp_path, mask_count=40)
    assert (report["n"], report["n_frames"], report["n_frames_without_target"]) == (5, 4, 1)
    assert report["targets"] == {"found": 2, "wrong class": 1, "false alarm": 1, "too weak": 0, "missed": 1}
    found = report["variants"]["baseline"]
    names = ["frame", "kind", "true_class", "explained_class", "decision"]
    # The best of every frame, then the second best.
    first, *others, last = [tuple(row[name] for name in names) for row in found["frames"]]
    assert {first, last} == {("both", "found", "gun", "gun", "gun"), ("both", "found", "knife", "knife", "knife")}
    assert others == [
        ("wrong", "wrong class", "stick", "gun", "gun"),
        ("alarm", "false alarm", None, "knife", "knife"),
        ("missed", "missed", "knife", "knife", None),
    ]
    assert (found["n"], found["n_localised"], found["agrees"]) == (5, 2, 5)
    assert found["frames"][3]["explained_box_xyxy"] == list(CORNER)
    assert found["frames"][2]["pointing_game"] is None
    json.dumps(report, allow_nan=False)


def test_a_constant_map_does_not_point_into_the_corner(files: dict[str, Path], tmp_path: Path) -> None:
    report = _explain(files, {"baseline": "blind"}, [scene("missed", [(CORNER, 1)])], tmp_path, mask_count=10)
    (row,) = report["variants"]["baseline"]["frames"]
    assert (row["kind"], row["pointing_game"], row["drift"]) == ("missed", False, 0)
    assert row["energy_in_mask"] == pytest.approx(16**2 / FRAME_SIZE**2)


def test_without_a_true_detection_nothing_is_localised(files: dict[str, Path], tmp_path: Path) -> None:
    report = _explain(files, {"baseline": "honest"}, [scene("alarm", [], bright=[LEFT])], tmp_path, mask_count=10)
    found = report["variants"]["baseline"]
    assert (found["pointing_game"], found["energy_in_mask"], found["mask_area"], found["n_localised"]) == (
        None,
        None,
        None,
        0,
    )
    assert found["xai_faithfulness"] is not None


def test_what_no_device_reports_is_told_to_be_too_weak(files: dict[str, Path], tmp_path: Path) -> None:
    """Both objects are seen with a score of 0.992."""
    frames = [scene("both", BOTH), scene("alarm", [], bright=[RIGHT])]
    variants = {"baseline": "honest", "crossed": "crossed"}
    report = _explain(files, variants, frames, tmp_path, mask_count=40, at_work={"operating_threshold": 0.995})
    assert report["targets"] == {"found": 0, "wrong class": 0, "false alarm": 0, "too weak": 2, "missed": 0}
    assert report["n_frames_without_target"] == 1
    assert report["read_from"] == {name: {"score": 0.995, "is_operating": True} for name in variants}
    for one in report["variants"].values():
        assert [(row["explained_score"] > 0.9, row["decision"], row["probability"]) for row in one["frames"]] == [
            (True, None, 0)
        ] * 2
        assert (one["agrees"], one["n_localised"]) == (2, 2)
    assert "2 of 2 explained detections are below the baseline's operating threshold" in notes(report)

    unknown = _explain(files, {"baseline": "honest"}, frames, tmp_path, mask_count=10)
    assert unknown["read_from"] == {"baseline": {"score": 0.3, "is_operating": False}}
    assert "no operating threshold of baseline: boxes from score 0.30 on count as seen" in notes(unknown)


def test_report_and_sheets_repeat_to_the_byte(files: dict[str, Path], tmp_path: Path) -> None:
    frames = [scene("both", BOTH), scene("one", BOTH[:1]), scene("other", BOTH[1:])]
    variants = {"baseline": "honest", "compact": "crossed"}
    reports = [_explain(files, variants, frames, tmp_path / name, mask_count=20) for name in ("a", "b")]
    assert json.dumps(reports[0]) == json.dumps(reports[1])
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["baseline.png", "compact.png", "side_by_side.png"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert reports[0]["side_by_side"] == "results/explain/suspect/side_by_side.png"
    assert reports[0]["variants"]["compact"]["sheet"] == "results/explain/suspect/compact.png"
    assert reports[0]["variants"]["compact"]["methods"]["d_rise"]["on"] == {"file": files["crossed"].as_posix()}
    found = reports[0]["variants"]["compact"]
    assert found["xai_faithfulness_low"] <= found["xai_faithfulness"] <= found["xai_faithfulness_high"]


def test_a_real_detector(tmp_path: Path) -> None:
    import torch

    from pipeline.detectors import build_detector
    from pipeline.export.onnx_file import export_onnx

    torch.manual_seed(0)
    network = build_detector("ssdlite320_mobilenet_v3_large", 2, 96).eval()
    path = tmp_path / "model.onnx"
    export_onnx(network, 96, path, 13)
    rng = np.random.default_rng(0)
    frame = DetectionFrame(
        "noise",
        rng.integers(0, 256, (96, 96, 3), dtype=np.uint8),
        np.array([[20, 20, 60, 70]], dtype=np.float32),
        np.array([1]),
    )
    folder = tmp_path / "out"
    folder.mkdir()
    report = explain_detections(
        [ExplainedVariant("baseline", path, Path("models/0"))],
        {"baseline": network.head(0.01, 0.5, 20)},
        [frame],
        ["gun", "knife"],
        lambda _: network,
        folder,
        ExplainSettings("suspect", 8, 3, 0),
    )
    (row,) = report["variants"]["baseline"]["frames"]
    assert 0 < row["similarity"] <= 1
    assert row["decision"] == row["explained_class"]
    assert report["side_by_side"] == (folder / "side_by_side.png").as_posix()
    json.dumps(report, allow_nan=False)
