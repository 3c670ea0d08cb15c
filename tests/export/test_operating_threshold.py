"""The threshold that ships with a detector: chosen on real answers of its exported file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.data.frames import Frames
from pipeline.export.operating_threshold import operating_threshold
from pipeline.metrics.operating_threshold import DEFAULT_THRESHOLD

SIZE = 8
ANCHORS = np.array([[0, 0, 4, 4], [4, 4, 8, 8]], dtype=np.float32)
HEAD = {
    "activation": "sigmoid", "n_classes": 1, "box_coding": "deltas", "box_weights": [1.0] * 4, "centerness": False,
    "anchors_xyxy": ANCHORS, "frame_size": SIZE, "score_threshold": 0.02, "nms_iou": 0.5, "max_detections": 10,
}  # fmt: skip


def write_bright_detector(path: Path) -> Path:
    """A detector that sees an object in each of two corners, the more certainly the brighter the corner is."""
    weights = np.zeros((3 * SIZE * SIZE, 10), dtype=np.float32)
    for place, (xmin, ymin, xmax, ymax) in enumerate(ANCHORS.astype(int)):
        corner = np.zeros((3, SIZE, SIZE), dtype=np.float32)
        corner[:, ymin:ymax, xmin:xmax] = 2 / (3 * 16)
        weights[:, 5 * place] = corner.ravel()
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["frames"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["numbers"]),
            helper.make_node("Reshape", ["numbers", "shape"], ["heads"]),
        ],
        "bright",
        [helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("heads", TensorProto.FLOAT, [1, 2, 5])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array([1, 2, 5]), "shape")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    return path


def frames(*corners: tuple[int, int], true: list[list[int]]) -> Frames:
    """One frame for each pair of brightnesses 0..255 of its corners; true: the corners with an object, by frame."""
    images = np.zeros((len(corners), SIZE, SIZE, 3), dtype=np.uint8)
    for image, brightness in zip(images, corners, strict=True):
        image[:4, :4], image[4:, 4:] = brightness
    objects = [np.array([[0, *ANCHORS[corner]] for corner in found], dtype=np.float32).reshape(-1, 5) for found in true]
    n = len(corners)
    return Frames(images, np.zeros(n, dtype=np.int64), [Path(f"{i}.jpg") for i in range(n)], ["thing"], objects)


def score_of(brightness: int) -> float:
    """Of a corner of this brightness."""
    means, spreads = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return float(1 / (1 + np.exp(-2 * ((brightness / 255 - means) / spreads).mean())))


@pytest.mark.parametrize(
    ("corners", "true", "brightness"),
    [
        # Bright corners are objects and dim ones are not: what separates them is the dimmest object.
        ([(200, 90), (180, 80)], [[0], [0]], 180),
        # A bright false alarm costs less than the object behind it.
        ([(200, 220), (180, 80)], [[0], [0]], 180),
        # An object that is dimmer than many false alarms is given up.
        ([(200, 90), (100, 95), (60, 98)], [[0], [], [0]], 200),
    ],
)
def test_the_threshold_of_the_best_f1(
    tmp_path: Path, corners: list[tuple[int, int]], true: list[list[int]], brightness: int
) -> None:
    model = write_bright_detector(tmp_path / "model.onnx")
    found = operating_threshold(model, HEAD, frames(*corners, true=true))
    assert found == pytest.approx(score_of(brightness), abs=1e-5)


def test_without_objects_or_hits_it_is_the_default(tmp_path: Path) -> None:
    model = write_bright_detector(tmp_path / "model.onnx")
    assert operating_threshold(model, HEAD, frames((200, 200), true=[[]])) == DEFAULT_THRESHOLD
    assert operating_threshold(model, HEAD, frames(true=[])) == DEFAULT_THRESHOLD
    blind = {**HEAD, "score_threshold": 0.999}
    assert operating_threshold(model, blind, frames((200, 90), true=[[0]])) == DEFAULT_THRESHOLD


def test_it_reads_from_the_file_what_the_board_will_read(tmp_path: Path) -> None:
    """Boxes in the coordinates of the head's frame: shifted true boxes are met by none."""
    model = write_bright_detector(tmp_path / "model.onnx")
    shifted = frames((200, 90), true=[[0]])
    assert shifted.objects is not None
    shifted.objects[0][:, 1:] += 3
    assert operating_threshold(model, HEAD, shifted) == DEFAULT_THRESHOLD
