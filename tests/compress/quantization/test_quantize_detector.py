"""int8 of a detector: class logits and box numbers, which are joined in one tensor, do not share a scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.artifact import read_meta
from pipeline.compress.quantization.graph_layers import tail_of
from pipeline.compress.quantization.quantize import run
from pipeline.compress.step import StepContext
from pipeline.data.frames import load_frames, normalise
from pipeline.detectors import Detector
from pipeline.export import tensorrt_check
from pipeline.export.parity import float_outputs
from pipeline.files import read_json
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from tests.compress.sections import planned
from tests.detection_folder import CLASS_NAMES, SIZE, detection_context, new_detector, save_detector

ENGINES = ("onnxruntime", "tensorrt")
OPTIONS = {"calibration_frames": 8, "calibration": "minmax", "keep_float": "none", "sensitivity": False}


class Workplace:
    def __init__(self, folder: Path) -> None:
        self.context: StepContext = detection_context(folder)
        self.network: Detector = new_detector(seed=2)
        self.source = save_detector(folder / "source", self.network)
        self.folder = folder

    def quantize(self, method: str) -> Path:
        made = self.folder / method
        if not made.is_dir():
            made.mkdir()
            run(self.source, made, planned("quantize", **OPTIONS, method=method, epochs=1), self.context)
        return made

    def frames(self) -> np.ndarray:
        return load_frames(self.context.data_folder, "train", SIZE, CLASS_NAMES).frames_nhwc


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("work"))


def outputs(file: Path, frames_nhwc: np.ndarray) -> np.ndarray:
    engine = OnnxRuntimeEngine(file, threads=1)
    return np.concatenate([engine.run(normalise(frame[None])) for frame in frames_nhwc])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_joins_the_heads_is_float(workplace: Workplace, engine: str) -> None:
    """Behind a Concat with a scale, every one of the heads before it has that scale."""
    model = onnx.load(workplace.quantize("static") / "graphs" / f"{engine}.onnx")
    producers = {name: node for node in model.graph.node for name in node.output}
    joins = [node for node in model.graph.node if node.op_type == "Concat"]
    assert len(joins) == 3, "the levels of the classes, those of the boxes, and both"
    consumers = [node.op_type for node in model.graph.node if set(node.input) & {n.output[0] for n in joins}]
    assert consumers == ["Reshape", "Reshape"], "on the way to the last one, with no Q/DQ between them"

    # From each join back to its layer: at most one pair of Q/DQ, the layer's own.
    ends: set[str] = set()
    front = [name for node in joins for name in node.input]
    while front:
        node = producers.get(front.pop())
        if node is None or node.op_type == "Concat":
            continue
        if node.op_type in ("Conv", "DequantizeLinear"):
            ends.add(node.name)
        else:
            front += list(node.input)
    assert len(ends) == 12, "six levels, each with classes and boxes"
    (output,) = model.graph.output
    assert output.type.tensor_type.elem_type == TensorProto.FLOAT
    assert output.name == "heads"


@pytest.mark.parametrize("engine", ENGINES)
def test_most_of_the_network_is_int8(workplace: Workplace, engine: str) -> None:
    model = onnx.load(workplace.quantize("static") / "graphs" / f"{engine}.onnx")
    producers = {name: node.op_type for node in model.graph.node for name in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    int8 = [node for node in convolutions if producers.get(node.input[1]) == "DequantizeLinear"]
    assert len(convolutions) > 60
    assert len(int8) == len(convolutions)
    if engine == "onnxruntime":  # TensorRT quantizes the float weights of the file itself
        float_bytes = sum(4 * tensor.numel() for tensor in workplace.network.parameters())
        assert (workplace.quantize("static") / "graphs" / f"{engine}.onnx").stat().st_size < 0.45 * float_bytes


@pytest.mark.parametrize("engine", ENGINES)
def test_logits_and_boxes_keep_their_own_precision(workplace: Workplace, engine: str) -> None:
    """The errors are those of 70 layers with random weights; of boxes they are no larger than of classes."""
    frames = workplace.frames()
    exact = float_outputs(workplace.network, frames)
    found = outputs(workplace.quantize("static") / "graphs" / f"{engine}.onnx", frames)
    assert found.shape == exact.shape
    for part in (slice(0, workplace.network.n_logits), slice(workplace.network.n_logits, None)):
        mine, true = found[..., part], exact[..., part]
        error = np.abs(mine - true).mean() / true.std()
        assert error < 0.6, part
        assert np.corrcoef(mine.ravel(), true.ravel())[0, 1] > 0.8, part


def test_heads_of_very_different_ranges_survive(workplace: Workplace, tmp_path: Path) -> None:
    """Logits a thousand times as large as the box numbers: a common scale of 8 bits would round all boxes to 0."""
    network = new_detector(seed=2)
    for branch in network.model.head.classification_head.module_list:
        layer = [module for module in branch.modules() if hasattr(module, "out_channels")][-1]
        layer.weight.data *= 1000
    source = save_detector(tmp_path / "source", network)
    made = tmp_path / "made"
    made.mkdir()
    run(source, made, planned("quantize", **OPTIONS, method="static"), workplace.context)
    frames = workplace.frames()
    exact = float_outputs(network, frames)
    n_logits = network.n_logits
    boxes, logits = exact[..., n_logits:], exact[..., :n_logits]
    assert np.abs(boxes).max() < np.abs(logits).max() / 255, "smaller than a step of the logits"
    for engine in ENGINES:
        found = outputs(made / "graphs" / f"{engine}.onnx", frames)[..., n_logits:]
        assert len(np.unique(found)) > 100, f"{engine}: a common scale leaves two or three values"
        assert np.corrcoef(found.ravel(), boxes.ravel())[0, 1] > 0.8, engine


@pytest.mark.parametrize("method", ["dynamic", "fp16"])
def test_the_other_methods_answer_like_the_float_network(workplace: Workplace, method: str) -> None:
    frames = workplace.frames()[:4]
    exact = float_outputs(workplace.network, frames)
    found = outputs(workplace.quantize(method) / "graphs" / "onnxruntime.onnx", frames)
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > (0.999 if method == "fp16" else 0.9)
    assert read_meta(workplace.quantize(method)).task == "suspect"


@pytest.mark.slow
def test_training_through_quantization_works_on_boxes(workplace: Workplace) -> None:
    made = workplace.quantize("qat")
    assert len(read_json(made / "report.json")["training"]["epochs"]) == 1
    assert np.isfinite(outputs(made / "graphs" / "onnxruntime.onnx", workplace.frames()[:2])).all()


@pytest.mark.slow
@pytest.mark.skipif(not tensorrt_check.is_available(), reason="tensorrt-rtx has no wheel for this platform")
def test_the_parser_and_builder_of_tensorrt_accept_the_file(workplace: Workplace) -> None:
    verdict = tensorrt_check.check(workplace.quantize("static") / "graphs" / "tensorrt.onnx")
    assert verdict["accepted"], verdict["words"]


def graph(nodes: list[tuple[str, str, list[str], str]]) -> onnx.ModelProto:
    """nodes: operator, name, inputs, output; `w...` are constants."""
    constants = sorted({name for _, _, inputs, _ in nodes for name in inputs if name.startswith("w")})
    made = helper.make_graph(
        [helper.make_node(op, inputs, [output], name=name) for op, name, inputs, output in nodes],
        "by hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(nodes[-1][3], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((2, 2), dtype=np.float32), name) for name in constants],
    )
    return helper.make_model(made)


@pytest.mark.parametrize(
    ("nodes", "tail"),
    [
        # A classifier ends with its layer.
        ([("Conv", "a", ["x", "w1"], "h"), ("Relu", "r", ["h"], "g"), ("Gemm", "b", ["g", "w2"], "y")], []),
        ([("Gemm", "a", ["x", "w1"], "h"), ("Softmax", "s", ["h"], "y")], ["s"]),
        # Two heads side by side, rearranged and joined.
        (
            [
                ("Conv", "stem", ["x", "w0"], "f"),
                ("Relu", "between", ["f"], "g"),
                ("Conv", "logits", ["g", "w1"], "l"),
                ("Transpose", "t1", ["l"], "l2"),
                ("Conv", "boxes", ["g", "w2"], "b"),
                ("Transpose", "t2", ["b"], "b2"),
                ("Concat", "join", ["l2", "b2"], "y"),
            ],
            ["t1", "t2", "join"],
        ),
        # What one head alone has behind it, and what leads to another layer as well.
        (
            [
                ("Conv", "one", ["x", "w1"], "a"),
                ("Relu", "shared", ["a"], "s"),
                ("Conv", "two", ["s", "w2"], "b"),
                ("Concat", "join", ["s", "b"], "y"),
            ],
            ["join"],
        ),
        # A product of two computed tensors is no layer.
        ([("Conv", "a", ["x", "w1"], "h"), ("MatMul", "m", ["h", "h"], "y")], ["m"]),
        # Without any layer all is tail.
        ([("Relu", "r", ["x"], "y")], ["r"]),
    ],
)
def test_the_tail_is_what_no_layer_comes_after(nodes: list[tuple[str, str, list[str], str]], tail: list[str]) -> None:
    assert tail_of(graph(nodes)) == tail
