"""The live form: one frame at a time, and the same answers as the clip form."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from pipeline.clip_networks import build_clip_network
from pipeline.clip_networks.live import live_form
from pipeline.clip_networks.temporal_shift import shifts_of
from pipeline.compress.pruning.prune import prune_to_ratio
from pipeline.compress.quantization.calibration import QUANTIZABLE
from pipeline.compress.quantization.live_graph import live_graph, ranges_through_shifts
from pipeline.compress.quantization.quantized_graph import ENGINES, CalibratedGraph, prepare
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.export.live_onnx import export_live
from pipeline.export.onnx_file import export_onnx
from pipeline.tasks import live_clip
from pipeline.tasks.live_clip import LiveClip, run_live
from tests.clip_networks.settled import settled
from tests.compress.sections import planned

T, S, N_CLASSES = 4, 32, 3


def network(name: str, shift: str = "causal", modality: str = "rgb") -> nn.Module:
    torch.manual_seed(0)
    clips = torch.from_numpy(np.stack([clip(seed) for seed in range(4)]))
    return settled(build_clip_network(name, N_CLASSES, T, S, shift, modality=modality), clips)  # type: ignore[arg-type]


def pruned(name: str) -> nn.Module:
    options = planned("prune", structure="block", criterion="l2").options
    return prune_to_ratio(network(name), S, 0.6, options)[0]


def clip(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((T, 3, S, S)).astype(np.float32)


def open_file(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: network("tsm_resnet8"), id="resnet8"),
        pytest.param(lambda: network("tsm_mobilenet_v2"), id="mobilenet"),
        pytest.param(lambda: network("tsn_mobilenet_v2"), id="without a shift"),
        pytest.param(lambda: pruned("tsm_resnet8"), id="pruned"),
        pytest.param(lambda: network("tsm_resnet8", modality="difference"), id="differences"),
    ],
)
def test_the_mean_over_the_frames_of_a_clip_is_the_answer_to_the_clip(made, tmp_path: Path) -> None:
    of_clips = made()
    live = live_form(of_clips, S)
    caches = [torch.zeros(shape) for shape in live.cache_shapes]
    n_shifts = sum(shift.n_past > 0 for shift in shifts_of(of_clips).values())
    assert len(caches) == n_shifts + sum(live.starts_as_frame)
    caches = [
        torch.from_numpy(clip()[None, 0]) if as_frame else zeros
        for zeros, as_frame in zip(caches, live.starts_as_frame, strict=True)
    ]
    logits = []
    with torch.no_grad():
        expected = of_clips(torch.from_numpy(clip()[None]))
        for frame in torch.from_numpy(clip()):
            one, *caches = live(frame[None], *caches)
            logits.append(one)
    scale = expected.abs().max()
    assert (torch.stack(logits).mean(0) - expected).abs().max() < 1e-4 * scale

    description = export_live(of_clips, S, tmp_path / "live.onnx", opset=13)
    answers = list(run_live(open_file(tmp_path / "live.onnx"), [frame[None] for frame in clip()], description))
    assert np.abs(answers[-1] - expected.numpy()).max() < 1e-4 * scale
    largest = logits[0].abs().max()
    assert np.abs(answers[0] - logits[0].numpy()).max() < 1e-4 * largest, "the first frame has only itself"


def test_the_file_is_static_and_names_what_it_hands_on(tmp_path: Path) -> None:
    made = network("tsm_resnet8")
    description = export_live(made, S, tmp_path / "live.onnx", opset=13)
    export_onnx(made, S, tmp_path / "clip.onnx", opset=13)
    model = onnx.load(tmp_path / "live.onnx")
    inputs, outputs = (
        {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
        for values in (model.graph.input, model.graph.output)
    )
    assert inputs.pop("frames") == [1, 3, S, S]
    assert outputs.pop("logits") == [1, N_CLASSES]
    assert description["clip_frames"] == T
    assert inputs == {cache["input"]: cache["shape"] for cache in description["caches"]}
    assert outputs == {cache["output"]: cache["shape"] for cache in description["caches"]}
    assert [cache["shape"] for cache in description["caches"]] == [[1, 3, 8, 8], [1, 6, 4, 4], [1, 14, 2, 2]]
    assert (model.opset_import[0].version, model.ir_version) == (13, 7)
    layers = [
        {n.name for n in m.graph.node if n.op_type in ("Conv", "Gemm")}
        for m in (model, onnx.load(tmp_path / "clip.onnx"))
    ]
    assert layers[0] == layers[1], "a layer that is named to stay float is meant in both"


def test_a_stream_is_judged_by_its_last_frames_until_it_is_forgotten() -> None:
    said = iter([1.0, 2.0, 3.0, 4.0, 5.0, 8.0])
    seen: list[dict[str, np.ndarray]] = []

    def run(feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        seen.append(feeds)
        value = np.float32(next(said))
        return [np.full((1, 2), value), np.full((1, 1, 2, 2), 10 * value)]

    caches = [{"input": "cache_0", "output": "new_cache_0", "shape": [1, 1, 2, 2]}]
    stream = LiveClip(run, {"clip_frames": 3, "caches": caches})
    frame = np.zeros((1, 3, 4, 4), np.float32)
    assert [float(stream.step(frame)[0, 0]) for _ in range(5)] == [1, 1.5, 2, 3, 4]
    stream.reset()
    assert stream.step(frame).tolist() == [[8, 8]]
    assert [float(feeds["cache_0"].max()) for feeds in seen] == [0, 10, 20, 30, 40, 0]


def rounded(path: Path) -> set[str]:
    """The nodes that read rounded activations or weights."""
    nodes = onnx.load(path).graph.node
    dequantized = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    return {node.name for node in nodes if dequantized.intersection(node.input)}


def calibrated(made: nn.Module, folder: Path) -> CalibratedGraph:
    """With a range for every tensor of its own, as the calibrator gives them. The float file is clip.onnx."""
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator

    torch.nn.init.normal_(made.cls_head.fc_cls.weight)  # type: ignore[union-attr, arg-type]
    export_onnx(made, S, folder / "clip.onnx", opset=13)
    model = prepare(folder / "clip.onnx", folder / "prepared.onnx")
    calibrator = create_calibrator(
        folder / "prepared.onnx",
        QUANTIZABLE,
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=CalibrationMethod.MinMax,
    )
    feeds = iter([{"frames": clip(seed)[None]} for seed in range(4)])
    calibrator.collect_data(type("Reader", (), {"get_next": lambda _self: next(feeds, None)})())
    return CalibratedGraph(model, calibrator.compute_data())


@pytest.mark.parametrize("is_first_float", [True, False])
@pytest.mark.parametrize("modality", ["difference", "rgb"])
def test_a_quantized_network_lives_on_with_the_same_scales(tmp_path: Path, modality: str, is_first_float: bool) -> None:
    made = network("tsm_resnet8", modality=modality)
    graph = calibrated(made, tmp_path)
    of_clips = replace(graph, ranges=ranges_through_shifts(graph.model, graph.ranges))
    of_stream, description = live_graph(made, S, 13, of_clips)
    first = "/backbone/stem/stem.0/Conv"
    kept = [first] if is_first_float else []
    unseen = clip(9)
    float_logits = open_file(tmp_path / "clip.onnx").run(None, {"frames": unseen[None]})[0]
    scale = np.abs(float_logits).max()
    for engine in ENGINES:
        of_clips.write(tmp_path / f"clip-{engine}.onnx", engine, keep_float=kept)
        of_stream.write(tmp_path / f"live-{engine}.onnx", engine, keep_float=kept)
        for form in ("clip", "live"):
            nodes = rounded(tmp_path / f"{form}-{engine}.onnx")
            assert not any(name.startswith("/entrance/") for name in nodes), (form, engine)
            assert (first in nodes) != is_first_float, (form, engine)
        logits = open_file(tmp_path / f"clip-{engine}.onnx").run(None, {"frames": unseen[None]})[0]
        *_, last = run_live(open_file(tmp_path / f"live-{engine}.onnx"), [f[None] for f in unseen], description)
        assert np.abs(last - logits).max() < 1e-3 * scale, engine
        assert 0 < np.abs(logits - float_logits).max() < 0.2 * scale, engine
        if engine == "tensorrt" and tensorrt_check.is_available():
            assert tensorrt_check.check(tmp_path / "live-tensorrt.onnx")["accepted"]


def test_both_forms_are_alike_because_a_shift_has_one_scale(tmp_path: Path) -> None:
    """Scales of their own for the parts of a shift cost the clip form no more, but it says something else then."""
    made = network("tsm_resnet8")
    own = calibrated(made, tmp_path)
    shared = replace(own, ranges=ranges_through_shifts(own.model, own.ranges))
    of_stream, description = live_graph(made, S, 13, shared)
    of_stream.write(tmp_path / "live.onnx", "onnxruntime")
    live, unseen = open_file(tmp_path / "live.onnx"), [clip(seed) for seed in range(20, 26)]
    streamed = np.concatenate([[*run_live(live, [f[None] for f in one], description)][-1] for one in unseen])

    def whole(file: str) -> np.ndarray:
        session = open_file(tmp_path / file)
        return np.concatenate([session.run(None, {"frames": one[None]})[0] for one in unseen])

    exact = whole("clip.onnx")
    away, error = {}, {}
    for name, graph in (("shared", shared), ("own", own)):
        graph.write(tmp_path / f"{name}.onnx", "onnxruntime")
        logits = whole(f"{name}.onnx")
        away[name], error[name] = (np.abs(logits - other).max() / np.abs(exact).max() for other in (streamed, exact))
    assert away["shared"] < 1e-6
    assert away["own"] > 5e-3
    assert error["own"] == pytest.approx(error["shared"], rel=0.2)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: network("tsm_resnet8", "both"), "shift: causal"),
        pytest.param(lambda: network("i3d_resnet50"), "tsm_*", marks=pytest.mark.slow),
    ],
)
def test_where_a_frame_needs_the_next_one_there_is_no_live_form(made, said: str) -> None:
    with pytest.raises(EdgeboardError) as caught:
        live_form(made(), S)
    assert said in str(caught.value)


def test_the_network_itself_stays_a_network_of_clips() -> None:
    made = network("tsm_resnet8")
    with torch.no_grad():
        before = made(torch.from_numpy(clip()[None]))
        live_form(made, S)
        assert torch.equal(made(torch.from_numpy(clip()[None])), before)


def test_the_file_that_goes_to_boards_needs_numpy_alone_and_python_3_6() -> None:
    tree = ast.parse(inspect.getsource(live_clip), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"numpy", "typing", "collections"}
