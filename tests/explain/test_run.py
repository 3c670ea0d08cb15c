from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.frames import ExplainedFrame
from pipeline.explain.notes import notes
from pipeline.explain.pages import title_of
from pipeline.explain.run import explain_task
from pipeline.explain.sanity import Sanity
from pipeline.explain.settings import ExplainSettings

SIZE = 32
CLASSES = ["fire", "none"]
METHODS = ("rise", "grad_cam", "score_cam", "saliency", "lime", "d_rise")


def _network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)
    ).eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("exports")
    for seed in (0, 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _network(seed),
                (torch.zeros(1, 3, SIZE, SIZE),),
                str(folder / f"{seed}.onnx"),
                dynamo=False,
                opset_version=13,
            )
    return {seed: folder / f"{seed}.onnx" for seed in (0, 1)}


def _frames() -> list[ExplainedFrame]:
    rng = np.random.default_rng(0)
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    mask[4:12, 4:12] = True
    return [
        ExplainedFrame(
            f"scene_{i}", rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8), i % 2, mask if i % 2 == 0 else None
        )
        for i in range(4)
    ]


def _explain(variants: list[ExplainedVariant], folder: Path) -> dict:  # type: ignore[type-arg]
    return explain_task(
        variants,
        _frames(),
        CLASSES,
        lambda artifact: _network(int(artifact.name)),
        folder,
        ExplainSettings("fire", 24, 4, 3, METHODS, Path("results/explain/fire")),
    )


def test_the_baseline_must_come_first(files: dict[int, Path], tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="baseline must be the first"):
        _explain([ExplainedVariant("compact", files[0], Path("0"))], tmp_path)


@pytest.fixture(scope="module")
def twice(files: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict, Path]]:  # type: ignore[type-arg]
    """The report of the same explanation and the folder of its sheets, two times."""
    variants = [
        ExplainedVariant("baseline", files[0], Path("models/0")),
        ExplainedVariant("same", files[0], Path("models/0"), ("quantize",)),
        ExplainedVariant("other", files[1], Path("models/1"), ("prune",)),
    ]
    folders = [tmp_path_factory.mktemp(name) for name in ("a", "b")]
    return [(_explain(variants, folder), folder) for folder in folders]


def test_report_and_sheets_repeat_to_the_byte(twice) -> None:  # type: ignore[no-untyped-def]
    (report, folder), (again, folder_again) = twice
    assert json.dumps(report, allow_nan=False) == json.dumps(again)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["baseline.png", "other.png", "same.png", "side_by_side.png"]
    for name in names:
        assert (folder / name).read_bytes() == (folder_again / name).read_bytes()


def test_what_the_report_says_of_variants(twice) -> None:  # type: ignore[no-untyped-def]
    found = twice[0][0]["variants"]
    assert list(found) == ["baseline", "same", "other"]
    for one in found.values():
        assert one["xai_faithfulness_low"] <= one["xai_faithfulness"] <= one["xai_faithfulness_high"]
        assert one["xai_faithfulness"] == pytest.approx(one["insertion_auc"] - one["deletion_auc"])
        assert one["n"] == len(one["frames"]) == 4
        assert one["max_sensitivity_n"] == 4
    assert (found["same"]["xai_drift"], found["same"]["agrees"]) == (0, 4)
    apart = ("sheet", "moved", "methods")
    assert {k: v for k, v in found["same"].items() if k not in apart} == {
        k: v for k, v in found["baseline"].items() if k not in apart
    }
    assert found["other"]["xai_drift"] > 0.01
    assert found["other"]["sheet"] == "results/explain/fire/other.png"
    # Frames whose class the baseline mistakes, and frames without a mask, are not localised.
    right = [row["true_class"] == row["explained_class"] == "fire" for row in found["baseline"]["frames"]]
    assert found["baseline"]["n_localised"] == sum(right)
    assert (found["baseline"]["pointing_game"] is None) == (sum(right) == 0)


