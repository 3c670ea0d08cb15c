"""How networks of clips are timed: on a live stream, a decision for every frame, and on whole clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.forms import Form
from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.timing import Network
from pipeline.data.frames import normalise, preprocess, resize
from pipeline.export.live_file import read_live
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.live_clip import LiveClip

Decoder = Callable[[ExportedVariant], Callable[[NDArray[np.float32]], Any]]


def open_stream(live: Path, threads: int) -> LiveClip:
    """A stream from its start through the live form that `live` (live.json) describes."""
    description = read_live(live)
    engine = OnnxRuntimeEngine(live.with_name(description["file"]), threads)
    return LiveClip(engine.run_named, description)


def on_a_stream(clips: Sequence[NDArray[np.uint8]], frame_size: int, threads: int, decoder: Decoder) -> Form:
    """clips: uint8 RGB `[T, H, W, 3]` as the camera gives them; their frames follow each other."""

    def open_network(one: ExportedVariant) -> Network:
        assert one.live is not None
        return open_stream(one.live, threads).step

    frames = [frame for clip in clips for frame in clip]
    return Form(frames, lambda frame_hwc: preprocess(frame_hwc, frame_size), open_network, decoder)


def on_whole_clips(clips: Sequence[NDArray[np.uint8]], frame_size: int, threads: int, decoder: Decoder) -> Form:
    def prepare(clip_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        return normalise(np.stack([resize(frame, frame_size) for frame in clip_thwc])[None])

    return Form(clips, prepare, lambda one: OnnxRuntimeEngine(one.file, threads).run, decoder)
