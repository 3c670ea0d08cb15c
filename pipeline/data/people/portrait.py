"""One frame of a recording of a person."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people import chart
from pipeline.data.people.body import draw_back_of_head, draw_body, draw_ear
from pipeline.data.people.drawn_person import draw_spectacles
from pipeline.data.people.dressed import DressedHead, dress
from pipeline.data.people.features import Expression, mouth_corners, paint_features
from pipeline.data.people.hair import covers_ears
from pipeline.data.people.light import shade, shade_flat
from pipeline.data.people.person import Glasses, Person
from pipeline.data.people.photograph import background, photograph
from pipeline.data.people.recording import Recording
from pipeline.data.people.sculpture import BACK, face_points, height_at, sculpt
from pipeline.data.people.skin import paint_skin
from pipeline.data.people.view import View, trace, turn
from pipeline.data.people.worn import draw_brim, draw_glasses

# What the camera exposes for: brows to mouth, on the chart, every fourth pixel.
_FACE_LEFT_TOP, _FACE_RIGHT_BOTTOM = chart.to_pixels([(-0.5, -0.3), (0.5, 0.8)]).round().astype(int).tolist()
_EAR_TURNS_AWAY = -0.08  # the part of the line of sight that points to the ear's side of the head


@dataclass(frozen=True)
class Portrait:
    """`frame_rgb` `[height, width, 3]` 0..255; `face_xyxy` in pixels, forehead to chin and without the ears;
    `landmarks_5x2` the eyes, tip of the nose and corners of the mouth, left of the picture first."""

    frame_rgb: NDArray[np.uint8]
    face_xyxy: tuple[float, float, float, float]
    landmarks_5x2: NDArray[np.float32]


def draw_portrait(
    person: Person,
    recording: Recording,
    rng: np.random.Generator,
    width: int = 240,
    height: int = 320,
    phase: float | None = None,
) -> Portrait:
    """A frame `[height, width, 3]` at `phase` 0..1 of the recording; without a phase, at one that `rng` chooses.

    Pose and expression are smooth functions of the phase; `rng` adds the tremor of a hand and the noise.
    The pixels depend on the arguments only.
    """
    if phase is None:
        phase = float(rng.random())
    unit = min(height, width * 4 / 3)
    view = _view(person, recording, rng, width, height, phase)
    expression = Expression(
        smile=float(np.clip(recording.smile.at(phase), -0.7, 1)),
        mouth_open=float(np.clip(recording.mouth_open.at(phase), 0, 1)),
        brow_lift=float(np.clip(recording.brow_lift.at(phase), -0.7, 1)),
        eyes_open=float(np.clip(recording.eyes_open.at(phase), 0.45, 1.15)),
        gaze=float(np.clip(recording.gaze.at(phase), -0.8, 0.8)),
    )
    drift = (view.centre[0] - width * recording.x.mean, view.centre[1] - height * recording.y.mean)
    frame = background(recording, (-0.3 * drift[0], -0.3 * drift[1]), width, height)
    draw_body(frame, person, recording, view)
    draw_back_of_head(frame, person, recording, view)
    ears = () if covers_ears(person.hair) or recording.headwear == "hood" else (-1, 1)
    hidden = [side for side in ears if view.to_head([0.0, 0.0, 1.0])[0] * side < _EAR_TURNS_AWAY]
    for side in hidden:
        draw_ear(frame, person, recording, view, side)
    meter = _draw_head(frame, person, recording, expression, view)
    for side in [side for side in ears if side not in hidden]:
        draw_ear(frame, person, recording, view, side)
    front = shade_flat(recording, view.rotation @ np.array([0.0, -0.3, 1.0]))
    glasses = _glasses(person, recording)
    if glasses is not None:
        draw_glasses(frame, glasses, person, view, front)
    if recording.headwear == "cap":
        draw_brim(frame, person, recording, view, front)
    blur = recording.camera.blur * unit / 320
    photo = photograph(frame, recording, rng, meter, blur)
    return Portrait(photo, _face_box(person, view, width, height), _landmarks(person, expression, view))


def _view(
    person: Person, recording: Recording, rng: np.random.Generator, width: int, height: int, phase: float
) -> View:
    unit = min(height, width * 4 / 3)
    rotation = turn(
        recording.yaw.at(phase) + rng.normal(0, 0.4),
        recording.pitch.at(phase) + rng.normal(0, 0.4),
        recording.roll.at(phase) + rng.normal(0, 0.4),
    )
    scale = recording.size.at(phase) * unit
    x = recording.x.at(phase) * width + rng.normal(0, 0.002) * unit
    y = recording.y.at(phase) * height + rng.normal(0, 0.002) * unit
    view = View(rotation, scale, (x, y), recording.camera.nearness)
    # A face that would be cut is moved back into the frame: whoever films somebody keeps the face in it.
    points = view.project(face_points(person))
    room = 3.0
    low, high = points.min(axis=0) - room, points.max(axis=0) + room
    x += max(-low[0], 0.0) - max(high[0] - width, 0.0)
    y += max(-low[1], 0.0) - max(high[1] - height, 0.0)
    return View(rotation, scale, (float(x), float(y)), recording.camera.nearness)


def _draw_head(
    frame: NDArray[np.uint8], person: Person, recording: Recording, expression: Expression, view: View
) -> float:
    """Lay the lit head over the frame, in place; gives the mean brightness 0..1 of the face for the exposure."""
    head = dress(person, recording)
    painted = paint_skin(person).copy()
    paint_features(painted, person, expression)
    painted = cv2.add(cv2.multiply(painted, head.bare, scale=1 / 255), head.covers)  # type: ignore[assignment]
    light = cv2.resize(
        shade(head.surface, recording, view), (chart.WIDTH, chart.HEIGHT), interpolation=cv2.INTER_LINEAR
    )
    lit = np.clip(painted * light, 0, 255).astype(np.uint8)
    middle = lit[_FACE_LEFT_TOP[1] : _FACE_RIGHT_BOTTOM[1] : 4, _FACE_LEFT_TOP[0] : _FACE_RIGHT_BOTTOM[0] : 4]
    box = _head_box(head, view, frame.shape[1], frame.shape[0])
    map_x, map_y, filled = trace(view, head.surface.height, box)
    seen = cv2.remap(lit, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left, top, right, bottom = box
    part = frame[top:bottom, left:right]
    part[:] = chart.over(part, seen, filled)
    return float(middle.mean()) / 255


def _head_box(head: DressedHead, view: View, width: int, height: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = head.extent
    corners = [(x, y, z) for x in (left, right) for y in (top, bottom) for z in (BACK, 1.0)]
    points = view.project(corners)
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)
    return (max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height))


def _glasses(person: Person, recording: Recording) -> Glasses | None:
    if recording.glasses == "taken off":
        return None
    if recording.glasses == "other ones":
        return draw_spectacles(np.random.default_rng(recording.seed))
    return person.glasses


def _face_box(person: Person, view: View, width: int, height: int) -> tuple[float, float, float, float]:
    points = view.project(face_points(person))
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return (max(float(left), 0.0), max(float(top), 0.0), min(float(right), width), min(float(bottom), height))


def _landmarks(person: Person, expression: Expression, view: View) -> NDArray[np.float32]:
    heights, apart = sculpt(person).height, person.eyes.apart
    flat = [(-apart, 0.0), (apart, 0.0), (0.0, person.nose.tip_y), *mouth_corners(person, expression).tolist()]
    points = [(x, y, height_at(heights, x, y)) for x, y in flat]
    return view.project(points).astype(np.float32)
