"""Networks of clips on a board: timed frame by frame as on this machine, and checked over a short stream."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgeboard_device import compare, ort

from pipeline.deploy.bundle import make_bundle
from pipeline.deploy.bundled_models import STREAM_FRAMES, stream_of
from pipeline.deploy.results import task_report
from pipeline.deploy.sample_frames import SampleFrames
from pipeline.export.live_file import read_live
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.live_clip import LiveClip
from tests.deploy.clip_exports import CLIP_FRAMES, SIZE, write_clip_exports
from tests.deploy.conftest import STAND_INS

_RNG = np.random.default_rng(0)
CLIPS = SampleFrames(
    tuple(_RNG.standard_normal((1, CLIP_FRAMES, 3, SIZE, SIZE), dtype=np.float32) for _ in range(3)), "3 clips"
)
ONE_CLIP = SampleFrames(CLIPS.inputs[:1], "1 clip")  # every frame on trtexec is a process


@pytest.fixture
def exports(clone: Path) -> dict[str, Any]:
    return write_clip_exports(clone)


@pytest.fixture
def bundle(clone: Path, exports: dict[str, Any], tmp_path: Path) -> Path:
    return _unpacked(clone, exports, tmp_path)


def _unpacked(clone: Path, exports: dict[str, Any], tmp_path: Path) -> Path:
    make_bundle(tmp_path / "movement.tar", clone, exports, "action", ONE_CLIP, data_hash="d")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "movement.tar", "-C", folder], check=True)
    return folder


def _manifest(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "manifest.json").read_text())


def _floats(path: Path) -> np.ndarray:
    return np.fromfile(path, dtype="<f4")


@pytest.mark.parametrize(("engine", "file"), [("onnxruntime", "live.onnx"), ("tensorrt", "live.tensorrt.onnx")])
def test_expected_are_the_decisions_of_a_stream(clone: Path, bundle: Path, engine: str, file: str) -> None:
    manifest = _manifest(bundle)
    assert manifest["frames"]["source"] == "a stream of 4 frames from 1 clip"
    assert np.array_equal(_floats(bundle / "frames" / "002.f32"), ONE_CLIP.inputs[0][0, 2].ravel())
    model = manifest["variants"][1]["models"][engine]
    assert model["file"] == f"models/quantized/{file}"
    folder = clone / "exports" / "movement" / "quantized"
    stream = LiveClip(OnnxRuntimeEngine(folder / file, 1).run_named, read_live(folder / "live.json"))
    for frame, expected in zip(stream_of(ONE_CLIP).inputs, model["expected"], strict=True):
        assert np.array_equal(stream.step(frame).ravel(), _floats(bundle / expected))
    assert model["live"]["frame_interval_s"] == 0.25, "a board's camera must come at that rate"
    clips = manifest["variants"][1]["further"]["clips"][engine]
    assert clips["file"] == f"models/quantized/{file.replace('live', 'model')}"
    assert clips["frames"] == ["clips/000.f32"]
    assert len(clips["expected"]) == 1
    assert (bundle / "decode" / "live_clip.py").is_file()


def test_a_stream_goes_from_clip_to_clip_and_is_short() -> None:
    stream = stream_of(CLIPS)
    assert len(stream.inputs) == STREAM_FRAMES < 3 * CLIP_FRAMES
    assert np.array_equal(stream.inputs[5], CLIPS.inputs[1][:, 1])
    assert stream.source == "a stream of 8 frames from 3 clips"


def test_a_network_without_a_live_form_pays_a_clip_for_every_frame(
    clone: Path, exports: dict[str, Any], tmp_path: Path
) -> None:
    """The others go on being timed on a stream."""
    del exports["variants"]["quantized"]["live"]
    manifest = _manifest(_unpacked(clone, exports, tmp_path))
    assert manifest["frames"]["source"] == "a stream of 4 frames from 1 clip"
    baseline, quantized = manifest["variants"]
    assert baseline["models"]["onnxruntime"]["file"] == "models/baseline/live.onnx"
    assert quantized["models"] == quantized["further"]["clips"]
    assert quantized["models"]["onnxruntime"]["file"] == "models/quantized/model.onnx"
    assert quantized["models"]["onnxruntime"]["frames"] == ["clips/000.f32"]


def test_where_no_network_has_a_live_form_there_is_no_stream(
    clone: Path, exports: dict[str, Any], tmp_path: Path
) -> None:
    for entry in exports["variants"].values():
        del entry["live"]
    manifest = _manifest(_unpacked(clone, exports, tmp_path))
    assert manifest["frames"]["source"] == "1 clip"
    assert [one["models"]["onnxruntime"]["file"] for one in manifest["variants"]] == [
        "models/baseline/model.onnx",
        "models/quantized/model.onnx",
    ]
    assert not any("further" in one for one in manifest["variants"])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "tensorrt"])
def test_a_board_checks_and_times_both_forms(bundle: Path, tmp_path: Path, engine: str) -> None:
    """By real inference, where trtexec is meant through its stand-in, and the caches go through files."""
    tools = tmp_path / "tools"
    shutil.copytree(STAND_INS, tools)
    (tools / "trtexec.version").write_text("8.5.2")
    command = [sys.executable, "run_on_device.py", "run", ".", "--engine", engine]
    done = subprocess.run(
        [*command, "--rounds", "1", "--iterations", "3", "--seconds", "0"], cwd=bundle, capture_output=True, text=True,
        check=False, timeout=300, env={**os.environ, "PATH": f"{tools}:{Path(sys.executable).parent}:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["errors"] == []
    assert [(one["variant"], one.get("form"), one["n"], one["passed"]) for one in result["checks"]] == [
        ("baseline", None, CLIP_FRAMES, True),
        ("quantized", None, CLIP_FRAMES, True),
        ("baseline", "clips", 1, True),
        ("quantized", "clips", 1, True),
    ]
    assert all(one["rms_relative"] < 1e-4 for one in result["checks"])
    assert [one.get("form") for one in result["samples"]] == [None] * 3 + ["clips"] * 3
    if engine == "tensorrt":
        timed = [line for line in (tools / "trtexec.calls").read_text().splitlines() if "--exportTimes" in line]
        assert sum(line.count(".f32") == 3 for line in timed) == 3  # a frame and two caches

    origin = {"experiment": "workspace", "params": {"seed": 0}, "params_hash": "p", "data_hash": "d", "git_commit": "c",
              "git_dirty": False, "versions": {}}  # fmt: skip
    result["request"] = {"origin": {"movement": origin}, "pushed_at": result["started"]}
    for one in result["samples"]:
        one["latency_ms"] = [{None: 4.0, "clips": 20.0}[one.get("form")] / (1 + (one["variant"] == "quantized"))] * 3
    rows = {row["variant"]: row for row in task_report(result, "movement")["rows"]}
    assert (rows["baseline"]["fps"], rows["baseline"]["clips_per_s"]) == (250, 50)
    assert (rows["quantized"]["fps"], rows["quantized"]["clips_per_s"]) == (500, 100)
    assert (rows["quantized"]["speedup"], rows["quantized"]["clips_speedup"]) == (2, 2)
    assert "those of the live form" in rows["baseline"]["note"]
    model = _manifest(bundle)["variants"][1]["further"]["clips"][engine]
    assert rows["quantized"]["model_sha256"] == model["sha256"]

    broken = copy.deepcopy(result)
    broken["errors"] = [
        {"task": "movement", "variant": "quantized", "form": "clips", "step": "time", "words": "killed", "mend": None}
    ]
    row = task_report(broken, "movement")["rows"][1]
    assert row["fps"] == 500
    assert "clips_per_s" not in row
    assert "clips not timed, time failed on the board: killed" in row["warning"]


@pytest.mark.parametrize(
    ("fault", "passed"), [("none", True), ("starts as zeros", False), ("forgets", False), ("answers alone", False)]
)
def test_a_board_that_does_not_remember_the_stream_is_found(bundle: Path, fault: str, passed: bool) -> None:
    manifest = _manifest(bundle)
    model = manifest["variants"][0]["models"]["onnxruntime"]
    frames = [str(bundle / name) for name in manifest["frames"]["files"]]
    expected = [compare.read_floats(str(bundle / name)) for name in model["expected"]]
    if fault == "starts as zeros":
        model["live"]["caches"][0]["starts_as"] = "zeros"
    elif fault == "answers alone":
        model["live"]["clip_frames"] = 1
    session = ort.LiveSession(str(bundle / model["file"]), 1, model)
    answers = session.answers(frames) if fault != "forgets" else [session.answers([frame])[0] for frame in frames]
    assert compare.compare(answers, expected, "fp32", "logits")["passed"] is passed
