"""A network of clips on the board: what the stream decides beside what the clip decides, and how both are timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.benchmark.clips.forms import on_a_stream, on_whole_clips
from pipeline.benchmark.clips.judge import ClipJudge
from pipeline.benchmark.rows import ExportedVariant
from pipeline.clip_networks import build_clip_network
from pipeline.data.frames import Frames
from pipeline.export.live_file import write_live
from pipeline.export.live_onnx import export_live
from pipeline.export.onnx_file import export_onnx
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

T, S, NAMES = 4, 32, ["a", "b", "c"]


@pytest.fixture(scope="module")
def variant(tmp_path_factory: pytest.TempPathFactory) -> ExportedVariant:
    folder = tmp_path_factory.mktemp("clips")
    torch.manual_seed(0)
    network = build_clip_network("tsm_resnet8", 3, T, S, "causal", modality="difference").eval()
    torch.nn.init.normal_(network.cls_head.fc_cls.weight)  # type: ignore[arg-type, union-attr]
    export_onnx(network, S, folder / "model.onnx", 13)
    live = write_live(folder, "live.onnx", export_live(network, S, folder / "live.onnx", 13))
    values: dict[str, Any] = dict.fromkeys(ExportedVariant.__dataclass_fields__)
    values |= {"name": "baseline", "file": folder / "model.onnx", "recipe": [], "precision": "fp32", "live": live}
    return ExportedVariant(**values)


@pytest.fixture(scope="module")
def held_out() -> Frames:
    frames = np.random.default_rng(0).integers(0, 255, (6, T, S, S, 3), dtype=np.uint8)
    return Frames(frames, np.arange(6) % 3, [Path(f"{i}.jpg") for i in range(6)], NAMES)


def test_the_stream_is_judged_by_its_own_decisions(variant: ExportedVariant, held_out: Frames) -> None:
    judge = ClipJudge(held_out, threads=1)
    engine = OnnxRuntimeEngine(variant.file, 1)
    form = on_whole_clips(list(held_out.frames_nhwc), S, 1, judge.decoder)
    logits = np.concatenate([engine.run(form.preprocess(clip)) for clip in held_out.frames_nhwc])
    judge.read(variant, logits)
    told = judge.further(variant, engine.run)
    assert told["live_agreement"] == 1
    assert told["live_accuracy"] == pytest.approx((logits.argmax(1) == held_out.labels).mean())
    judge.read(variant, -logits)
    assert judge.further(variant, engine.run)["live_agreement"] < 1


def test_without_a_live_form_nothing_is_told_of_it(variant: ExportedVariant, held_out: Frames) -> None:
    without = ExportedVariant(**{**vars(variant), "live": None})
    told = ClipJudge(held_out, threads=1).further(without, lambda outputs: outputs)
    assert told == {"live_accuracy": None, "live_agreement": None}


def test_a_stream_takes_frames_and_remembers_them(variant: ExportedVariant, held_out: Frames) -> None:
    judge = ClipJudge(held_out, threads=1)
    form = on_a_stream(list(held_out.frames_nhwc), S, 1, judge.decoder)
    assert len(form.pictures) == 6 * T
    network = form.open_network(variant)
    first, second = (network(form.preprocess(form.pictures[0])) for _ in range(2))
    assert first.shape == (1, 3)
    assert np.array_equal(first, form.open_network(variant)(form.preprocess(form.pictures[0]))), "opened anew"
    third = network(form.preprocess(form.pictures[1]))
    assert not np.allclose(third, second), "what changed since the frame before decides"
    name, probability = form.decoder(variant)(third)
    assert name in NAMES
    assert 0 < probability <= 1
