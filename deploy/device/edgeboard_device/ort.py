"""ONNX Runtime, where the board has no trtexec: the only part of this program that needs packages."""

import array
import time
from collections import deque

from .files import DeviceError
from .stream import first_values
from .warmup import WINDOW, is_stable

WARMUP_S = 0.2
WARMUP_LIMIT_S = 2  # a board that is still restless then is timed as it is
REWARM = 2  # frames that open a turn untimed at least: the first ones find cold caches


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
        self._shapes = {one.name: one.shape for one in self._session.get_inputs()}
        self._input = self._session.get_inputs()[0].name

    def answers(self, paths):
        """Outputs for the frame in each file, as flat lists."""
        step = self._open(paths[0])
        return [array.array("f", step(frame).astype("<f4").tobytes()).tolist() for frame in self._frames(paths)]

    def time(self, paths, iterations, seconds):
        """{"began", "ended"} on the monotonic clock, how it was warmed up, and a row {"latency_ms"} for each frame."""
        frames = self._frames(paths)
        step = self._open(paths[0])

        def timed(number):
            frame = frames[number % len(frames)]
            start = time.perf_counter()
            step(frame)
            return (time.perf_counter() - start) * 1000

        warm = []
        began = time.monotonic()
        while len(warm) < REWARM or time.monotonic() < began + min(WARMUP_S, seconds) or not is_stable(warm):
            if time.monotonic() > began + WARMUP_LIMIT_S and len(warm) >= REWARM:
                break
            warm.append(timed(len(warm)))
        rows = []
        began = time.monotonic()
        while len(rows) < iterations or time.monotonic() < began + seconds:
            rows.append({"latency_ms": timed(len(rows))})
        seen = {"began": began, "ended": time.monotonic(), "unstable": None}
        return dict(seen, warmup_frames=len(warm), settled=is_stable(warm) if len(warm) >= 2 * WINDOW else None), rows

    def _open(self, path):
        """A function from a frame to outputs. path: of the first frame."""
        return lambda frame: self._session.run(None, {self._input: frame})[0]

    def _frames(self, paths):
        """Files of raw little-endian float32 in the shape of the input."""
        import numpy

        return [numpy.fromfile(path, dtype="<f4").reshape(self._shapes[self._input]) for path in paths]


class LiveSession(Session):
    """The live form of a network of clips: a decision for every frame, with the caches that the last one left."""

    def __init__(self, path, threads, model):
        Session.__init__(self, path, threads)
        self._input = model["input"]
        self._live = model["live"]
        self._outputs = [model["output"]] + [cache["output"] for cache in self._live["caches"]]

    def _open(self, path):
        import numpy

        last = deque(maxlen=self._live["clip_frames"])
        feeds = {}
        for cache in self._live["caches"]:
            raw = numpy.frombuffer(first_values(cache, path), dtype="<f4")
            feeds[cache["input"]] = raw.reshape(self._shapes[cache["input"]])

        def step(frame):
            feeds[self._input] = frame
            outputs = self._session.run(self._outputs, feeds)
            for cache, new in zip(self._live["caches"], outputs[1:]):
                feeds[cache["input"]] = new
            last.append(outputs[0])
            return numpy.mean(numpy.concatenate(list(last)), axis=0, keepdims=True)

        return step
