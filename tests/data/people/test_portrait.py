from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.people import Person, Portrait, Recording, draw_portrait
from pipeline.data.people.recording import Headwear
from tests.data.people.cases import person, portrait, recording, steady


def _draw_person(somebody: Person, on: Recording) -> Portrait:
    return draw_portrait(somebody, on, np.random.default_rng(4), phase=0.0)


def _draw(of: int, on: Recording, phase: float = 0.0, **size: int) -> Portrait:
    return draw_portrait(person(of), on, np.random.default_rng(4), phase=phase, **size)


@pytest.mark.parametrize(("width", "height"), [(240, 320), (320, 240), (480, 640), (120, 160), (241, 319)])
def test_portrait_has_the_promised_form(width: int, height: int) -> None:
    for index in range(4):
        drawn = _draw(index, recording(index), phase=0.3, width=width, height=height)
        assert drawn.frame_rgb.shape == (height, width, 3)
        assert drawn.frame_rgb.dtype == np.uint8
        assert drawn.frame_rgb.flags.c_contiguous
        left, top, right, bottom = drawn.face_xyxy
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert 0.7 < (bottom - top) / (right - left) < 1.8
        assert drawn.landmarks_5x2.shape == (5, 2)


def test_every_face_lies_in_its_frame_and_is_seen() -> None:
    for index in range(24):
        drawn = portrait(index, index)
        left, top, right, bottom = drawn.face_xyxy
        x, y = drawn.landmarks_5x2.T
        assert left > 0
        assert top > 0
        assert right < 240
        assert bottom < 320, "a face that is cut"
        assert ((x > left) & (x < right) & (y > top) & (y < bottom)).all(), "features outside of the face"
        face = drawn.frame_rgb[int(top) : int(bottom), int(left) : int(right)]
        assert 25 < face.mean() < 235, "too dark or too bright to show anything"


