"""The curve and the sheet of the worst frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.benchmark.detection import worst_frames
from pipeline.benchmark.detection.operating_point import decide
from pipeline.benchmark.detection.pr_curve import write_pr_curve
from pipeline.benchmark.detection.worst_frames import (
    RIGHT,
    TRUE,
    WRONG,
    errors_per_picture,
    worst_pictures,
    write_worst_frames,
)
from pipeline.metrics.matching import match_detections
from pipeline.tasks.boxes import Detections
from tests.benchmark.detection.cases import found, random_case, true

A, B = (10, 10, 30, 30), (60, 40, 80, 60)


@pytest.mark.parametrize("n_classes", [1, 9, 30])
def test_the_curve_is_small_and_the_same_bytes_twice(tmp_path: Path, n_classes: int) -> None:
    matches = match_detections(*random_case(0, 60, n_classes), [f"class {i}" for i in range(n_classes)])
    for name in ("one.png", "two.png"):
        write_pr_curve(tmp_path / name, matches, "suspect · baseline")
    data = (tmp_path / "one.png").read_bytes()
    assert data == (tmp_path / "two.png").read_bytes()
    assert len(data) < 150_000


def test_the_curve_shows_what_was_found(tmp_path: Path) -> None:
    truth = [true((*A, 0)), true((*B, 1))]
    for name, detections in (
        ("all", [found((*A, 0.9, 0)), found((*B, 0.9, 1))]),
        ("none", [found(), found()]),
        ("one class", [found((*A, 0.9, 0)), found()]),
    ):
        write_pr_curve(tmp_path / f"{name}.png", match_detections(detections, truth, ["a", "b", "c"]), "t")
    pictures = [np.asarray(Image.open(path).convert("RGB")).astype(int) for path in sorted(tmp_path.iterdir())]
    assert all(len(np.unique(picture.reshape(-1, 3), axis=0)) > 10 for picture in pictures)
    for i in range(3):
        assert np.abs(pictures[i] - pictures[i - 1]).sum() > 1000


DETECTIONS = [
    found((*A, 0.9, 0)),  # right
    found(),  # one missed: 1
    found((*A, 0.75, 1), (*B, 0.5, 1)),  # one missed, two false alarms: 2.25
    found((*B, 0.625, 0)),  # a false alarm in an empty picture: 0.625
    found(),  # two missed: 2
]
TRUTH = [true((*A, 0)), true((*A, 0)), true((*A, 0)), true(), true((*A, 0), (*B, 1))]


def _decided(detections: list[Detections] = DETECTIONS) -> list:
    return decide(match_detections(detections, TRUTH, ["a", "b"]), TRUTH, 0.5)


def test_the_worst_come_first_and_what_is_right_never() -> None:
    np.testing.assert_allclose(errors_per_picture(_decided(), DETECTIONS), [0, 1, 2.25, 0.625, 2])
    assert worst_pictures(_decided(), DETECTIONS) == [2, 4, 1, 3]
    assert worst_pictures(_decided(), DETECTIONS, most=2) == [2, 4]


def _count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Pixels about as coloured; the sheet is a JPEG."""
    return int((np.abs(picture.astype(int) - colour).max(axis=-1) < 25).sum())


def _write(path: Path, detections: list[Detections]) -> tuple[list[int], list[int], np.ndarray]:
    read: list[int] = []

    def read_picture(i: int) -> np.ndarray:
        read.append(i)
        return np.full((80, 100, 3), 128, dtype=np.uint8)

    names = [f"picture-{i}-{'x' * 200}.jpg" for i in range(len(TRUTH))]
    drawn = write_worst_frames(
        path, _decided(detections), detections, TRUTH, ["a", "b"], read_picture, names, "suspect · baseline"
    )
    with Image.open(path) as sheet:
        return drawn, read, np.asarray(sheet.convert("RGB"))


def test_the_sheet_shows_true_boxes_and_mistakes_of_the_worst_only(tmp_path: Path) -> None:
    drawn, read, sheet = _write(tmp_path / "one.jpg", DETECTIONS)
    assert drawn == read == [2, 4, 1, 3]
    _write(tmp_path / "two.jpg", DETECTIONS)
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()
    below_legend = sheet[50:]
    assert _count(below_legend, TRUE) > 500
    assert _count(below_legend, WRONG) > 500
    assert _count(below_legend, RIGHT) < 50  # none of the four has a hit


def test_a_sheet_without_mistakes_says_so_and_reads_nothing(tmp_path: Path) -> None:
    perfect = [found(*((*box, 0.9, label) for *box, label in (*one.boxes_xyxy.tolist(),) and np.c_[
        one.boxes_xyxy, one.labels].tolist())) for one in TRUTH]  # fmt: skip
    drawn, read, sheet = _write(tmp_path / "none.jpg", perfect)
    assert drawn == read == []
    assert sheet.shape[0] < 100


@pytest.mark.parametrize(("n", "shown"), [(1, 1), (20, 20), (33, 20)])
def test_the_sheet_stays_small_whatever_the_pictures(
    tmp_path: Path, n: int, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worst_frames, "MAX_BYTES", 300_000)
    random = np.random.default_rng(0)
    pictures = [
        random.integers(0, 256, (int(h), int(w), 3), dtype=np.uint8) for h, w in random.integers(20, 300, (n, 2))
    ]
    truth = [true((5, 5, 15, 15, 0))._replace(width=p.shape[1], height=p.shape[0]) for p in pictures]
    detections = [found()] * n
    decided = decide(match_detections(detections, truth, ["a"]), truth, 0.5)
    drawn = write_worst_frames(
        tmp_path / "s.jpg", decided, detections, truth, ["a"], pictures.__getitem__, ["name"] * n, "noise"
    )
    assert drawn == list(range(shown))
    assert (tmp_path / "s.jpg").stat().st_size <= 300_000
