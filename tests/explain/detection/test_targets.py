from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.explain.detection.similarity import similarities
from pipeline.explain.detection.targets import choose_targets
from pipeline.tasks.boxes import class_scores
from tests.explain.detection.planted_detector import LEFT, RIGHT, Box, Planted, Seen, planted_head, scene

BESIDE_LEFT: Box = (6, 8, 22, 24)  # IoU 0.78 with LEFT
CLOSE: Box = (40, 4, 56, 20)
SURE, FAIR = 10.0, 7.0


def _choose(
    anchors: list[Seen], objects: list[tuple[Box, int]], bright: list[Box], operating_threshold: float | None = None
) -> list[tuple[str, int, int | None]]:
    head = planted_head(anchors) | ({"operating_threshold": operating_threshold} if operating_threshold else {})
    frame = scene("one", objects, bright)
    with torch.no_grad():
        heads = Planted(anchors)(torch.from_numpy(frame.frame_nchw)).numpy()[0]
    return [(one.kind, one.label, one.true_object) for one in choose_targets(heads, head, frame)]


@pytest.mark.parametrize(
    ("anchors", "objects", "bright", "expected"),
    [
        pytest.param([Seen(LEFT, 0, LEFT)], [], [], [], id="nothing there, nothing seen"),
        pytest.param(
            [Seen(LEFT, 0, LEFT)], [(LEFT, 2), (RIGHT, 1)], [], [("missed", 1, 1)], id="largest of the missed"
        ),
        pytest.param([Seen(LEFT, 0, LEFT)], [], [LEFT], [("false alarm", 0, None)], id="seen where nothing is"),
        pytest.param([Seen(LEFT, 0, LEFT)], [(RIGHT, 0)], [LEFT], [("false alarm", 0, None)], id="seen elsewhere"),
        pytest.param([Seen(LEFT, 0, LEFT)], [(RIGHT, 0), (LEFT, 2)], [LEFT], [("wrong class", 0, 1)], id="wrong class"),
        pytest.param([Seen(LEFT, 0, LEFT)], [(RIGHT, 1), (LEFT, 0)], [LEFT], [("found", 0, 1)], id="found"),
        pytest.param(
            [Seen(LEFT, 0, LEFT, FAIR), Seen(RIGHT, 1, RIGHT, SURE)],
            [(LEFT, 0), (RIGHT, 1)],
            [LEFT, RIGHT],
            [("found", 1, 1), ("found", 0, 0)],
            id="the surer first",
        ),
        pytest.param(
            [Seen(LEFT, 0, LEFT, FAIR), Seen(RIGHT, 1, RIGHT, SURE)],
            [(LEFT, 0)],
            [LEFT, RIGHT],
            [("found", 0, 0)],
            id="a true one before a surer false alarm",
        ),
        pytest.param(
            [Seen(LEFT, 0, LEFT), Seen(BESIDE_LEFT, 1, LEFT)],
            [(LEFT, 0)],
            [LEFT],
            [("found", 0, 0)],
            id="one object is found once",
        ),
        pytest.param(
            [Seen(LEFT, 0, LEFT), Seen(RIGHT, 1, RIGHT), Seen(CLOSE, 2, CLOSE)],
            [(LEFT, 0), (RIGHT, 1), (CLOSE, 2)],
            [LEFT, RIGHT, CLOSE],
            [("found", 0, 0), ("found", 1, 1)],
            id="two at most",
        ),
    ],
)
def test_which_detections_are_explained(
    anchors: list[Seen],
    objects: list[tuple[Box, int]],
    bright: list[Box],
    expected: list[tuple[str, int, int | None]],
) -> None:
    assert _choose(anchors, objects, bright) == expected


@pytest.mark.parametrize(
    ("anchors", "objects", "bright", "expected"),
    [
        pytest.param([Seen(LEFT, 0, LEFT, FAIR)], [], [LEFT], [], id="a weak false alarm is none"),
        pytest.param([Seen(LEFT, 0, LEFT, FAIR)], [(LEFT, 0)], [LEFT], [("too weak", 0, 0)], id="too weak"),
        pytest.param([Seen(LEFT, 0, LEFT, FAIR)], [(LEFT, 1)], [LEFT], [("missed", 1, 0)], id="weak and wrong"),
        pytest.param([Seen(LEFT, 0, LEFT, SURE)], [(LEFT, 0)], [LEFT], [("found", 0, 0)], id="sure"),
        pytest.param(
            [Seen(LEFT, 0, LEFT, FAIR), Seen(RIGHT, 1, RIGHT, SURE)],
            [(LEFT, 0), (RIGHT, 1)],
            [LEFT, RIGHT],
            [("found", 1, 1)],
            id="the weak one is not seen beside a sure one",
        ),
        pytest.param(
            [Seen(LEFT, 0, LEFT, FAIR), Seen(RIGHT, 1, RIGHT, SURE)],
            [(LEFT, 0)],
            [LEFT, RIGHT],
            [("false alarm", 1, None)],
            id="what is reported comes before a weak true one",
        ),
    ],
)
def test_what_counts_as_seen_is_what_a_device_reports(
    anchors: list[Seen],
    objects: list[tuple[Box, int]],
    bright: list[Box],
    expected: list[tuple[str, int, int | None]],
) -> None:
    # FAIR and SURE end at scores of 0.976 and 0.999.
    assert _choose(anchors, objects, bright, operating_threshold=0.99) == expected


def test_two_anchors_of_one_class_do_not_find_one_object_twice() -> None:
    # Their overlap is below that of the suppression, and both overlap the object by more than a half.
    tall = (4, 8, 20, 40)
    upper, lower = (4, 8, 20, 27), (4, 21, 20, 40)
    anchors = [Seen(upper, 0, tall), Seen(lower, 0, tall)]
    assert _choose(anchors, [(tall, 0)], [tall]) == [("found", 0, 0)]


def test_a_target_is_the_vector_of_its_own_anchor() -> None:
    anchors = [Seen(RIGHT, 1, LEFT), Seen(LEFT, 0, LEFT), Seen(BESIDE_LEFT, 2, LEFT, FAIR)]
    frame = scene("one", [(LEFT, 0)])
    with torch.no_grad():
        heads = Planted(anchors)(torch.from_numpy(frame.frame_nchw)).numpy()[0]
    head = planted_head(anchors)
    (target,) = choose_targets(heads, head, frame)
    scores = class_scores(heads, head)
    assert np.array_equal(target.vector.probabilities, scores[1])
    assert np.array_equal(target.vector.box_xyxy, np.array(LEFT, dtype=np.float32))
    assert (target.score, target.true_iou) == (pytest.approx(float(scores[1, 0])), pytest.approx(1))
    # In the frame itself it is found again: cosine and overlap 1, what is left is the objectness.
    assert similarities(heads, head, [target.vector]) == pytest.approx([float(scores[1].sum())], rel=1e-5)


def test_a_missed_object_is_looked_for_with_its_true_box_and_class() -> None:
    anchors = [Seen(LEFT, 0, LEFT)]
    frame = scene("one", [(RIGHT, 2)])
    with torch.no_grad():
        heads = Planted(anchors)(torch.from_numpy(frame.frame_nchw)).numpy()[0]
    (target,) = choose_targets(heads, planted_head(anchors), frame)
    assert target.vector.probabilities.tolist() == [0, 0, 1]
    assert target.vector.box_xyxy.tolist() == list(RIGHT)
    assert target.score == 0
