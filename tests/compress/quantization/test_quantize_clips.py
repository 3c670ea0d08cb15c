"""int8 of a trained network of clips: it goes on telling the classes apart, for both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.artifact import load_artifact, read_meta, save_artifact
from pipeline.compress.quantization import quantize
from pipeline.compress.quantization.quantized_graph import ENGINES
from pipeline.compress.step import StepContext
from pipeline.data.loading import load_split
from pipeline.training.train import describe, train_network
from tests.clip_folder import CLASS_NAMES, clip_context
from tests.compress.sections import planned
from tests.compress.small_graphs import logits


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> StepContext:
    """A baseline that tells what falls from what rises."""
    context = clip_context(tmp_path_factory.mktemp("clips"))
    network, meta = load_artifact(context.baseline)
    torch.manual_seed(0)
    train_network(
        network, CLASS_NAMES, context.task, context.params, context.data_folder, context.checkpoints, "train",
        epochs=4, learning_rate=0.005,
    )  # fmt: skip
    save_artifact(context.baseline, network, meta, {"step": "train", **describe(network, meta.frame_size)})
    return context


@pytest.mark.slow
@pytest.mark.parametrize("ranges", ["one for all parts of a shift", "its own for each"])
def test_a_temporal_shift_keeps_its_decisions(
    tmp_path: Path, trained: StepContext, monkeypatch: pytest.MonkeyPatch, ranges: str
) -> None:
    if ranges == "its own for each":
        monkeypatch.setattr(quantize, "ranges_through_shifts", lambda _model, calibrated: calibrated)
    quantize.run(trained.baseline, tmp_path, planned("quantize", keep_float="first"), trained)
    meta = read_meta(trained.baseline)
    clips = load_split(trained.data_folder, "train", meta.frame_size, meta.class_names, meta.clip_frames)
    for engine in ENGINES:
        decided = logits(tmp_path / "graphs" / f"{engine}.onnx", clips.frames_nhwc).argmax(1)
        assert set(decided) == {0, 1}, engine
        assert (decided == clips.labels).mean() > 0.9, engine
