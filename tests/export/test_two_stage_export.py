"""A detector of two stages from training to the files: one output, one way to read it, the same on every engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from pipeline.answers import answers_of
from pipeline.artifact import Meta, save_artifact
from pipeline.data.frames import load_frames, normalise
from pipeline.detectors import TwoStageDetector
from pipeline.export.export import export_variant
from pipeline.export.head_file import read_head
from pipeline.export.onnx_file import export_onnx
from pipeline.export.operating_threshold import operating_threshold
from pipeline.export.parity import compare, float_outputs
from pipeline.export.versions import readiness_by_version
from pipeline.networks import build_network
from pipeline.params import Export
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks import TASKS
from pipeline.training.kinds import head_of
from pipeline.training.train import train_network
from pipeline.training.warm_up import warm_up
from tests.detection_folder import CLASS_NAMES, detection_params, new_detector, write_detection_folder

NAME = "fasterrcnn_mobilenet_v3_large_320_fpn"
SIZE = 96


@pytest.fixture(scope="module")
def detector() -> TwoStageDetector:
    network = new_detector(NAME, seed=0, frame_size=SIZE)
    assert isinstance(network, TwoStageDetector)
    for layer in network.answer_layers():
        torch.nn.init.normal_(layer.weight, std=0.05)  # type: ignore[arg-type]
    return network


@pytest.fixture(scope="module")
def file(detector: TwoStageDetector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "model.onnx"
    export_onnx(detector, SIZE, path, opset=13)
    return path


def frames() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


def test_the_graph_has_fixed_shapes_and_no_operator_that_an_old_board_lacks(
    detector: TwoStageDetector, file: Path
) -> None:
    graph = onnx.load(file).graph
    (output,) = graph.output
    n_rows, n_columns = detector.proposals.n, 5 * len(CLASS_NAMES) + 5
    assert output.name == "heads"
    assert [one.dim_value for one in output.type.tensor_type.shape.dim] == [1, n_rows, n_columns]
    assert not {node.op_type for node in graph.node} & {"RoiAlign", "NonMaxSuppression", "NonZero", "Loop", "If"}
    assert [(version, one["errors"]) for version, one in readiness_by_version(file).items() if not one["ready"]] == []


def test_parity_does_not_depend_on_the_order_of_proposals(detector: TwoStageDetector, file: Path) -> None:
    answers = answers_of(CLASS_NAMES, detector.head(0.02, 0.5, 100))
    reference = float_outputs(detector, frames())
    n_there = (reference[..., -1] > 0).sum(axis=1)
    assert n_there.min() > 10
    found = compare(reference, file, frames(), answers)
    assert found["largest_difference"] < 0.01
    assert found["agreement"] == 1

    turned = reference.copy()
    turned[np.arange(3), n_there - 1] += 0.3  # the last proposal is another choice among equals
    turned = turned[:, ::-1].copy()
    assert np.abs(turned - reference).max() > 0.1
    assert compare(turned, file, frames(), answers)["largest_difference"] < 0.01

    wrong = reference.copy()
    wrong[1, 3, 0] += 1
    assert compare(wrong, file, frames(), answers)["largest_difference"] == pytest.approx(1, abs=0.01)
    elsewhere = reference.copy()
    elsewhere[:, ::4, -4:] += 0.5  # of a quarter of the proposals nobody could say that they were chosen among equals
    assert compare(elsewhere, file, frames(), answers)["largest_difference"] > 0.1


@pytest.mark.slow
def test_from_training_to_boxes(tmp_path: Path) -> None:
    changes = {"architecture": NAME, "frame_size": SIZE, "small_size": 64, "warm_up_epochs": 1, "small_epochs": 1}
    params = detection_params(tmp_path, **{f"train__suspect__{key}": value for key, value in changes.items()})
    data = write_detection_folder(tmp_path / "data", {"train": 16, "val": 4, "test": 1})
    task, options = TASKS["suspect"], params.train.of("suspect")
    torch.manual_seed(0)
    network = build_network(NAME, len(CLASS_NAMES), SIZE)
    folder = tmp_path / "checkpoints"
    warmed_up = warm_up(network, NAME, CLASS_NAMES, task, params, data, folder, "warm-up", None)
    assert warmed_up is not None
    history = train_network(network, CLASS_NAMES, task, params, data, folder, "train", epochs=2, learning_rate=0.002)
    losses = [
        warmed_up.history["small_frames"]["epochs"][0]["train_loss"],
        *(one["train_loss"] for one in history["epochs"]),
    ]
    assert losses[-1] < losses[0]
    assert all(np.isfinite(one["val_loss"]) for one in history["epochs"])

    artifact, out = tmp_path / "artifact", tmp_path / "out"
    artifact.mkdir()
    out.mkdir()
    meta = Meta("suspect", NAME, CLASS_NAMES, SIZE, recipe=[])
    save_artifact(artifact, network, meta, {"step": "train", "params": 1, "nonzero": 1, "macs": 1})
    val = load_frames(data, "val", SIZE, CLASS_NAMES)
    gates = Export(opset=13, parity_frames=4, parity_tolerance=1e-3, min_agreement=0.9, tensorrt_check="off")
    told = export_variant(artifact, out, out, val.frames_nhwc, gates, lambda one: head_of(one, options))
    assert told["parity"]["onnxruntime"]["largest_difference_relative"] < 1e-3
    assert sorted(one.name for one in out.iterdir()) == ["head.json", "model.onnx"]

    head = read_head(Path(told["head"]))
    assert 0 < operating_threshold(Path(told["file"]), head, val) <= 1
    outputs = OnnxRuntimeEngine(Path(told["file"]), threads=1).run(normalise(val.frames_nhwc[:1]))
    found = TASKS["suspect"].decode(outputs, head)
    assert len(found.labels) == len(found.boxes_xyxy) > 0
    assert found.boxes_xyxy.min() >= 0
    assert found.boxes_xyxy.max() <= SIZE
