"""How networks of clips are timed: on a live stream, a decision for every frame, and on whole clips."""

from __future__ import annotations

from collections import deque
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


class RunsAgain:
    """A network without a live form on a stream: the whole clip, the last T frames, goes through it at every frame."""

    def __init__(self, run: Network, clip_frames: int) -> None:
        self._run = run
        self._last: deque[NDArray[np.float32]] = deque(maxlen=clip_frames)

    def step(self, frame_1chw: NDArray[np.float32]) -> NDArray[np.float32]:
        """A normalised frame `[1, 3, S, S]` to logits `[1, C]`; before the first one nothing is taken to have moved."""
        missing = (self._last.maxlen or 1) - len(self._last)
        self._last.extend([frame_1chw] * max(1, missing))
        return self._run(np.stack(list(self._last), axis=1))


def on_a_stream(clips: Sequence[NDArray[np.uint8]], frame_size: int, threads: int, decoder: Decoder) -> Form:
    """clips: uint8 RGB `[T, H, W, 3]` as the camera gives them; their frames follow each other.

    Every variant gives a decision for every frame; one without a live form pays a whole clip for it.
    """

    def open_network(one: ExportedVariant) -> Network:
        if one.live is None:
            return RunsAgain(OnnxRuntimeEngine(one.file, threads).run, len(clips[0])).step
        return open_stream(one.live, threads).step

    frames = [frame for clip in clips for frame in clip]
    return Form(frames, lambda frame_hwc: preprocess(frame_hwc, frame_size), open_network, decoder)


def on_whole_clips(clips: Sequence[NDArray[np.uint8]], frame_size: int, threads: int, decoder: Decoder) -> Form:
    def prepare(clip_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        return normalise(np.stack([resize(frame, frame_size) for frame in clip_thwc])[None])

    return Form(clips, prepare, lambda one: OnnxRuntimeEngine(one.file, threads).run, decoder)
