"""How well an embedder's files recognise people by their galleries, and refuse strangers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.answers import cosines
from pipeline.benchmark.faces.accuracy import OpenSetAccuracy, measure_open_set, paired_differences
from pipeline.benchmark.faces.confusion import confusion, most_confused, write_confusion
from pipeline.benchmark.faces.roc_curve import write_roc_curve
from pipeline.benchmark.rows import BASELINE, ExportedVariant
from pipeline.data.frames import Frames
from pipeline.errors import EdgeboardError
from pipeline.export.face_gallery import probes_of, sources_of
from pipeline.metrics.open_set.probes import Probes
from pipeline.tasks.gallery import Gallery, identify

Outputs = NDArray[np.float32]
# What is told of the difference from the baseline, beside that of the accuracy.
_COMPARED = ("tar_at_far_1_percent",)


class FaceJudge:
    """galleries: of each variant, made by its own file, with its own threshold."""

    def __init__(self, task: str, test: Frames, galleries: Mapping[str, Gallery], seed: int) -> None:
        self.test = test
        self._task = task
        self._galleries = galleries
        self._seed = seed

    def read(self, one: ExportedVariant, outputs: Outputs) -> Outputs:
        """The embeddings `[N, D]`. Raises EdgeboardError for NaN and infinity."""
        if not np.isfinite(outputs).all():
            bad = int((~np.isfinite(outputs)).any(axis=1).sum())
            raise EdgeboardError(
                "The exported file answers NaN or infinity", where=one.file, value=f"{bad} of {len(outputs)} frames"
            )
        return outputs

    def further(self, one: ExportedVariant, run: Callable[[Outputs], Outputs]) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def decoder(self, one: ExportedVariant) -> Callable[[Outputs], Any]:
        """Who it is, by the variant's gallery and threshold."""
        gallery = self._galleries[one.name]
        return lambda outputs: identify(outputs[0], gallery)

    def columns(
        self, variants: Mapping[str, ExportedVariant], answers: Mapping[str, Outputs]
    ) -> dict[str, dict[str, Any]]:
        self._probes = {name: probes_of(answers[name], self.test, self._galleries[name]) for name in variants}
        measured = {name: self._measure(name) for name in variants}
        return {name: self._columns(name, measured, answers) for name in variants}

    def save(self, folder: Path, answers: Mapping[str, Outputs]) -> None:
        """Also draw ROC curve and confusion of every variant. No picture of a face is in any of it."""
        np.savez(
            folder / "predictions.npz",
            allow_pickle=False,
            labels=self.test.labels,
            sources=np.array(sources_of(self.test)),
            class_names=np.array(self.test.class_names),
            **{f"embeddings_{name}": values for name, values in answers.items()},
        )
        for name, probes in self._probes.items():
            pair: dict[str, tuple[Probes, float]] = {
                one: (self._probes[one], self._galleries[one].threshold.similarity)
                for one in dict.fromkeys([BASELINE, name])
            }
            assert probes is pair[name][0]
            write_roc_curve(folder / f"{name}.roc.png", pair, f"{self._task} · {name}")
            names = self._galleries[name].names
            write_confusion(folder / f"{name}.confusion.png", self._confusion(name), names, f"{self._task} · {name}")

    def _confusion(self, name: str) -> NDArray[np.int64]:
        return confusion(self._probes[name], self._galleries[name].threshold.similarity)

    def _measure(self, name: str) -> OpenSetAccuracy:
        return measure_open_set(self._probes[name], self._galleries[name].threshold.similarity, self._seed)

    def _columns(
        self, name: str, measured: Mapping[str, OpenSetAccuracy], answers: Mapping[str, Outputs]
    ) -> dict[str, Any]:
        own, baseline = measured[name], measured[BASELINE]
        top1 = own.measures["top1"]
        if top1 is None:
            raise EdgeboardError("The test split has no known person", where=f"data/{self._task}")
        difference = None if name == BASELINE else paired_differences(own, baseline)
        of_top1 = difference["top1"] if difference else None
        open_set = own.columns()
        for kept_elsewhere in ("top1", "top1_low", "top1_high"):
            del open_set[kept_elsewhere]
        compared = {
            f"{measure}_delta{end}": getattr(difference[measure], attribute)
            for measure in _COMPARED
            if difference and measure in difference
            for end, attribute in (("", "value"), ("_low", "low"), ("_high", "high"))
        }
        return {
            "metric": "top-1",
            **top1.columns("accuracy"),
            "n_test": int((self.test.labels >= 0).sum()),
            "accuracy_delta": of_top1.value if of_top1 else None,
            "accuracy_delta_low": of_top1.low if of_top1 else None,
            "accuracy_delta_high": of_top1.high if of_top1 else None,
            "accuracy_delta_p": of_top1.p_value if of_top1 else None,
            **open_set,
            **compared,
            "embedding_cosine": _mean_cosine(answers[name], answers[BASELINE]),
            "most_confused": most_confused(self._confusion(name), self._galleries[name].names),
            "threshold_note": self._galleries[name].threshold.note,
        }


def _mean_cosine(outputs: Outputs, baseline: Outputs) -> float | None:
    """To the baseline's embedding of the same face; None where they have another size."""
    return float(cosines(outputs, baseline).mean()) if outputs.shape == baseline.shape else None
