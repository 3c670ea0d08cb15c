"""Fewer bits per number: int8 after training (static, dynamic), int8 trained for (qat), or float16.

static, qat: weights and activations in int8, with ranges from calibration frames (Jacob et al., CVPR 2018,
arXiv:1712.05877), in one graph per engine. dynamic: int8 weights, ranges of activations taken anew from every frame.
fp16: half_precision. The parts are in the modules beside this one.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.answers import Answers, answers_of
from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.clip_networks.live import has_live_form
from pipeline.compress.quantization.bias_correction import bias_shifts
from pipeline.compress.quantization.calibration import calibrate, calibration_frames
from pipeline.compress.quantization.fake_quantize import fake_quantized
from pipeline.compress.quantization.graph_layers import layers_of, named_layers
from pipeline.compress.quantization.graph_weights import zero_weights
from pipeline.compress.quantization.half_precision import write_half
from pipeline.compress.quantization.live_graph import live_graph, ranges_through_shifts
from pipeline.compress.quantization.quantized_graph import ENGINES, CalibratedGraph, prepare, write_dynamic
from pipeline.compress.quantization.sensitivity import Judge, keep_within_budget, sensitivity
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import PlannedStep, Quantize
from pipeline.data.loading import load_split
from pipeline.errors import EdgeboardError
from pipeline.export.live_file import LIVE_FOLDER, write_live
from pipeline.export.onnx_file import export_onnx
from pipeline.files import read_json, sha256_file
from pipeline.training.fit import Extras
from pipeline.training.kinds import head_of
from pipeline.training.train import train_network


@dataclass(frozen=True)
class _Work:
    """exported: the float network as ONNX; prepared: the same as the quantizer wants it; out: folder of the graphs.

    live: folder of the graphs of the live form, where the network has one.
    """

    network: nn.Module
    live: Path
    exported: Path
    prepared: Path
    model: onnx.ModelProto
    out: Path
    calibration: NDArray[np.uint8]
    options: Quantize
    meta: Meta
    context: StepContext
    answers: Answers


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Quantize the float network in `source` into one graph per engine.

    qat also keeps the float weights that it trained, in weights.safetensors.
    """
    options: Quantize = step.options
    network, meta = load_artifact(source)
    _require_finite_weights(network, source)
    parent = read_json(source / "report.json")
    train_frames = load_split(context.data_folder, "train", meta.frame_size, meta.class_names, meta.clip_frames)
    calibration = calibration_frames(train_frames, options.calibration_frames, context.params.seed)
    report: dict[str, Any] = {"step": "quantize", "options": options.model_dump()}
    (destination / "graphs").mkdir()
    with tempfile.TemporaryDirectory(prefix="edgeboard-") as folder:
        exported, prepared = Path(folder, "float.onnx"), Path(folder, "prepared.onnx")
        export_onnx(network, meta.frame_size, exported, context.params.export.opset)
        model = prepare(exported, prepared)
        if options.method == "qat":
            _layers_kept(model, options)  # a wrong name is told before the training, not after it
            report["training"] = _train(network, source, step, meta, context)
            export_onnx(network, meta.frame_size, exported, context.params.export.opset)
            model = prepare(exported, prepared)
        head = head_of(network, context.params.train.of(context.task.name))
        answers = answers_of(meta.class_names, head)
        out, live = destination / "graphs", destination / LIVE_FOLDER
        work = _Work(network, live, exported, prepared, model, out, calibration, options, meta, context, answers)
        report |= _WRITERS.get(options.method, _write_static)(work)
    graphs = {path.stem: f"graphs/{path.name}" for path in sorted((destination / "graphs").iterdir())}
    n_zero = zero_weights(onnx.load(destination / graphs["onnxruntime"]), network)
    report |= {"params": parent["params"], "macs": parent["macs"], "nonzero": parent["params"] - n_zero}
    precision = "fp16" if options.method == "fp16" else "int8"
    new_meta = meta_after(meta, step, graphs=graphs, precision=precision)
    save_artifact(destination, network if options.method == "qat" else None, new_meta, report)


