"""ONNX Runtime on this machine: open an exported file, run one frame at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError


class OnnxRuntimeEngine:
    """A session with a fixed number of threads, so that a time or an output can be repeated."""

    name = "onnxruntime"

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle threads of a session spin for a while by default and would take the cores from the next one, which
        # is timed in turn with it.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen classes of its own
            raise EdgeboardError("ONNX Runtime cannot open the exported file", where=path, value=error) from error
        self._input = self._session.get_inputs()[0].name
        self.input_shape: tuple[int, ...] = tuple(self._session.get_inputs()[0].shape)

    def run_named(self, feeds: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Every output, in order, for every input by its name."""
        return self._session.run(None, feeds)

    def run(self, frames_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Network outputs, `[1, classes]` logits for a classifier, for a batch of the exported (static) shape."""
        return self._session.run(None, {self._input: frames_nchw})[0]
