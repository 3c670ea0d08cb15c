from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.benchmark.affinity import processors_for
from pipeline.benchmark.forms import frame_by_frame
from pipeline.benchmark.judges import ClassJudge
from pipeline.benchmark.load import OtherLoad
from pipeline.benchmark.rows import ExportedVariant, note
from pipeline.benchmark.run import benchmark_task
from pipeline.benchmark.timing import PARTS, Timings
from pipeline.data.frames import Frames
from pipeline.errors import EdgeboardError
from tests.benchmark.onnx_files import write_linear_model

CLASSES = ["fire", "none", "starting_fire"]
LINUX = hasattr(os, "sched_getaffinity")
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
    "size_compressed_mb",
    "params",
    "nonzero",
    "macs",
    "ratio_reached",
    "fps",
    "fps_low",
    "fps_high",
    "fps_network",
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p99",
    "n_timed",
    "cv",
    "outliers",
    "latency_ms_max",
    "speedup",
    "speedup_low",
    "speedup_high",
    "speedup_network",
    "input",
    "speedup_over_input",
    "speedup_over_input_low",
    "speedup_over_input_high",
    "warning",
    "memory_mb",
    "power_w",
    "energy_mj",
    "note",
    "model_file",
    "model_sha256",
    "ships",
    "ships_sha256",
    "per_class",
]


def _variant(name: str, file: Path, recipe: list[str], **changes: Any) -> ExportedVariant:
    size = file.stat().st_size
    made = ExportedVariant(name, recipe, "fp32", file, "0" * 64, file, "0" * 64, size, size // 2, 10, 9, 8, None)
    return replace(made, **changes)


def _benchmark(variants: list[ExportedVariant], raw: Path) -> dict:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (12, 8, 8, 3), dtype=np.uint8)
    test = Frames(frames, rng.integers(0, 3, 12), [Path(f"test/{i}.png") for i in range(12)], CLASSES)
    pictures = [rng.integers(0, 255, (20, 30, 3), dtype=np.uint8) for _ in range(3)]
    judge = ClassJudge(test)
    form = frame_by_frame(pictures, 8, 1, judge.decoder)
    return benchmark_task(
        variants,
        judge,
        form,
        raw,
        threads=1,
        rounds=5,
        frames_per_turn=6,
        warmup=2,
        seed=0,
        progress=print,
        further_forms={
            "pair": replace(form, preprocess=lambda picture: form.preprocess(picture[:, ::-1])),
            "dear": replace(
                form, columns=lambda timings, name, _: {"n_dear": len(timings.rounds_ms(name))}, most_rounds=2
            ),
        },
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
    assert report["timing"]["processors"] == (processors_for(1, os.sched_getaffinity(0)) if LINUX else None)
    assert report["threads"] == 1
    assert set(report["timing"]["unsettled"]) <= {"baseline", "compact", "(self-check)"}
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
    assert second["size_compressed_mb"] == pytest.approx(second["size_mb"] / 2, abs=1e-6)
    assert (first["input"], first["speedup_over_input"], first["warning"]) == (None, None, "")
    assert second["input"] == "baseline"
    assert (second["speedup_over_input"], second["speedup_over_input_low"]) == (
        second["speedup"],
        second["speedup_low"],
    )
    assert second["memory_mb_low"] <= second["memory_mb"] <= second["memory_mb_high"]

    for kept in ("samples.csv", "samples_pair.csv"):
        samples = pd.read_csv(raw / kept)
        assert samples.groupby("variant").size().to_dict() == {"baseline": 30, "compact": 30, "(self-check)": 30}
    assert (first["n_dear"], second["n_dear"], "dear_per_s" in second) == (2, 2, False)
    assert second["pair_per_s_low"] <= second["pair_per_s"] <= second["pair_per_s_high"]
    assert second["pair_speedup_low"] <= second["pair_speedup"] <= second["pair_speedup_high"]
    with np.load(raw / "predictions.npz") as predictions:
        right = predictions["logits_compact"].argmax(axis=1) == predictions["labels"]
        assert right.mean() == pytest.approx(second["accuracy"])
        assert predictions["files"][3] == "3.png"


def test_a_step_that_costs_time_and_memory_is_told_and_what_ships_counts_as_size(tmp_path: Path) -> None:
    small = write_linear_model(tmp_path / "small.onnx", hidden=4)
    large = write_linear_model(tmp_path / "large.onnx", hidden=16_000)  # 12 MB of weights
    packed = {"ships": tmp_path / "model.onnx.packed", "size_bytes": 900, "size_compressed_bytes": 800}
    variants = [
        _variant("baseline", large, []),
        _variant("pruned", small, ["prune@ratio=0.5"], ratio_reached=0.5),
        _variant("grown", large, ["prune@ratio=0.5", "distill"], **packed),
    ]
    rows = {row["variant"]: row for row in _benchmark(variants, tmp_path)["rows"]}
    grown = rows["grown"]
    assert (grown["input"], grown["recipe"]) == ("pruned", "train>prune@ratio=0.5>distill")
    assert (grown["size_mb"], grown["size_compressed_mb"]) == (900 / 1e6, 800 / 1e6)
    assert (grown["model_file"], grown["ships"]) == (large.as_posix(), packed["ships"].as_posix())
    assert [word.split(": ")[0] for word in grown["warning"].split("; ")] == [
        "slower than pruned",
        "more memory than pruned",
    ]
    assert grown["speedup_over_input_high"] < 1
    assert rows["pruned"]["warning"] == ""
    assert (rows["baseline"]["ratio_reached"], rows["pruned"]["ratio_reached"]) == (None, 0.5)


@pytest.mark.parametrize(
    ("passed", "unsettled", "load", "words"),
    [
        (True, (), 0.0, []),
        (False, (), 0.0, ["this machine is restless: the same file timed twice differs by the factor 1.250"]),
        (True, ("baseline",), 0.0, ["its times had not settled after 150 frames of warm-up"]),
        (True, ("compact",), 0.0, []),
        (True, (), 0.7, ["timed while other processes used 0.7 cores: repeat on a quiet machine"]),
    ],
)
def test_what_should_be_known_before_the_times_are_believed(
    passed: bool, unsettled: tuple[str, ...], load: float, words: list[str]
) -> None:
    samples = pd.DataFrame({"round": 0, "variant": "baseline", **dict.fromkeys(PARTS, 1.0)}, index=range(1000))
    timings = Timings(samples, {"baseline": 150}, unsettled)
    told = note(timings, "baseline", OtherLoad(load), {"passed": passed, "ratio": 1.25}).split("; ")
    assert told[1:] == words
