"""Actions in clips: top-1 of the clip form, and how far the live form says the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.benchmark.clips.forms import open_stream
from pipeline.benchmark.judges import ClassJudge, Outputs
from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.statistics import wilson
from pipeline.data.frames import Frames, normalise


class ClipJudge(ClassJudge):
    def __init__(self, test: Frames, threads: int) -> None:
        super().__init__(test)
        self._threads = threads
        self._decisions: dict[str, np.ndarray[Any, Any]] = {}

    def read(self, one: ExportedVariant, outputs: Outputs) -> Outputs:
        self._decisions[one.name] = outputs.argmax(axis=1)
        return outputs

    def further(self, one: ExportedVariant, run: Callable[[Outputs], Outputs]) -> dict[str, Any]:  # noqa: ARG002
        """live_accuracy: top-1 after the frames of a clip, one by one; live_agreement: with what the clip form says."""
        if one.live is None:
            return {"live_accuracy": None, "live_agreement": None}
        stream = open_stream(one.live, self._threads)
        decisions = []
        for clip_thwc in self.test.frames_nhwc:
            stream.reset()
            for frame_1chw in normalise(clip_thwc)[:, None]:
                logits = stream.step(frame_1chw)
            decisions.append(int(logits.argmax()))
        right = np.array(decisions) == self.test.labels
        return {
            **wilson(int(right.sum()), len(right)).columns("live_accuracy"),
            "live_agreement": float((np.array(decisions) == self._decisions[one.name]).mean()),
        }
