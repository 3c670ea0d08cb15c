"""What a detector does at one score threshold, as it runs on the board: hits, misses and mistakes, all at IoU 0.5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.detection.resampling import Resampling
from pipeline.benchmark.resampled import interval
from pipeline.benchmark.statistics import Estimate
from pipeline.metrics.ground_truth import GroundTruth
from pipeline.metrics.matching import IOU_THRESHOLDS, Matches
from pipeline.tasks.boxes import Detections, iou_matrix


@dataclass(frozen=True)
class DecidedPicture:
    """One picture at the threshold; indices into its Detections and its GroundTruth, int64.

    hits: detections that met a true box of their class, and met: those boxes, in the same order. false: the other
    detections, best first. missed: true boxes that none met.
    """

    hits: NDArray[np.int64]
    met: NDArray[np.int64]
    false: NDArray[np.int64]
    missed: NDArray[np.int64]


@dataclass(frozen=True)
class OperatingPoint:
    """precision: None without any detection at the threshold. All are fractions in [0, 1] over all classes together."""

    threshold: float
    precision: Estimate | None
    recall: Estimate
    f1: Estimate


def decide(matches: Matches, truth: Sequence[GroundTruth], threshold: float) -> list[DecidedPicture]:
    """What detections with a score of at least the threshold met, picture by picture."""
    columns = [np.stack([one.picture, one.index, one.met], axis=1)[one.scores >= threshold] for one in matches.classes]
    scores = np.concatenate([one.scores[one.scores >= threshold] for one in matches.classes])
    rows = np.concatenate(columns)
    order = np.lexsort((rows[:, 1], -scores, rows[:, 0]))
    rows = rows[order]
    limits = np.searchsorted(rows[:, 0], np.arange(matches.n_pictures + 1))
    decided = []
    for i, one in enumerate(truth):
        mine = rows[limits[i] : limits[i + 1]]
        is_hit = mine[:, 2] >= 0
        missed = np.setdiff1d(np.arange(len(one.labels)), mine[is_hit, 2])
        decided.append(DecidedPicture(mine[is_hit, 1], mine[is_hit, 2], mine[~is_hit, 1], missed))
    return decided


def operating_point(decided: Sequence[DecidedPicture], threshold: float, resampling: Resampling) -> OperatingPoint:
    """Precision, recall and F1 with intervals over pictures, from the same resamples as average precision."""
    counts_n3 = np.array([[len(one.hits), len(one.false), len(one.missed)] for one in decided])
    totals = np.concatenate([weights @ counts_n3 for weights in resampling.weights()])
    value, resampled = _rates(counts_n3.sum(axis=0, keepdims=True))[0], _rates(totals)
    precision, recall, f1 = (
        interval(float(value[k]), resampled[:, k], (0.0, 1.0), resampling.n_groups())
        if not np.isnan(value[k])
        else None
        for k in range(3)
    )
    assert recall is not None
    assert f1 is not None, "the test split has boxes, check_truth saw to it"
    return OperatingPoint(threshold, precision, recall, f1)


def _rates(counts_b3: NDArray[np.int64]) -> NDArray[np.float64]:
    """Hits, false detections and misses `[b, 3]` to precision, recall and F1 `[b, 3]`; NaN for 0 / 0."""
    hits, false, missed = counts_b3.T
    with np.errstate(invalid="ignore"):
        return np.stack([hits / (hits + false), hits / (hits + missed), 2 * hits / (2 * hits + false + missed)], axis=1)


def confusion_table(
    decided: Sequence[DecidedPicture],
    detections: Sequence[Detections],
    truth: Sequence[GroundTruth],
    n_classes: int,
) -> NDArray[np.int64]:
    """`[C + 1, C + 1]` counts. Rows: the true class, last the background. Columns: the decided class, last "missed".

    The diagonal holds the hits. A detection without a hit is put down to the missed box of another class that it covers
    best (IoU at least 0.5, best score first, each box once), else to the background.
    """
    table = np.zeros((n_classes + 1, n_classes + 1), dtype=np.int64)
    for one, found, true in zip(decided, detections, truth, strict=True):
        confused, covered = _confused(one, found, true)
        alarms, missed = np.setdiff1d(one.false, confused), np.setdiff1d(one.missed, covered)
        background, nothing = np.full(len(alarms), n_classes), np.full(len(missed), n_classes)
        rows = np.concatenate([true.labels[one.met], true.labels[covered], background, true.labels[missed]])
        columns = np.concatenate([found.labels[one.hits], found.labels[confused], found.labels[alarms], nothing])
        np.add.at(table, (rows, columns), 1)
    return table


def _confused(one: DecidedPicture, found: Detections, true: GroundTruth) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a false detection and the missed box that it covers, as indices."""
    # In double precision, as pycocotools has it: else a box just short of IoU 0.5 could be "another" of its own class.
    iou = iou_matrix(found.boxes_xyxy[one.false].astype(np.float64), true.boxes_xyxy[one.missed].astype(np.float64))
    pairs = []
    for row in range(len(one.false)):
        column = int(iou[row].argmax()) if iou.shape[1] else 0
        if iou.shape[1] and iou[row, column] >= IOU_THRESHOLDS[0]:
            pairs.append((one.false[row], one.missed[column]))
            iou[:, column] = 0
    chosen = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return chosen[:, 0], chosen[:, 1]