def test_what_the_report_says_of_methods(twice) -> None:  # type: ignore[no-untyped-def]
    report = twice[0][0]
    assert list(report["methods"]) == ["rise", "grad_cam", "score_cam", "saliency", "lime"]
    assert list(report["left_out"]) == ["d_rise"]
    assert all(one["randomisation"]["flagged"] in (True, False) for one in report["methods"].values())
    assert report["directions"]["deletion_auc"] == "lower"
    same, other = report["variants"]["same"]["methods"], report["variants"]["other"]["methods"]
    file = other["rise"]["on"]["file"]
    assert other["rise"]["on"] == other["lime"]["on"] == {"file": file}
    assert other["grad_cam"]["on"] == {"network": "models/1"}
    assert other["score_cam"]["on"] == {"network": "models/1", "file": file}
    assert (other["lime"]["signed"], other["saliency"]["signed"]) == (True, False)
    assert "fidelity_r2" in other["lime"]
    assert "fidelity_r2" not in other["rise"]
    # Variants of one float network share its maps: nothing that could be called unmoved was measured.
    assert same["grad_cam"]["drift"] == {"why_not": "same float network"}
    assert same["grad_cam"]["moved"] == {"from": "baseline", "steps": ["quantize"], "why_not": "same float network"}
    # Score-CAM asks the file, which might have answered otherwise.
    assert same["score_cam"]["moved"]["all"]["xai_drift"] == same["rise"]["moved"]["all"]["xai_drift"] == 0
    for name in report["methods"]:
        drift = other[name]["drift"]
        assert drift["all"]["n"] == drift["alike"]["n"] + drift["differ"]["n"] == 4
        assert drift["alike"]["n"] == report["variants"]["other"]["agrees"]
    assert (other["rise"]["moved"]["from"], other["rise"]["moved"]["steps"]) == ("baseline", ["prune"])
    assert other["rise"]["moved"]["all"]["xai_drift"] == report["variants"]["other"]["xai_drift"]
    assert report["variants"]["baseline"]["moved"] is None


def test_what_an_architecture_cannot_have_is_told_and_not_fatal(tmp_path: Path) -> None:
    """A network without a convolution, of a class that it never decides, on a constant frame."""
    frame = ExplainedFrame("grey", np.full((SIZE, SIZE, 3), 128, dtype=np.uint8), 1, None)
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 2)).eval()
    path = tmp_path / "linear.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(linear, (torch.zeros(1, 3, SIZE, SIZE),), str(path), dynamo=False, opset_version=13)
    report = explain_task(
        [ExplainedVariant("baseline", path, Path("linear"))],
        [frame],
        CLASSES,
        lambda _: linear,
        tmp_path,
        ExplainSettings("fire", 8, 3, 0, ("grad_cam", "gradient_x_input")),
    )
    of_baseline = report["variants"]["baseline"]["methods"]
    assert "needs a convolution" in of_baseline["grad_cam"]["why_not"]
    assert of_baseline["gradient_x_input"]["n"] == 1
    assert any("no grad_cam of baseline" in line for line in notes(report))
    json.dumps(report, allow_nan=False)
    assert (tmp_path / "baseline.png").stat().st_size > 1000


def test_a_file_that_answers_nan_is_refused(tmp_path: Path) -> None:
    class Broken(nn.Module):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            return frames.mean((2, 3))[:, :2] * float("nan")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Broken(), (torch.zeros(1, 3, SIZE, SIZE),), str(tmp_path / "m.onnx"), dynamo=False)
    with pytest.raises(EdgeboardError, match="NaN or infinity"):
        _explain([ExplainedVariant("baseline", tmp_path / "m.onnx", Path("models/0"))], tmp_path)


def test_a_method_that_survives_random_weights_is_marked_where_people_look() -> None:
    report = {"left_out": {}, "variants": {}, "methods": {"lrp": {"title": "LRP", "randomisation": {"flagged": True}}}}
    assert "LRP" in notes(report)[0]
    assert "random weights" in title_of("lrp", {"lrp": Sanity(True, {})})
    assert "random weights" not in title_of("lrp", {"lrp": Sanity(False, {})})
    report["methods"]["lrp"]["randomisation"]["flagged"] = False
    assert notes(report) == []
