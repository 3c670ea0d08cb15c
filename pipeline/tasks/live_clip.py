"""A network of clips on a live stream: every frame goes through it once and changes the decision.

This file is copied to the board, so it needs numpy alone and keeps to the syntax of Python 3.6.

The network answers for one frame and hands on caches of maps, which the next frame meets (Lin et al., TSM, ICCV 2019,
arXiv:1811.08383). The answer to the stream is the mean over the last T frames, as it is over the T frames of a clip.
Frames must come at the rate at which the network saw them in training.
"""

from collections import deque
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Sequence

import numpy as np

FRAME_INPUT = "frames"

# The inputs of the file by name -> its outputs in order: logits, then the new caches.
Run = Callable[[Dict[str, np.ndarray]], Sequence[np.ndarray]]


class LiveClip:
    """One stream. description: what export_live returned: clip_frames T, and caches with input, output, shape
    and what they start as."""

    def __init__(self, run: Run, description: Dict[str, Any]) -> None:
        self._run = run
        self._caches = list(description["caches"])  # type: List[Dict[str, Any]]
        self._last_logits = deque(maxlen=int(description["clip_frames"]))  # type: Deque[np.ndarray]
        self._feeds = {}  # type: Dict[str, np.ndarray]
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as at a cut or when another camera follows."""
        self._last_logits.clear()
        self._feeds = {
            cache["input"]: np.zeros(cache["shape"], np.float32)
            for cache in self._caches
            if cache.get("starts_as") != "frame"
        }
        self._of_first_frame = [cache["input"] for cache in self._caches if cache.get("starts_as") == "frame"]

    def feeds(self, frame_1chw: np.ndarray) -> Dict[str, np.ndarray]:
        """The inputs of the file for the next frame, which is not run by this."""
        first = {} if self._last_logits else dict.fromkeys(self._of_first_frame, frame_1chw)
        return dict(self._feeds, **dict(first, **{FRAME_INPUT: frame_1chw}))

    def step(self, frame_1chw: np.ndarray) -> np.ndarray:
        """A normalised frame float32 `[1, 3, S, S]` to logits `[1, C]`: the mean over the last T frames, this one
        included, or over all since the start where there were fewer."""
        outputs = self._run(self.feeds(frame_1chw))
        self._feeds = {cache["input"]: new for cache, new in zip(self._caches, outputs[1:])}
        self._last_logits.append(outputs[0])
        return np.asarray(np.mean(np.concatenate(list(self._last_logits)), axis=0, keepdims=True))


def run_live(session: Any, frames_1chw: Iterable[np.ndarray], description: Dict[str, Any]) -> Iterator[np.ndarray]:
    """The logits `[1, C]` of a stream after each of its frames, see LiveClip.step.

    session: of ONNX Runtime, or whatever has its `run(output_names, feeds)`.
    """
    clip = LiveClip(lambda feeds: session.run(None, feeds), description)
    for frame in frames_1chw:
        yield clip.step(frame)
