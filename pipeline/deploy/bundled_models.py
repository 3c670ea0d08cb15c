"""The files of one variant in a bundle: what each engine runs, and what this machine's ONNX Runtime answers.

A network of clips goes in two forms, as it is measured here (see `pipeline.benchmark.clips.forms`): the live one, which
takes a frame of a stream and hands on caches, gives the board's FPS; the one of whole clips gives clips a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.deploy.contents import Contents
from pipeline.deploy.sample_frames import SampleFrames
from pipeline.errors import EdgeboardError
from pipeline.export.live_file import read_live
from pipeline.files import read_json, sha256_file
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.live_clip import FRAME_INPUT, LiveClip
from pipeline.tasks.proposal_rows import has_own_proposals

ENGINES = ("onnxruntime", "tensorrt")
CLIPS = "clips"
STREAM_FRAMES = 8  # of which trtexec is called for each: as long as a second or two on a board
_DESCRIBED = ("input", "output", "shape", "starts_as")
_STREAM = ("clip_frames", "frame_interval_s")


def input_of(model: Path) -> tuple[str, tuple[int, ...]]:
    """Name and static shape of the input of an ONNX file."""
    import onnx

    graph = onnx.load(str(model)).graph
    weights = {one.name for one in graph.initializer}
    given = next(one for one in graph.input if one.name not in weights)
    return given.name, tuple(one.dim_value for one in given.type.tensor_type.shape.dim)


def stream_of(clips: SampleFrames) -> SampleFrames:
    """The frames of clips, one after the other, as a short stream: `[1, 3, S, S]` each."""
    frames = [clip_tchw[None, i] for (clip_tchw,) in clips.inputs for i in range(clip_tchw.shape[0])][:STREAM_FRAMES]
    return SampleFrames(tuple(frames), f"a stream of {len(frames)} frames from {clips.source}")


def models_of(
    contents: Contents,
    root: Path,
    task: str,
    name: str,
    entry: Mapping[str, Any],
    inputs: Sequence[NDArray[np.float32]],
) -> dict[str, dict[str, Any]]:
    """Engine -> file, SHA-256, precision there, name of the input, how many numbers a row of the output has, files of
    the expected outputs for `inputs`; of a network with proposals of its own also `outputs`, how they are compared.

    entry: of the export report. Raises EdgeboardError for a file that is missing or not the one of the report.
    """
    models = {}
    # A student of one stage may stand beside a teacher of two: what rows are is told of each variant.
    is_two_stage = bool(entry.get("head")) and has_own_proposals(read_json(root / entry["head"]))
    for engine in ENGINES:
        made = entry if engine == "onnxruntime" else entry["tensorrt"]
        if made["file"] is None:
            continue
        file = _as_reported(root / made["file"], made["sha256"], task)
        runtime = OnnxRuntimeEngine(file, 1)
        answers = [runtime.run(one) for one in inputs]
        models[engine] = {
            **_bundled(contents, name, file, _precision(engine, entry)),
            "input": input_of(file)[0],
            "row": answers[0].shape[-1],
            **({"outputs": "proposals"} if is_two_stage else {}),
            "expected": _expected(contents, name, file, answers),
        }
    return models


def live_models_of(
    contents: Contents,
    root: Path,
    task: str,
    name: str,
    entry: Mapping[str, Any],
    frames_1chw: Sequence[NDArray[np.float32]],
) -> dict[str, dict[str, Any]]:
    """As `models_of`, of the live form; `live` says which outputs are the next frame's inputs and how far apart in time
    frames must come, and `output` which one is the answer to a frame. Expected is the decision after each frame of a
    stream: the mean over its last T answers.
    """
    description = read_live(root / entry["live"]["description"])
    models = {}
    for engine, key, sha in zip(ENGINES, ("file", "tensorrt"), ("sha256", "tensorrt_sha256"), strict=True):
        # Where the clip form has no file that TensorRT reads, the live one is none either.
        if entry["live"].get(key) is None or (engine == "tensorrt" and entry["tensorrt"]["file"] is None):
            continue
        if sha not in entry["live"]:
            raise EdgeboardError(
                "The export report is of an older form", where=f"exports/{task}/report.json",
                mend=f"dvc repro --force export@{task}",
            )  # fmt: skip
        file = _as_reported(root / entry["live"][key], entry["live"][sha], task)
        runtime = OnnxRuntimeEngine(file, 1)
        stream = LiveClip(runtime.run_named, description)
        models[engine] = {
            **_bundled(contents, name, file, _precision(engine, entry)),
            "input": FRAME_INPUT,
            "output": _first_output(file),
            "live": {
                **{key: description[key] for key in _STREAM if key in description},
                "caches": [{key: one[key] for key in _DESCRIBED if key in one} for one in description["caches"]],
            },
            "expected": _expected(contents, name, file, [stream.step(one) for one in frames_1chw]),
        }
    return models


def _bundled(contents: Contents, name: str, file: Path, precision: str) -> dict[str, Any]:
    bundled = contents.add(f"models/{name}/{file.name}", file)
    return {"file": bundled, "sha256": contents.sha256(bundled), "precision": precision}


def _expected(contents: Contents, name: str, file: Path, answers: Sequence[Any]) -> list[str]:
    return contents.add_arrays(f"expected/{name}/{file.stem}.{{:03d}}.f32", answers)


def _precision(engine: str, entry: Mapping[str, Any]) -> str:
    # TensorRT runs float files in fp16, int8 ones in int8 where they say so and fp16 elsewhere.
    return "fp16" if engine == "tensorrt" and entry["precision"] != "int8" else str(entry["precision"])


def _first_output(file: Path) -> str:
    import onnx

    return str(onnx.load(str(file), load_external_data=False).graph.output[0].name)


def _as_reported(file: Path, sha256: str, task: str) -> Path:
    if not file.is_file() or sha256 != sha256_file(file):
        mend = f"dvc repro --force export@{task}"
        raise EdgeboardError("An exported file is missing or not the one of the report", where=file, mend=mend)
    return file
