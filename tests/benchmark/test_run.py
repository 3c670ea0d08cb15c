from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.benchmark.run import ExportedVariant, benchmark_task
from pipeline.data.frames import Frames
from pipeline.errors import EdgeboardError
from tests.benchmark.onnx_files import write_linear_model

CLASSES = ["fire", "none", "starting_fire"]
ROW_KEYS = [  # the contract with the board
    "variant",
    "recipe",
    "target",
    "engine",
    "precision",
    "frame_size",
    "metric",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "n_test",
    "accuracy_delta",
    "accuracy_delta_low",
    "accuracy_delta_high",
    "size_mb",
    "params",
    "nonzero",
    "macs",
    "fps",
    "fps_low",
    "fps_high",
    "fps_network",
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p99",
    "n_timed",
    "cv",
    "speedup",
    "speedup_low",
    "speedup_high",
    "speedup_network",
    "memory_mb",
    "power_w",
    "energy_mj",
    "note",
    "model_file",
    "model_sha256",
    "per_class",
]


def _variant(name: str, file: Path, recipe: list[str]) -> ExportedVariant:
    return ExportedVariant(name, recipe, "fp32", file, "0" * 64, file.stat().st_size, 10, 9, 8)


def _benchmark(variants: list[ExportedVariant], raw: Path) -> dict:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (12, 8, 8, 3), dtype=np.uint8)
    test = Frames(frames, rng.integers(0, 3, 12), [Path(f"test/{i}.png") for i in range(12)], CLASSES)
    pictures = [rng.integers(0, 255, (20, 30, 3), dtype=np.uint8) for _ in range(3)]
    return benchmark_task(
        variants, test, pictures, raw, threads=1, rounds=5, frames_per_turn=6, warmup=2, seed=0, progress=print
    )


@pytest.mark.parametrize("names", [[], ["pruned", "baseline"]])
def test_the_baseline_must_come_first(tmp_path: Path, names: list[str]) -> None:
    file = write_linear_model(tmp_path / "m.onnx")
    with pytest.raises(EdgeboardError, match="baseline must be the first"):
        _benchmark([_variant(name, file, []) for name in names], tmp_path)


def test_the_report_and_the_raw_files(tmp_path: Path) -> None:
    baseline = write_linear_model(tmp_path / "baseline.onnx")
    other = write_linear_model(tmp_path / "other.onnx", hidden=2, seed=1)
    raw = tmp_path / "raw"
    raw.mkdir()
    report = _benchmark([_variant("baseline", baseline, []), _variant("compact", other, ["prune", "quantize"])], raw)

    json.dumps(report, allow_nan=False)
    first, second = report["rows"]
    for row in (first, second):
        assert set(ROW_KEYS) <= set(row)
        assert row["fps_low"] <= row["fps"] <= row["fps_high"]
        assert row["fps_network"] > row["fps"]
        assert row["n_timed"] == 30
        assert row["latency_ms_p50"] == pytest.approx(1000 / row["fps"])
        assert row["latency_ms_p90"] is None
        assert "p90 needs 100, p99 needs 1000" in row["note"]
    assert (first["speedup"], first["accuracy_delta"]) == (1.0, None)
    assert second["accuracy_delta_low"] <= second["accuracy_delta"] <= second["accuracy_delta_high"]
    assert second["recipe"] == "train>prune>quantize"
    assert second["size_mb"] == other.stat().st_size / 1e6

    samples = pd.read_csv(raw / "samples.csv")
    assert samples.groupby("variant").size().to_dict() == {"baseline": 30, "compact": 30, "(self-check)": 30}
    with np.load(raw / "predictions.npz") as predictions:
        right = predictions["logits_compact"].argmax(axis=1) == predictions["labels"]
        assert right.mean() == pytest.approx(second["accuracy"])
        assert predictions["files"][3] == "3.png"