def _train(network: nn.Module, source: Path, step: PlannedStep, meta: Meta, context: StepContext) -> dict[str, Any]:
    options: Quantize = step.options
    torch.manual_seed(context.params.seed)
    with fake_quantized(network):
        return train_network(
            network,
            meta.class_names,
            context.task,
            context.params,
            context.data_folder,
            context.checkpoints,
            f"quantize {context.task.name} ({'+'.join([*meta.recipe, step.label])}), quantization-aware training",
            epochs=options.epochs,
            learning_rate=options.learning_rate,
            depends_on=[sha256_file(source / "weights.safetensors"), "qat"],
            extras=Extras(keep_zeros=meta.sparse),
        )


def _layers_kept(model: onnx.ModelProto, options: Quantize) -> list[str]:
    """The layers that are float by name, or by their place."""
    layers = layers_of(model)
    if options.keep_float == "first":
        return list(layers)[:1]
    return [] if isinstance(options.keep_float, str) else named_layers(layers, options.keep_float)


def _write_static(work: _Work) -> dict[str, Any]:
    options, kept = work.options, _layers_kept(work.model, work.options)
    ranges = calibrate(work.prepared, work.calibration, options.calibration)
    graph = CalibratedGraph(work.model, ranges_through_shifts(work.model, ranges))
    found: dict[str, Any] = {"calibration_frames_used": len(work.calibration)}
    if options.bias_correction:
        graph, found["bias_correction"] = _corrected(graph, work)
    if options.sensitivity or options.keep_float == "auto":
        meta = work.meta
        frames = load_split(work.context.data_folder, "val", meta.frame_size, meta.class_names, meta.clip_frames)
        judge = Judge(work.prepared, frames, work.answers, work.context.params.seed)
        found["sensitivity"] = sensitivity(graph, judge)
        if options.keep_float == "auto":
            order = [row["layer"] for row in found["sensitivity"]]
            kept, found["keep_float_search"] = keep_within_budget(graph, judge, order, options.accuracy_budget)
    for engine in ENGINES:
        graph.write(work.out / f"{engine}.onnx", engine, keep_float=kept)
    if has_live_form(work.network):
        _write_live(graph, work, kept)
    return {**found, "kept_float": kept}


def _write_live(graph: CalibratedGraph, work: _Work, kept: list[str]) -> None:
    work.live.mkdir()
    of_stream, description = live_graph(work.network, work.meta.frame_size, work.context.params.export.opset, graph)
    for engine in ENGINES:
        of_stream.write(work.live / f"{engine}.onnx", engine, keep_float=kept)
    write_live(work.live, "", description)


def _corrected(graph: CalibratedGraph, work: _Work) -> tuple[CalibratedGraph, dict[str, float]]:
    """The graph with shifted biases, and the largest shift of each layer."""
    with tempfile.TemporaryDirectory(prefix="edgeboard-") as folder:
        path = Path(folder, "int8.onnx")
        graph.write(path, "onnxruntime")
        shifts = bias_shifts(graph.model, onnx.load(path), work.calibration)
    return replace(graph, bias_shifts=shifts), {name: float(np.abs(shift).max()) for name, shift in shifts.items()}


def _write_dynamic(work: _Work) -> dict[str, Any]:
    layers_of(work.model)
    write_dynamic(work.prepared, work.out / "onnxruntime.onnx")
    return {"calibration_frames_used": 0}


def _write_half(work: _Work) -> dict[str, Any]:
    ranges = calibrate(work.prepared, work.calibration, "minmax")
    files = [work.out / f"{engine}.onnx" for engine in ENGINES]
    largest = write_half(work.exported, ranges, files[0])
    for file in files[1:]:
        file.write_bytes(files[0].read_bytes())
    return {"calibration_frames_used": len(work.calibration), **largest}


_WRITERS = {"dynamic": _write_dynamic, "fp16": _write_half}


def _require_finite_weights(network: nn.Module, source: Path) -> None:
    for name, tensor in network.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise EdgeboardError(
                "A weight of the network is not a finite number",
                where=f"{source}/weights.safetensors, {name}",
                value=f"{int((~torch.isfinite(tensor)).sum())} of {tensor.numel()} numbers",
                mend="train again with a lower learning rate, or with train.precision: 32-true",
            )
