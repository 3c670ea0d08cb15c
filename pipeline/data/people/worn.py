"""What is worn on the head: caps, bands and hoods as covers of the chart, glasses and brims before it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people import chart
from pipeline.data.people.hair import Cover, beyond_edge, cover_height
from pipeline.data.people.person import Glasses, Person
from pipeline.data.people.recording import Recording
from pipeline.data.people.sculpture import height_at, sculpt
from pipeline.data.people.view import View
from pipeline.data.scene_noise import Floats, fractal_noise
from pipeline.data.sprites.shapes import Outline, smooth

Frame = NDArray[np.uint8]
_RIM_POINTS = 28


def put_on(person: Person, recording: Recording) -> Cover | None:
    """The cap, beanie, head band or hood of a recording, fitted to the head."""
    kind = recording.headwear
    if kind == "none":
        return None
    skull, rng = person.skull, np.random.default_rng(recording.seed)
    edge_y, loose = _edge_of(person, rng), rng.uniform(0.06, 0.16)
    top, wide, cheek = -skull.crown - loose, skull.forehead + loose, skull.cheek
    crown = [
        (0.0, top),
        (wide * 0.32, top),
        (wide * 0.65, top * 0.95),
        (wide * 0.92, top * 0.75),
        (wide * 1.01, top * 0.4),
    ]
    if kind == "hood":
        right = smooth(
            [*crown, (cheek + 0.24, 0.2), (cheek + 0.2, 0.9), (cheek * 0.9, 1.45), (0.4, 1.6), (0.3, 1.6)],
            3,
            closed=False,
        )
        hole = smooth(
            _mirrored(
                [
                    (0.0, -0.84),
                    (0.5, -0.76),
                    (cheek * 0.97, -0.2),
                    (cheek * 0.95, 0.6),
                    (0.6, 1.2),
                    (0.5, 1.7),
                    (0, 1.7),
                ]
            ),
            2,
        )
    else:
        right = smooth([*crown, (cheek + 0.05, -0.12), (cheek + 0.02, 0.0), (cheek * 0.7, 0.02)], 3, closed=False)
        bend = rng.uniform(0.02, 0.16)
        hole = smooth(
            _mirrored(
                [
                    (0.0, edge_y),
                    (0.4, edge_y + bend * 0.2),
                    (0.9, edge_y + bend),
                    (1.5, edge_y + bend),
                    (1.5, 1.7),
                    (0, 1.7),
                ]
            ),
            1,
        )
    mask: chart.Chart = cv2.subtract(chart.mask_of(beyond_edge(_mirrored(right)), 0.005), chart.mask_of(hole, 0.006))  # type: ignore[assignment]
    if kind == "band":
        tall = rng.uniform(0.14, 0.26)
        mask = cv2.subtract(  # type: ignore[assignment]
            mask, chart.mask_of([(-1.5, -1.9), (1.5, -1.9), (1.5, edge_y - tall), (-1.5, edge_y - tall)])
        )
    return Cover(_knitted(rng, recording, kind == "beanie", edge_y), mask, cover_height(person, right))


def draw_brim(frame: Frame, person: Person, recording: Recording, view: View, light: Floats) -> None:
    """The brim of a cap, in place; `light` `[3]` is what falls on it."""
    edge_y = _edge_of(person, np.random.default_rng(recording.seed))
    t = np.linspace(-1, 1, 21)
    wide = person.skull.forehead
    inner = np.stack([t * wide * 0.86, np.full(21, edge_y - 0.03) + 0.05 * t**2, 0.92 * np.sqrt(1.05 - t**2 * 0.85)], 1)
    outer = inner + np.stack([t * 0.06, np.full(21, 0.07) - 0.04 * t**2, 0.52 * (1 - t**2 * 0.75)], 1)
    colour = np.array(recording.cloth_second) * light
    quad = np.concatenate([view.project(inner), view.project(outer)[::-1]])
    cv2.fillPoly(frame, [chart.fixed_point(quad)], np.clip(colour * 0.8, 0, 255).tolist(), cv2.LINE_AA, 4)
    edge = chart.fixed_point(view.project(outer))
    cv2.polylines(frame, [edge], False, np.clip(colour * 0.45, 0, 255).tolist(), 2, cv2.LINE_AA, 4)


def draw_glasses(frame: Frame, glasses: Glasses, person: Person, view: View, light: Floats) -> None:
    """Rims, bridge and the temple that is seen, with a faint gleam on the lenses, in place."""
    heights, apart = sculpt(person).height, person.eyes.apart
    z = max(height_at(heights, 0.0, -0.02), height_at(heights, apart, -person.brows.height)) + 0.04
    colour = np.clip(np.array(glasses.colour) * light, 0, 255).tolist()
    thickness = max(round(glasses.thick * view.scale), 1)
    angles = np.linspace(0, 2 * np.pi, _RIM_POINTS, endpoint=False)
    power = 1 - 0.5 * glasses.square
    ring = np.stack(
        [
            np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** power,
            np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** power,
        ],
        1,
    )
    gleam = frame.copy()
    for side in (-1, 1):
        x = side * max(apart, glasses.wide + 0.06) + ring[:, 0] * glasses.wide
        rim = np.stack([x, 0.02 + ring[:, 1] * glasses.tall, z - 0.35 * x**2], 1)
        pixels = chart.fixed_point(view.project(rim))
        cv2.fillPoly(gleam, [pixels], np.clip(235 * light, 0, 255).tolist(), cv2.LINE_AA, 4)
        cv2.polylines(frame, [pixels], True, colour, thickness, cv2.LINE_AA, 4)
        outer = rim[np.argmax(side * rim[:, 0])]
        ear = np.array([side * (person.skull.cheek + 0.02), -0.02, -0.1])
        # The far temple lies behind the head.
        if view.to_head([0.0, 0.0, 1.0])[0] * side > -0.12:
            cv2.polylines(
                frame, [chart.fixed_point(view.project([outer, ear]))], False, colour, thickness, cv2.LINE_AA, 4
            )
    inner = max(apart, glasses.wide + 0.06) - glasses.wide
    bridge = [(-inner, 0.0, z - 0.01), (0.0, -0.03, z + 0.02), (inner, 0.0, z - 0.01)]
    cv2.polylines(frame, [chart.fixed_point(view.project(bridge))], False, colour, thickness, cv2.LINE_AA, 4)
    cv2.addWeighted(frame, 0.93, gleam, 0.07, 0, dst=frame)


def _edge_of(person: Person, rng: np.random.Generator) -> float:
    """y of the lower edge over the forehead; the first number drawn, so that cap and brim agree."""
    return -person.brows.height - rng.uniform(0.12, 0.26)


def _mirrored(right: object) -> Outline:
    half = np.asarray(right, dtype=np.float64)
    return np.concatenate([half, half[::-1] * (-1, 1)])


def _knitted(rng: np.random.Generator, recording: Recording, has_hem: bool, edge_y: float) -> chart.Chart:
    x, y = chart.grid(chart.PIXELS_PER_UNIT)
    ribs = 0.86 + 0.14 * np.sin(x * rng.uniform(40, 90)) if has_hem else np.ones_like(x)
    cloth = (0.8 + 0.3 * fractal_noise(rng, chart.HEIGHT, chart.WIDTH, (6, 6), 3)) * ribs
    colour = cloth[..., None] * np.array(recording.cloth_second, np.float32)
    if has_hem:
        hem = (y > edge_y - 0.2)[..., None]
        colour = np.where(hem, colour * np.float32(0.8), colour)
    return np.clip(colour, 0, 255).astype(np.uint8)