def test_pixels_are_the_same_in_another_process_and_order() -> None:
    script = (
        "import hashlib, numpy as np\n"
        "np.random.seed(4)\n"
        "from tests.data.people.cases import portrait\n"
        "for i in reversed(range(5)):\n"
        "    print(i, hashlib.sha256(portrait(i, i + 1).frame_rgb.tobytes()).hexdigest())\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    here = [f"{i} {hashlib.sha256(portrait(i, i + 1).frame_rgb.tobytes()).hexdigest()}" for i in range(5)]
    assert sorted(printed.splitlines()) == here


def test_frames_of_a_phase_follow_one_another_smoothly() -> None:
    quiet = replace(recording(4), camera=replace(recording(4).camera, noise=0.0))
    frames = [_draw(2, quiet, phase=i / 48) for i in range(24)]
    corners = np.array([drawn.landmarks_5x2 for drawn in frames])
    steps = np.abs(np.diff(corners, axis=0)).max(axis=(1, 2))
    assert steps.max() < 6, "the face jumps"
    assert np.abs(corners[0] - corners[12]).max() > 2, "the face stands still"


def test_face_box_is_tight_around_the_face() -> None:
    """The relief that differs between a bald head before two skins ends at the box: left, right and at the chin."""
    somebody, on = person(3), replace(steady(9), collar="high")
    head = replace(
        somebody,
        hair=replace(somebody.hair, style="bald"),
        beard=replace(somebody.beard, style="none"),
        ears=replace(somebody.ears, size=0.01, out=0.01),
    )
    skins = ((230.0, 120.0, 100.0), (90.0, 150.0, 190.0))
    drawn = [_draw_person(replace(head, skin=replace(head.skin, colour=colour)), on) for colour in skins]
    redness = [picture.frame_rgb[..., 0].astype(int) - picture.frame_rgb[..., 2] for picture in drawn]
    left, top, right, bottom = drawn[0].face_xyxy
    row = round(float(drawn[0].landmarks_5x2[:2, 1].mean()))
    columns = np.flatnonzero(np.abs(redness[0] - redness[1])[row] > 40)
    assert columns[0] == pytest.approx(left, abs=7)
    assert columns[-1] == pytest.approx(right, abs=7)
    assert drawn[0].landmarks_5x2[3:, 1].max() < bottom < drawn[0].landmarks_5x2[3:, 1].max() + 0.5 * (bottom - top)


@pytest.mark.parametrize("yaw", [-25.0, 25.0])
def test_yaw_moves_the_nose_against_the_eyes(yaw: float) -> None:
    ahead, aside = _draw(5, steady(1)).landmarks_5x2, _draw(5, steady(1, yaw=yaw)).landmarks_5x2
    share = [(marks[2, 0] - marks[:2, 0].mean()) / (marks[1, 0] - marks[0, 0]) for marks in (ahead, aside)]
    assert abs(share[0]) < 0.1
    assert share[1] * np.sign(yaw) > 0.25


@pytest.mark.parametrize(
    ("name", "value", "feature"),
    [
        ("smile", 0.9, "mouth"),
        ("mouth_open", 0.9, "mouth"),
        ("eyes_open", 0.5, "eye"),
        ("gaze", 0.7, "eye"),
        ("brow_lift", 0.9, "brow"),
    ],
)
def test_expression_changes_its_feature_and_nothing_else(name: str, value: float, feature: str) -> None:
    calm, moved = (_draw(5, on) for on in (steady(1), steady(1, **{name: value})))
    difference = np.abs(calm.frame_rgb.astype(int) - moved.frame_rgb).sum(axis=2)
    eyes, mouth = calm.landmarks_5x2[:2], calm.landmarks_5x2[3:]
    apart = float(eyes[1, 0] - eyes[0, 0])
    centre = {"eye": eyes[0], "brow": eyes[0] - (0, 0.36 * apart), "mouth": mouth.mean(axis=0)}
    # The exposure follows the face, so that a white smile darkens everything a little.
    elsewhere = _around(difference, calm.landmarks_5x2[2] - (0, 0.25 * apart), apart * 0.1)
    assert _around(difference, centre[feature], apart * 0.25) > max(2.5 * elsewhere, 4)


def _around(difference: NDArray[np.int_], centre: NDArray[np.float32], reach: float) -> float:
    x, y, r = round(float(centre[0])), round(float(centre[1])), max(round(reach), 1)
    return float(difference[y - r : y + r + 1, x - r : x + r + 1].mean())


def test_light_from_the_other_side_shades_the_other_cheek() -> None:
    brightness = []
    for side in (-1, 1):
        on = steady(2)
        lamp = replace(on.key, direction=(0.8 * side, -0.2, 0.56), strength=(0.9, 0.9, 0.9))
        drawn = _draw(6, replace(on, key=lamp, fill=replace(on.fill, strength=(0.0, 0.0, 0.0))))
        left, top, right, bottom = (round(value) for value in drawn.face_xyxy)
        middle = (left + right) // 2
        half = [drawn.frame_rgb[top:bottom, a:b].mean() for a, b in ((left, middle), (middle, right))]
        brightness.append(half[1] - half[0])
    assert brightness[0] < -15
    assert brightness[1] > 15


def test_hood_and_cap_hide_hair_but_not_the_eyes() -> None:
    kinds: tuple[Headwear, ...] = ("beanie", "cap", "band", "hood")
    for kind in kinds:
        on = replace(steady(3), cloth_second=(40.0, 220.0, 60.0))
        bare, covered = (_draw(7, replace(on, headwear=worn)) for worn in ("none", kind))
        difference = np.abs(bare.frame_rgb.astype(int) - covered.frame_rgb).sum(axis=2)
        eyes = bare.landmarks_5x2[:2]
        apart = float(eyes[1, 0] - eyes[0, 0])
        above = eyes.mean(axis=0) - (0, apart * 1.15)
        assert _around(difference, above, apart * 0.5) > 3 * _around(difference, eyes[0], apart * 0.15)


def test_glasses_belong_to_the_person_and_may_be_taken_off() -> None:
    wearer = next(index for index in range(50) if person(index).glasses is not None)
    worn, off = (_draw(wearer, replace(steady(3), glasses=habit)) for habit in ("as ever", "taken off"))
    assert np.abs(worn.frame_rgb.astype(int) - off.frame_rgb).max() > 40


@pytest.mark.slow
def test_pixels_do_not_tell_who_it_is() -> None:
    """The nearest picture from another recording, pixel by pixel, is seldom one of the same person."""
    crops, who, where = [], [], []
    for of in range(15):
        for on in range(4):
            drawn = portrait(of, of * 4 + on)
            left, top, right, bottom = (round(value) for value in drawn.face_xyxy)
            crop = cv2.resize(drawn.frame_rgb[top:bottom, left:right], (32, 32), interpolation=cv2.INTER_AREA)
            crops.append(crop.astype(float).ravel())
            who.append(of)
            where.append(of * 4 + on)
    pixels, people = np.array(crops), np.array(who)
    distance = np.linalg.norm(pixels[:, None] - pixels[None], axis=2) + 1e9 * np.equal.outer(where, where)
    assert np.mean(people[distance.argmin(axis=1)] == people) < 0.5


@pytest.mark.slow
def test_a_face_detector_finds_them() -> None:
    from facenet_pytorch import MTCNN

    detector, found, overlaps = MTCNN(keep_all=False), 0, []
    for index in range(36):
        drawn = portrait(index, index, 1)
        boxes, probabilities = detector.detect(drawn.frame_rgb)
        if boxes is None or probabilities[0] <= 0.95:
            continue
        found += 1
        overlaps.append(_overlap(boxes[0], np.array(drawn.face_xyxy)))
    assert found >= 35
    assert np.median(overlaps) >= 0.5


def _overlap(first: NDArray[Any], second: NDArray[Any]) -> float:
    shared = np.prod(np.clip(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0, None))
    areas = np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2])
    return float(shared / (areas - shared))
