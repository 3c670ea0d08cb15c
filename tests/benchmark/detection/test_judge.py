"""The benchmark of detectors as a whole: real exported files in, rows, predictions and pictures out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.benchmark.detection.judge import BoxJudge, read_detections, truth_of
from pipeline.benchmark.forms import frame_by_frame
from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.run import benchmark_task
from pipeline.data.frames import Frames, load_frames, read_image
from pipeline.detectors import Detector
from pipeline.errors import EdgeboardError
from pipeline.export.onnx_file import export_onnx
from pipeline.export.parity import float_outputs
from pipeline.metrics.average_precision import mean_average_precision
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.boxes import Detections, decode_detections
from tests.detection_folder import CLASS_NAMES, SIZE, new_detector, write_detection_folder

VARIANTS = ("baseline", "compact")
# Beside those of every task.
COLUMNS = ["metric", "accuracy", "accuracy_low", "accuracy_high", "n_test", "accuracy_delta", "accuracy_delta_low",
           "accuracy_delta_high", "accuracy_delta_p", "per_class", "fps", "speedup", "size_mb"]  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    folder = write_detection_folder(tmp_path_factory.mktemp("data"), {"test": 10}, size_wh=(180, 120))
    return load_frames(folder, "test", SIZE, CLASS_NAMES)


@pytest.fixture(scope="module")
def detectors() -> dict[str, Detector]:
    """An untrained baseline, and the same with a little noise on its weights."""
    made = {name: new_detector(seed=1) for name in VARIANTS}
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made["compact"].parameters():
            parameter *= 1 + 0.02 * torch.randn(parameter.shape, generator=generator)
    return made


@pytest.fixture(scope="module")
def held_out(pictures: Frames, detectors: dict[str, Detector], heads: dict[str, dict[str, Any]]) -> Frames:
    """True is what the baseline is surest of, so that no training is needed for one that is right."""
    outputs = float_outputs(detectors["baseline"], pictures.frames_nhwc)
    found = [decode_detections(heads_ak, heads["baseline"]) for heads_ak in outputs]
    least = np.sort(np.concatenate([one.scores for one in found]))[-20]
    objects = [
        np.concatenate([one.labels[:, None], one.boxes_xyxy], axis=1)[one.scores >= least].astype(np.float32)
        for one in found
    ]
    return replace(pictures, objects=objects)


@pytest.fixture(scope="module")
def heads(detectors: dict[str, Detector]) -> dict[str, dict[str, Any]]:
    return {name: one.head(0.02, 0.5, 100) | {"operating_threshold": 0.3} for name, one in detectors.items()}


@pytest.fixture(scope="module")
def judge(held_out: Frames, heads: dict[str, dict[str, Any]]) -> BoxJudge:
    return BoxJudge("suspect", held_out, [path.name for path in held_out.files], heads, seed=0)


class Run:
    def __init__(self, folder: Path, held_out: Frames, detectors: dict[str, Detector], judge: BoxJudge) -> None:
        self.raw = folder / "raw"
        self.raw.mkdir()
        self.files = {name: folder / f"{name}.onnx" for name in VARIANTS}
        for name, file in self.files.items():
            export_onnx(detectors[name], SIZE, file, 13)
        made = [self.variant(name) for name in VARIANTS]
        pictures = [read_image(path) for path in held_out.files[:2]]
        self.report = benchmark_task(
            made, judge, frame_by_frame(pictures, SIZE, 1, judge.decoder), self.raw, threads=1, rounds=3,
            frames_per_turn=2, warmup=1, seed=0, progress=lambda _words: None,
        )  # fmt: skip

    def variant(self, name: str) -> ExportedVariant:
        file = self.files[name]
        size = file.stat().st_size
        made = ExportedVariant(name, [], "fp32", file, "0" * 64, file, "0" * 64, size, size // 2, 10, 9, 8, None)
        return made if name == "baseline" else replace(made, recipe=["prune"])


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, held_out: Frames, detectors: dict[str, Detector], judge: BoxJudge
) -> Run:
    return Run(tmp_path_factory.mktemp("run"), held_out, detectors, judge)


def test_every_row_has_the_columns_of_a_detector(done: Run) -> None:
    json.dumps(done.report, allow_nan=False)
    baseline, compact = done.report["rows"]
    for row in (baseline, compact):
        assert set(COLUMNS) <= set(row)
        assert row["metric"] == "mAP@50"
        assert row["n_test"] == 10
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
        assert set(row["per_class"]) == set(CLASS_NAMES)
        assert row["frame_size"] == SIZE
    assert [baseline[key] for key in COLUMNS if "delta" in key] == [None] * 4
    assert compact["accuracy_delta"] == pytest.approx(compact["accuracy"] - baseline["accuracy"])
    assert compact["accuracy_delta_low"] <= compact["accuracy_delta"] <= compact["accuracy_delta_high"]
    assert baseline["accuracy"] > 0.95
    assert 0.01 < compact["accuracy"] < 0.95
    assert (baseline["speedup"], compact["input"]) == (1.0, "baseline")


def test_predictions_are_enough_to_compute_the_accuracy_again(done: Run, held_out: Frames) -> None:
    assert held_out.objects is not None
    truth = truth_of(held_out)
    with np.load(done.raw / "predictions.npz", allow_pickle=False) as kept:
        assert kept["class_names"].tolist() == CLASS_NAMES
        assert kept["files"].tolist() == [path.name for path in held_out.files]
        for row in done.report["rows"]:
            name = row["variant"]
            ends = np.cumsum(kept[f"counts_{name}"])[:-1]
            parts = [np.split(kept[f"{part}_{name}"], ends) for part in ("boxes", "scores", "labels")]
            assert len(kept[f"counts_{name}"]) == len(held_out)
            assert kept[f"boxes_{name}"].shape == (len(kept[f"scores_{name}"]), 4)
            found = [Detections(*one) for one in zip(*parts, strict=True)]
            again = mean_average_precision(found, [t.boxes_xyxy for t in truth], [t.labels for t in truth], 3)
            assert again == pytest.approx(row["accuracy"])


def test_the_pictures_are_there_for_every_variant(done: Run) -> None:
    for name in VARIANTS:
        for file in (f"{name}.pr.png", f"{name}.worst.jpg"):
            image = cv2.imread(str(done.raw / file))
            assert image is not None, file
            assert min(image.shape[:2]) > 100
            assert image.std() > 5, "not blank"
    samples = pd.read_csv(done.raw / "samples.csv")
    assert samples.groupby("variant").size().to_dict() == {"baseline": 6, "compact": 6, "(self-check)": 6}


def test_boxes_are_read_in_pixels_of_the_picture(held_out: Frames, heads: dict[str, dict[str, Any]]) -> None:
    """180 x 120 pictures were squeezed into squares."""
    head = heads["baseline"]
    n_anchors = len(head["anchors_xyxy"])
    outputs = np.zeros((len(held_out), n_anchors, 8), dtype=np.float32)
    outputs[..., 0] = 12
    outputs[:, 7, :2] = [0, 12]
    (first, *_) = read_detections(outputs, head, held_out)
    in_frame = decode_detections(outputs[0], head)
    assert len(first.labels) == 1
    expected = in_frame.boxes_xyxy * np.array([180, 120, 180, 120]) / SIZE
    np.testing.assert_allclose(first.boxes_xyxy, expected, rtol=1e-5)
    np.testing.assert_array_equal(first.scores, in_frame.scores)


def test_true_boxes_are_those_of_the_annotations(pictures: Frames) -> None:
    annotations = pd.read_csv(pictures.files[0].parents[2] / "annotations.csv")
    for path, true in zip(pictures.files, truth_of(pictures), strict=True):
        rows = annotations[annotations["image"] == f"images/test/{path.name}"]
        np.testing.assert_allclose(true.boxes_xyxy, rows[["xmin", "ymin", "xmax", "ymax"]], atol=1e-3)
        assert true.labels.tolist() == [CLASS_NAMES.index(name) for name in rows["class"]]
        assert (true.width, true.height) == (180, 120)


def test_mixed_frames_are_measured_beside_the_real_ones(
    held_out: Frames, heads: dict[str, dict[str, Any]], done: Run
) -> None:
    """The same frames as both: the same figure, under a name of its own."""
    sources = [path.name for path in held_out.files]
    both = BoxJudge("suspect", held_out, sources, heads, seed=0, mixed=held_out)
    one = done.variant("baseline")
    found = both.further(one, OnnxRuntimeEngine(one.file, threads=1).run)
    assert found["accuracy_mixed"] == pytest.approx(done.report["rows"][0]["accuracy"])
    assert found["accuracy_mixed_low"] <= found["accuracy_mixed"] <= found["accuracy_mixed_high"]
    assert BoxJudge("suspect", held_out, sources, heads, seed=0).further(one, lambda _frames: _frames) == {}
    assert not any("mixed" in key for key in done.report["rows"][0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_file_that_answers_nonsense_is_told(held_out: Frames, heads: dict[str, dict[str, Any]], value: float) -> None:
    outputs = np.zeros((len(held_out), len(heads["baseline"]["anchors_xyxy"]), 8), dtype=np.float32)
    outputs[3, 5, 6] = outputs[4, 5, 6] = value
    with pytest.raises(EdgeboardError, match="NaN or infinity") as caught:
        read_detections(outputs, heads["baseline"], held_out, where="model.onnx")
    assert "2 of 10 frames" in str(caught.value)
    assert "model.onnx" in str(caught.value)


def test_the_timed_decoding_stops_at_the_operating_threshold(done: Run, judge: BoxJudge) -> None:
    """Weak boxes count for average precision, and nobody acts on them."""
    outputs = np.zeros((1, len(judge._heads["baseline"]["anchors_xyxy"]), 8), dtype=np.float32)
    outputs[..., 0] = 12
    for place, score in ((3, 0.2), (60, 0.4)):
        outputs[0, place, :4] = np.log([1 - score, score, 1e-6, 1e-6])
    decode = judge.decoder(done.variant("baseline"))
    np.testing.assert_allclose(decode(outputs).scores, [0.4], atol=1e-3)
    assert len(decode_detections(outputs[0], judge._heads["baseline"]).scores) == 2
