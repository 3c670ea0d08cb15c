"""ONNX Runtime, where the board has no trtexec: the only part of this program that needs packages."""

import array
import time

from .files import DeviceError

WARMUP_S = 0.2
REWARM = 2  # frames that open a turn untimed: the first ones find cold caches


class Session:
    """An ONNX file opened by ONNX Runtime with its own threads stopped between calls, as on the host."""

    def __init__(self, path, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if hasattr(options, "add_session_config_entry"):
            options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # it raises a dozen classes of its own
            raise DeviceError("ONNX Runtime %s cannot open %s: %s" % (onnxruntime.__version__, path, error))
        self._input = self._session.get_inputs()[0]

    def frame(self, path):
        """A file of raw little-endian float32 in the shape of the input."""
        import numpy

        return numpy.fromfile(path, dtype="<f4").reshape(self._input.shape)

    def run(self, frame):
        return self._session.run(None, {self._input.name: frame})[0]

    def answer(self, path):
        """Outputs for the frame in a file, as a flat list."""
        return array.array("f", self.run(self.frame(path)).astype("<f4").tobytes()).tolist()

    def time(self, paths, iterations, seconds):
        """{"began", "ended"} on the monotonic clock and a row {"latency_ms"} for each timed frame."""
        frames = [self.frame(path) for path in paths]
        warm = time.monotonic() + min(WARMUP_S, seconds)
        done = 0
        while done < REWARM or time.monotonic() < warm:
            self.run(frames[done % len(frames)])
            done += 1
        rows = []
        began = time.monotonic()
        while len(rows) < iterations or time.monotonic() < began + seconds:
            frame = frames[len(rows) % len(frames)]
            start = time.perf_counter()
            self.run(frame)
            rows.append({"latency_ms": (time.perf_counter() - start) * 1000})
        return {"began": began, "ended": time.monotonic(), "unstable": None}, rows
