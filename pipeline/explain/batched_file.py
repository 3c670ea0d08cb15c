"""Many frames asked at once: what perturbation methods run, by the hundred for each map.

A convolution of ONNX Runtime takes the frames of a batch one after another, so that a batch saves only what surrounds
it; what helps is that the cores work on different frames, each with one thread, and never wait for each other inside a
layer. The chunks do not depend on the number of cores, so the answers do not either.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import Run

CHUNK = 8  # frames; from 4 to 64 the time of a frame is the same, and memory grows


class BatchedFile:
    """An exported file, made for one frame at a time, that takes batches of any length.

    workers: threads that share a batch; 1 where several threads ask at once anyway. A file whose graph holds its batch
    of one in more than its input (seen by a changed answer, or a failure) runs single frames. Raises EdgeboardError
    where the file cannot be opened.
    """

    def __init__(self, path: Path, workers: int = 1, chunk: int = CHUNK) -> None:
        from pipeline.targets.onnxruntime import OnnxRuntimeEngine

        single = OnnxRuntimeEngine(path, threads=1)
        self.input_shape = single.input_shape
        together = _with_free_batch(path)
        is_free = _answers_alike(single.run, together, self.input_shape)
        self._run_chunk, self._chunk = (together, chunk) if is_free else (single.run, 1)
        self._workers = workers

    @property
    def batches(self) -> bool:
        """Whether the file really runs several frames in one call."""
        return self._chunk > 1

    def run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """`[N, ...]` frames to `[N, ...]` outputs. Safe to call from several threads."""
        chunks = [frames[i : i + self._chunk] for i in range(0, len(frames), self._chunk)]
        if self._workers == 1 or len(chunks) == 1:
            return np.concatenate([self._run_chunk(chunk) for chunk in chunks])
        # Starting threads costs little beside a chunk, and nothing has to be closed.
        with ThreadPoolExecutor(self._workers) as pool:
            return np.concatenate(list(pool.map(self._run_chunk, chunks)))


def cores() -> int:
    return os.cpu_count() or 1


def _with_free_batch(path: Path) -> Run:
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
    name = session.get_inputs()[0].name
    return lambda frames: np.asarray(session.run(None, {name: np.ascontiguousarray(frames)})[0])


def _answers_alike(single: Run, together: Run, input_shape: tuple[int, ...]) -> bool:
    frames = np.random.default_rng(0).standard_normal((3, *input_shape[1:])).astype(np.float32)
    expected = np.concatenate([single(frame[None]) for frame in frames])
    try:
        found = together(frames)
    except Exception:  # a graph with its batch in a Reshape; ONNX Runtime raises classes of its own
        return False
    scale = float(np.abs(expected).max()) or 1.0
    return found.shape == expected.shape and float(np.abs(found - expected).max()) <= 1e-4 * scale
