"""Mean average precision of a detector's files, and the pictures that show where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.accuracy import predict
from pipeline.benchmark.detection.accuracy import DetectionAccuracy, measure_detections, paired_difference
from pipeline.benchmark.detection.operating_point import decide
from pipeline.benchmark.detection.pr_curve import write_pr_curve
from pipeline.benchmark.detection.worst_frames import write_worst_frames
from pipeline.benchmark.rows import BASELINE, ExportedVariant
from pipeline.data.frames import Frames, read_image
from pipeline.errors import EdgeboardError
from pipeline.metrics.ground_truth import GroundTruth
from pipeline.tasks.boxes import Detections, decode_detections

Outputs = NDArray[np.float32]


class BoxJudge:
    """heads: how to read the outputs of each variant, see pipeline.tasks.boxes.

    sources: the source of each test picture: those of one clip look alike, and intervals are over sources.
    mixed: mixed frames that were held out, where the test split is of real pictures: the gap between them is told.
    """

    def __init__(
        self,
        task: str,
        test: Frames,
        sources: Sequence[str],
        heads: Mapping[str, dict[str, Any]],
        seed: int,
        mixed: Frames | None = None,
    ) -> None:
        self.test = test
        self._task = task
        self._sources = sources
        self._heads = heads
        self._seed = seed
        self._truth = truth_of(test)
        self._mixed = mixed

    def read(self, one: ExportedVariant, outputs: Outputs) -> list[Detections]:
        """The boxes in pixels of the original pictures."""
        return read_detections(outputs, self._heads[one.name], self.test, where=one.file)

    def further(self, one: ExportedVariant, run: Callable[[Outputs], Outputs]) -> dict[str, Any]:
        if self._mixed is None:
            return {}
        found = read_detections(
            predict(run, self._mixed.frames_nhwc), self._heads[one.name], self._mixed, where=one.file
        )
        class_names = self._mixed.class_names
        measured = measure_detections(
            found, truth_of(self._mixed), class_names, self._seed, sources=self._mixed.sources or None, where=one.file
        )
        return measured.map50.columns("accuracy_mixed")

    def decoder(self, one: ExportedVariant) -> Callable[[Outputs], Any]:
        """As on the board, boxes below the operating threshold are not looked at."""
        head = self._heads[one.name]
        live = {**head, "score_threshold": head["operating_threshold"]}
        return lambda outputs: decode_detections(outputs[0], live)

    def columns(
        self, variants: Mapping[str, ExportedVariant], answers: Mapping[str, list[Detections]]
    ) -> dict[str, dict[str, Any]]:
        self._measured = {name: self._measure(one, answers[name]) for name, one in variants.items()}
        return {name: self._columns(name) for name in variants}

    def save(self, folder: Path, answers: Mapping[str, list[Detections]]) -> None:
        """Also draw the precision-recall curves and the worst pictures of every variant."""
        flat = {}
        for name, detections in answers.items():
            flat[f"boxes_{name}"] = np.concatenate([one.boxes_xyxy for one in detections])
            flat[f"scores_{name}"] = np.concatenate([one.scores for one in detections])
            flat[f"labels_{name}"] = np.concatenate([one.labels for one in detections])
            flat[f"counts_{name}"] = np.array([len(one.labels) for one in detections])
        names = [path.name for path in self.test.files]
        class_names = self.test.class_names
        np.savez(
            folder / "predictions.npz",
            allow_pickle=False,
            files=np.array(names),
            class_names=np.array(class_names),
            **flat,
        )
        for name, measured in self._measured.items():
            title = f"{self._task} · {name}"
            write_pr_curve(folder / f"{name}.pr.png", measured.matches, title)
            decided = decide(measured.matches, self._truth, measured.at_threshold.threshold)
            write_worst_frames(
                folder / f"{name}.worst.jpg",
                decided,
                answers[name],
                self._truth,
                class_names,
                lambda i: read_image(self.test.files[i]),
                names,
                title,
            )

    def _measure(self, one: ExportedVariant, detections: list[Detections]) -> DetectionAccuracy:
        threshold = float(self._heads[one.name]["operating_threshold"])
        return measure_detections(
            detections,
            self._truth,
            self.test.class_names,
            self._seed,
            threshold=threshold,
            sources=self._sources,
            where=one.file,
        )

    def _columns(self, name: str) -> dict[str, Any]:
        measured = self._measured[name]
        difference = None if name == BASELINE else paired_difference(measured, self._measured[BASELINE])
        return {
            "metric": "mAP@50",
            **measured.map50.columns("accuracy"),
            "n_test": len(self.test),
            "accuracy_delta": difference.value if difference else None,
            "accuracy_delta_low": difference.low if difference else None,
            "accuracy_delta_high": difference.high if difference else None,
            "accuracy_delta_p": difference.p_value if difference else None,
            **measured.columns(),
        }


def truth_of(frames: Frames) -> list[GroundTruth]:
    """The true boxes in pixels of the original pictures."""
    assert frames.objects is not None, "frames of a detector have boxes"
    assert frames.sizes_wh is not None
    size = frames.frames_nhwc.shape[1]
    return [
        GroundTruth(one[:, 1:] * _to_picture(width, height, size), one[:, 0].astype(np.int64), int(width), int(height))
        for one, (width, height) in zip(frames.objects, frames.sizes_wh, strict=True)
    ]


def read_detections(outputs: Outputs, head: dict[str, Any], frames: Frames, where: object = None) -> list[Detections]:
    """Heads `[N, A, K]` to boxes in pixels of the original pictures. Raises EdgeboardError for NaN and infinity."""
    if not np.isfinite(outputs).all():
        bad = int((~np.isfinite(outputs)).any(axis=(1, 2)).sum())
        raise EdgeboardError(
            "The exported file answers NaN or infinity", where=where, value=f"{bad} of {len(outputs)} frames"
        )
    assert frames.sizes_wh is not None
    read = []
    for heads_ak, (width, height) in zip(outputs, frames.sizes_wh, strict=True):
        found = decode_detections(heads_ak, head)
        read.append(found._replace(boxes_xyxy=found.boxes_xyxy * _to_picture(width, height, head["frame_size"])))
    return read


def _to_picture(width: int, height: int, frame_size: int) -> NDArray[np.float32]:
    return np.array([width / frame_size, height / frame_size] * 2, dtype=np.float32)
