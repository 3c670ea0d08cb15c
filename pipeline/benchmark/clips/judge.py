"""Actions in clips: top-1 of the clip form, and what the live form decides, from its start and while it runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.clips.forms import open_stream
from pipeline.benchmark.judges import ClassJudge, Outputs
from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.statistics import paired_difference, wilson
from pipeline.data.frames import Frames, normalise
from pipeline.tasks.live_clip import LiveClip

_COLD = ("live_accuracy", "live_agreement")
_RUNNING = ("live_accuracy_running", "live_agreement_running", "live_difference_running", "live_running_n")


class ClipJudge(ClassJudge):
    """before: for each test clip the frames `[k, S, S, 3]` that a stream would have seen before it, k from 0 on."""

    def __init__(self, test: Frames, threads: int, before: Sequence[NDArray[np.uint8]] | None = None) -> None:
        super().__init__(test)
        self._threads = threads
        self._before = before or [test.frames_nhwc[:0, 0]] * len(test)
        self._decisions: dict[str, np.ndarray[Any, Any]] = {}

    def read(self, one: ExportedVariant, outputs: Outputs) -> Outputs:
        self._decisions[one.name] = outputs.argmax(axis=1)
        return outputs

    def further(self, one: ExportedVariant, run: Callable[[Outputs], Outputs]) -> dict[str, Any]:  # noqa: ARG002
        """live_accuracy, live_agreement: of a stream that starts anew with each clip. Both forms then see the same, so
        that this shows whether the two files are one network, not what a camera gets.

        *_running: of a stream that runs on through the frames before the clip, whose caches hold what was there, over
        the live_running_n clips that have such frames: top-1, how often it says what the clip form says, and its top-1
        minus the clip form's on the same clips.
        """
        if one.live is None:
            return dict.fromkeys((*_COLD, *_RUNNING))
        stream, labels, of_clips = open_stream(one.live, self._threads), self.test.labels, self._decisions[one.name]
        nothing = self.test.frames_nhwc[:0, 0]
        cold = np.array([_decision(stream, nothing, clip) for clip in self.test.frames_nhwc])
        columns = {
            **wilson(int((cold == labels).sum()), len(labels)).columns("live_accuracy"),
            "live_agreement": float((cold == of_clips).mean()),
        }
        ran = np.array([i for i, before in enumerate(self._before) if len(before)], dtype=np.int64)
        if not len(ran):
            return columns | dict.fromkeys(_RUNNING)
        running = np.array([_decision(stream, self._before[i], self.test.frames_nhwc[i]) for i in ran])
        is_right, clip_is_right = running == labels[ran], of_clips[ran] == labels[ran]
        difference = paired_difference(is_right, clip_is_right)
        return {
            **columns,
            **wilson(int(is_right.sum()), len(ran)).columns("live_accuracy_running"),
            "live_agreement_running": float((running == of_clips[ran]).mean()),
            "live_difference_running": difference.value,
            "live_difference_running_low": difference.low,
            "live_difference_running_high": difference.high,
            "live_running_n": len(ran),
        }


def _decision(stream: LiveClip, before_khwc: NDArray[np.uint8], clip_thwc: NDArray[np.uint8]) -> int:
    """The class after the last frame of the clip."""
    stream.reset()
    for frame_1chw in normalise(np.concatenate([before_khwc, clip_thwc]))[:, None]:
        logits = stream.step(frame_1chw)
    return int(logits.argmax())
