"""Many frames asked at once: what perturbation methods run, by the hundred for each map.

A convolution of ONNX Runtime takes the frames of a batch one after another, so that a batch saves only what surrounds
it; what helps is that the cores work on different frames, each with one thread, and never wait for each other inside a
layer. The chunks do not depend on the number of cores, so the answers do not either.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.probabilities import Run, Scores

BatchScores = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""`[N, 3, S, S]` (or clips `[N, T, 3, S, S]`) normalised frames to `[N, n]` scores in [0, 1]."""

CHUNK = 8  # frames; from 4 to 64 the time of a frame is the same, and memory grows


def one_by_one(scores: Scores) -> BatchScores:
    """Scores of single frames as those of batches, for answers that have no other way."""
    return lambda frames: np.stack([scores(frame[None]) for frame in frames])


def in_parallel(scores: Scores, workers: int | None = None) -> BatchScores:
    """The same over the cores. scores: safe to call from several threads, as a session with one thread is."""
    pool = ThreadPoolExecutor(workers or _cores())
    return lambda frames: np.stack(list(pool.map(lambda frame: scores(frame[None]), frames)))


def probabilities(run: Run, where: object = None) -> BatchScores:
    """Class probabilities `[N, C]`: softmax of `run`. They raise EdgeboardError for NaN or infinity."""

    def answers(frames: NDArray[np.float32]) -> NDArray[np.float64]:
        logits = run(frames).astype(np.float64)
        if not np.isfinite(logits).all():
            raise EdgeboardError("The exported file answers NaN or infinity, which cannot be explained", where=where)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

    return answers


class BatchedFile:
    """An exported file, made for one frame at a time, that takes batches of any length.

    run: `[N, ...]` frames to `[N, ...]` outputs. Raises EdgeboardError where the file cannot be opened. A file whose
    graph holds its batch of one in more than its input (seen by a changed answer, or a failure) runs single frames.
    """

    def __init__(self, path: Path, workers: int | None = None, chunk: int = CHUNK) -> None:
        from pipeline.targets.onnxruntime import OnnxRuntimeEngine

        self._single = OnnxRuntimeEngine(path, threads=1)
        self.input_shape = self._single.input_shape
        self._session, self._name = _with_free_batch(path)
        self._chunk = chunk if self._answers_alike() else 1
        self._pool = ThreadPoolExecutor(workers or _cores())

    @property
    def batches(self) -> bool:
        """Whether the file really runs several frames in one call."""
        return self._chunk > 1

    def run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        chunks = [frames[i : i + self._chunk] for i in range(0, len(frames), self._chunk)]
        return np.concatenate(list(self._pool.map(self._run_chunk, chunks)))

    def _run_chunk(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._chunk == 1:
            return self._single.run(frames)
        return np.asarray(self._session.run(None, {self._name: np.ascontiguousarray(frames)})[0])

    def _answers_alike(self) -> bool:
        frames = np.random.default_rng(0).standard_normal((3, *self.input_shape[1:])).astype(np.float32)
        expected = np.concatenate([self._single.run(frame[None]) for frame in frames])
        try:
            found = self._session.run(None, {self._name: frames})[0]
        except Exception:  # a graph with its batch in a Reshape; ONNX Runtime raises classes of its own
            return False
        scale = float(np.abs(expected).max()) or 1.0
        return found.shape == expected.shape and float(np.abs(found - expected).max()) <= 1e-4 * scale


def _with_free_batch(path: Path):  # type: ignore[no-untyped-def]
    import onnx
    import onnxruntime as ort

    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del model.graph.value_info[:]  # shapes between, which say one frame
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # a graph that cannot be batched is no news for the user
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name


def _cores() -> int:
    return os.cpu_count() or 1
