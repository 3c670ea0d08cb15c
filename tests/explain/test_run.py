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
from pipeline.explain.run import explain_task

SIZE = 32
CLASSES = ["fire", "none"]


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
        task="fire",
        mask_count=24,
        steps=4,
        seed=3,
        shown_folder=Path("results/explain/fire"),
    )


def test_the_baseline_must_come_first(files: dict[int, Path], tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="baseline must be the first"):
        _explain([ExplainedVariant("compact", files[0], Path("0"))], tmp_path)


def test_report_and_sheets_repeat_to_the_byte(files: dict[int, Path], tmp_path: Path) -> None:
    variants = [
        ExplainedVariant("baseline", files[0], Path("models/0")),
        ExplainedVariant("same", files[0], Path("models/0")),
        ExplainedVariant("other", files[1], Path("models/1")),
    ]
    reports = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        reports.append(_explain(variants, tmp_path / name))
    assert json.dumps(reports[0], allow_nan=False) == json.dumps(reports[1])
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["baseline.png", "other.png", "same.png", "side_by_side.png"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    found = reports[0]["variants"]
    assert list(found) == ["baseline", "same", "other"]
    for one in found.values():
        assert one["xai_faithfulness_low"] <= one["xai_faithfulness"] <= one["xai_faithfulness_high"]
        assert one["xai_faithfulness"] == pytest.approx(one["insertion_auc"] - one["deletion_auc"])
        assert one["n"] == 4
        assert len(one["frames"]) == 4
    assert (found["same"]["xai_drift"], found["same"]["agrees"]) == (0, 4)
    assert {k: v for k, v in found["same"].items() if k != "sheet"} == {
        k: v for k, v in found["baseline"].items() if k != "sheet"
    }
    assert found["other"]["xai_drift"] > 0.01
    assert found["other"]["sheet"] == "results/explain/fire/other.png"
    # Frames whose class the baseline mistakes, and frames without a mask, are not localised.
    right = [row["true_class"] == row["explained_class"] == "fire" for row in found["baseline"]["frames"]]
    assert found["baseline"]["n_localised"] == sum(right)
    assert (found["baseline"]["pointing_game"] is None) == (sum(right) == 0)
