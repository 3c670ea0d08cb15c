"""How the answers of a task's networks are read, timed and judged: one class for each kind of task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.accuracy import measure_accuracy
from pipeline.benchmark.rows import BASELINE, ExportedVariant
from pipeline.benchmark.statistics import paired_difference
from pipeline.benchmark.timing import decode_top1
from pipeline.data.frames import Frames

Outputs = NDArray[np.float32]


class Judge(Protocol):
    """test: the frames that accuracy is measured on."""

    test: Frames

    def read(self, one: ExportedVariant, outputs: Outputs) -> Any:
        """The answers `[N, ...]` of a variant for the test frames, in the form that is kept."""
        ...

    def further(self, one: ExportedVariant, run: Callable[[Outputs], Outputs]) -> dict[str, Any]:
        """What is measured on frames beside those of the test split."""
        ...

    def decoder(self, one: ExportedVariant) -> Callable[[Outputs], Any]:
        """What is done with the outputs of one frame before anyone can act on them; its time counts."""
        ...

    def columns(self, variants: Mapping[str, ExportedVariant], answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Variant -> metric, accuracy with its interval, and its paired difference from the baseline."""
        ...

    def save(self, folder: Path, answers: Mapping[str, Any]) -> None:
        """Leave predictions.npz, from which every number can be computed again."""
        ...


class ClassJudge:
    """Top-1 of a classifier."""

    def __init__(self, test: Frames) -> None:
        self.test = test

    def read(self, one: ExportedVariant, outputs: Outputs) -> Outputs:  # noqa: ARG002
        return outputs

    def further(self, one: ExportedVariant, run: Callable[[Outputs], Outputs]) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def decoder(self, one: ExportedVariant) -> Callable[[Outputs], Any]:  # noqa: ARG002
        return lambda outputs: decode_top1(outputs, self.test.class_names)

    def columns(
        self, variants: Mapping[str, ExportedVariant], answers: Mapping[str, Outputs]
    ) -> dict[str, dict[str, Any]]:
        correct_baseline = answers[BASELINE].argmax(axis=1) == self.test.labels
        return {name: self._columns(answers[name], correct_baseline, one) for name, one in variants.items()}

    def _columns(self, logits_nc: Outputs, correct_baseline: NDArray[np.bool_], one: ExportedVariant) -> dict[str, Any]:
        test = self.test
        accuracy = measure_accuracy(logits_nc, test.labels, test.class_names, where=one.file)
        difference = paired_difference(logits_nc.argmax(axis=1) == test.labels, correct_baseline)
        is_baseline = one.name == BASELINE
        return {
            "metric": "top-1",
            **accuracy.top1.columns("accuracy"),
            "n_test": len(test),
            # Against itself the baseline has no difference to estimate.
            "accuracy_delta": None if is_baseline else difference.value,
            "accuracy_delta_low": None if is_baseline else difference.low,
            "accuracy_delta_high": None if is_baseline else difference.high,
            "accuracy_delta_p": None if is_baseline else difference.p_value,
            "frames_gained": None if is_baseline else difference.gained,
            "frames_lost": None if is_baseline else difference.lost,
            "per_class": accuracy.per_class,
            "confusion": accuracy.confusion,
        }

    def save(self, folder: Path, answers: Mapping[str, Outputs]) -> None:
        np.savez(
            folder / "predictions.npz",
            allow_pickle=False,
            labels=self.test.labels,
            files=np.array([path.name for path in self.test.files]),
            class_names=np.array(self.test.class_names),
            **{f"logits_{name}": values for name, values in answers.items()},
        )
