"""A network of clips on the board: what the stream decides beside what the clip decides, and how both are timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.benchmark.clips.forms import on_a_stream, on_whole_clips, open_stream
from pipeline.benchmark.clips.judge import ClipJudge
from pipeline.benchmark.rows import ExportedVariant
from pipeline.clip_networks import build_clip_network
from pipeline.data.frames import Frames, normalise
from pipeline.export.live_file import write_live
from pipeline.export.live_onnx import export_live
from pipeline.export.onnx_file import export_onnx
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

T, S, NAMES = 4, 32, ["a", "b", "c"]
_FRAMES = np.random.default_rng(0).integers(0, 255, (6, T, S, S, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def variant(tmp_path_factory: pytest.TempPathFactory) -> ExportedVariant:
    folder = tmp_path_factory.mktemp("clips")
    torch.manual_seed(0)
    network = build_clip_network("tsm_resnet8", 3, T, S, "causal", modality="difference").eval()
    torch.nn.init.normal_(network.cls_head.fc_cls.weight)  # type: ignore[arg-type, union-attr]
    with torch.no_grad():  # so that it decides for each class now and then
        network.cls_head.fc_cls.bias -= network(torch.from_numpy(normalise(_FRAMES))).mean(0)  # type: ignore[union-attr, operator]
    export_onnx(network, S, folder / "model.onnx", 13)
    live = write_live(folder, "live.onnx", export_live(network, S, folder / "live.onnx", 13))
    values: dict[str, Any] = dict.fromkeys(ExportedVariant.__dataclass_fields__)
    values |= {"name": "baseline", "file": folder / "model.onnx", "recipe": [], "precision": "fp32", "live": live}
    return ExportedVariant(**values)


@pytest.fixture(scope="module")
def held_out() -> Frames:
    return Frames(_FRAMES, np.arange(6) % 3, [Path(f"{i}.jpg") for i in range(6)], NAMES)


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
    assert set(told.values()) == {None}
    assert {"live_accuracy", "live_agreement", "live_agreement_running"} <= set(told)


def test_a_stream_that_runs_on_is_told_apart_from_one_that_starts_anew(
    variant: ExportedVariant, held_out: Frames
) -> None:
    rng = np.random.default_rng(3)
    before = [rng.integers(0, 255, (k, S, S, 3), dtype=np.uint8) for k in (T, 0, 1, T, 0, 2)]
    of_clips = OnnxRuntimeEngine(variant.file, 1).run
    judge = ClipJudge(held_out, 1, before)
    logits = np.concatenate([of_clips(normalise(clip)[None]) for clip in held_out.frames_nhwc])
    judge.read(variant, logits)
    told = judge.further(variant, of_clips)

    cold = ClipJudge(held_out, 1)
    cold.read(variant, logits)
    alone = cold.further(variant, of_clips)
    assert all(told[name] == alone[name] for name in ("live_accuracy", "live_agreement"))
    assert alone["live_agreement_running"] is None
    assert alone["live_running_n"] is None

    assert variant.live is not None
    decided = []
    for i in (0, 2, 3, 5):
        stream = open_stream(variant.live, 1)
        for frame in normalise(np.concatenate([before[i], held_out.frames_nhwc[i]])):
            last = stream.step(frame[None])
        decided.append(int(last.argmax()))
    clip_form, labels = logits.argmax(1)[[0, 2, 3, 5]], held_out.labels[[0, 2, 3, 5]]
    assert (decided != clip_form).any(), "what was before changes nothing: the test could not fail"
    assert told["live_running_n"] == 4
    assert told["live_agreement_running"] == (decided == clip_form).mean()
    assert told["live_accuracy_running"] == (decided == labels).mean()
    assert told["live_difference_running"] == pytest.approx((decided == labels).mean() - (clip_form == labels).mean())
    assert told["live_difference_running_low"] < told["live_difference_running"] < told["live_difference_running_high"]


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


def test_without_a_live_form_every_frame_of_a_stream_costs_a_clip(variant: ExportedVariant, held_out: Frames) -> None:
    """Beside variants with one, in the same turns."""
    without = ExportedVariant(**{**vars(variant), "live": None})
    judge = ClipJudge(held_out, threads=1)
    form = on_a_stream(list(held_out.frames_nhwc), S, 1, judge.decoder)
    network = form.open_network(without)
    answers = [network(form.preprocess(picture)) for picture in form.pictures]
    whole = OnnxRuntimeEngine(variant.file, 1).run
    for last in (T - 1, 2 * T + 1):
        seen = np.stack([form.preprocess(one)[0] for one in form.pictures[last - T + 1 : last + 1]])
        assert answers[last] == pytest.approx(whole(seen[None]), abs=1e-5), last
    still = np.repeat(form.preprocess(form.pictures[0]), T, axis=0)
    assert answers[0] == pytest.approx(whole(still[None]), abs=1e-5), "nothing had moved before"
