"""Where it happens: a ground, four walls (house fronts, hedges, fences; or a room) and the sky, seen by rays."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.movers.camera import View
from pipeline.data.movers.light import Light
from pipeline.data.movers.skeleton import Array
from pipeline.data.scene_noise import fractal_noise
from pipeline.data.sprites import surfaces
from pipeline.data.sprites.surfaces import SIDE, Picture, Texture

Frame = NDArray[np.uint8]
# Ground three times, each finer than a far pixel, two walls in the same way, the sky.
_LEVELS = 3
_OUTDOOR_GROUNDS = (surfaces.asphalt, surfaces.tiles, surfaces.grass, surfaces.soil, surfaces.planks)
_INDOOR_GROUNDS = (surfaces.tiles, surfaces.planks, surfaces.carpet, surfaces.plaster)


@dataclass(frozen=True)
class Place:
    """`low` and `high` `[2]` are the corners of the walls in a frame turned by `angle` about z. Lengths are metres."""

    atlas: Picture
    angle: float
    low: Array
    high: Array
    wall_height: float
    ground_size: float
    wall_sizes: tuple[float, float]

    def holds(self, points: Array) -> bool:
        """Whether all points `[n, 2]` on the ground are within the walls."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turned = points @ np.array([[cosine, -sine], [sine, cosine]])
        return bool(np.all((turned > self.low) & (turned < self.high)))

    def seen(self, view: View, frame: int) -> Frame:
        """`[height, width, 3]` RGB 0..255, without anybody in it."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
        origin = (turn @ view.place[frame]).astype(np.float32)
        right, up, forward = (view.axes[frame] @ turn.T).astype(np.float32)
        xs = ((np.arange(view.width, dtype=np.float32) + 0.5 - view.width / 2) / view.focal)[None, :]
        ys = ((view.height / 2 - 0.5 - np.arange(view.height, dtype=np.float32)) / view.focal)[:, None]
        dx, dy, dz = (forward[i] + xs * right[i] + ys * up[i] for i in range(3))
        with np.errstate(divide="ignore"):
            to_x = np.where(dx > 0, self.high[0] - origin[0], self.low[0] - origin[0]).astype(np.float32) / dx
            to_y = np.where(dy > 0, self.high[1] - origin[1], self.low[1] - origin[1]).astype(np.float32) / dy
            to_ground = np.where(dz < 0, -origin[2] / dz, np.float32(np.inf))
        to_wall, side = np.minimum(to_x, to_y), to_x < to_y
        on_ground = to_ground < to_wall
        far = np.minimum(np.where(on_ground, to_ground, to_wall), np.float32(500))
        x, y, z = origin[0] + far * dx, origin[1] + far * dy, origin[2] + far * dz
        in_sky = ~on_ground & (z > self.wall_height)
        sizes = np.where(side, np.float32(self.wall_sizes[0]), np.float32(self.wall_sizes[1]))
        along = np.where(on_ground, x / np.float32(self.ground_size), np.where(side, y, x) / sizes)
        down = np.where(on_ground, y / np.float32(self.ground_size), (self.wall_height - z) / self.wall_height)
        # How many texels a pixel covers, on the ground seen at a slant, decides how fine a texture may be.
        slant = np.where(on_ground, np.float32(1) / np.maximum(-dz, np.float32(0.03)), np.float32(1))
        texels = far * slant * np.float32(SIDE / view.focal) / np.where(on_ground, np.float32(self.ground_size), sizes)
        level = np.clip(np.log2(np.maximum(texels, 1)) * np.float32(0.75), 0, _LEVELS - 1).astype(np.int8)
        block = np.where(on_ground, 0, np.where(side, _LEVELS, 2 * _LEVELS)) + level
        along = np.where(in_sky, np.arctan2(dy, dx) * np.float32(0.8), along)
        down = np.where(in_sky, np.float32(0.98) - dz * np.float32(1.2), down)
        block = np.where(in_sky, 3 * _LEVELS, block)
        mapped = _mirrored(along), np.where(in_sky, np.clip(down, 0.01, 0.99), _mirrored(down))
        span = np.float32(SIDE - 1.02)
        map_x = mapped[0] * span + np.float32(0.01)
        map_y = mapped[1] * span + (block * SIDE).astype(np.float32) + np.float32(0.01)
        seen = cv2.remap(self.atlas, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
        return np.asarray(seen, np.uint8)


def draw_place(rng: np.random.Generator, light: Light, cover: Array, *, indoors: bool) -> Place:
    """A place whose walls stand around all points of `cover` `[n, 2]`."""
    angle = float(rng.uniform(0, np.pi / 2))
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = cover @ np.array([[cosine, -sine], [sine, cosine]])
    margins = rng.uniform(0.6, 4.0, 4) if indoors else np.exp(rng.uniform(np.log(1.5), np.log(28), 4))
    if indoors:
        ground, walls = _INDOOR_GROUNDS[int(rng.integers(4))](rng), [_room_wall(rng) for _ in range(2)]
        height, sizes = float(rng.uniform(2.6, 4.2)) + 3, (float(rng.uniform(2.5, 5)), float(rng.uniform(2.5, 5)))
    else:
        ground, walls = _OUTDOOR_GROUNDS[int(rng.integers(5))](rng), [_street_wall(rng) for _ in range(2)]
        height = float(np.exp(rng.uniform(np.log(2.0), np.log(14))))
        sizes = (height * float(rng.uniform(0.8, 1.5)), height * float(rng.uniform(0.8, 1.5)))
    ambient, sun = np.array(light.ambient), np.array(light.sun)
    gains = [ambient + sun * light.towards[2]]
    gains += [ambient + sun * float(rng.uniform(0.05, 0.75)) for _ in range(2)]
    blocks = [level for image, gain in zip([ground, *walls], gains, strict=True) for level in _levels(image, gain)]
    return Place(
        np.concatenate([*blocks, _sky(rng, light)]),
        angle,
        turned.min(0) - margins[:2],
        turned.max(0) + margins[2:],
        height,
        float(rng.uniform(2.0, 4.5)),
        sizes,
    )


def _levels(image: Picture, gain: Array) -> list[Picture]:
    lit = np.clip(image * gain, 0, 255).astype(np.uint8)
    return [lit, *(np.asarray(cv2.GaussianBlur(lit, (0, 0), sigma), np.uint8) for sigma in (2.2, 6.5))]


def _sky(rng: np.random.Generator, light: Light) -> Picture:
    up = np.linspace(1, 0, SIDE)[:, None, None]
    colour = np.array(light.sky[0]) * up + np.array(light.sky[1]) * (1 - up)
    clouds = np.clip(fractal_noise(rng, SIDE, SIDE, (4, 3), 4) - rng.uniform(0.3, 0.9), 0, 1)[..., None] * 1.4
    grey = float(np.mean(light.sky[1])) * 1.1
    return np.clip(colour * (1 - clouds) + grey * clouds, 0, 255).astype(np.uint8)


def _room_wall(rng: np.random.Generator) -> Picture:
    wall = (surfaces.plaster, surfaces.bricks, surfaces.planks)[int(rng.choice(3, p=[0.7, 0.15, 0.15]))](rng)
    for _ in range(int(rng.integers(0, 4))):  # doors, windows, pictures
        wide, tall = rng.uniform(0.1, 0.35, 2) * SIDE
        if rng.random() < 0.4:
            wide, tall, bottom = 0.24 * SIDE, 0.42 * SIDE, float(SIDE)
        else:
            bottom = rng.uniform(0.55, 0.85) * SIDE
        left, colour = (
            rng.uniform(0, SIDE - wide),
            surfaces.chosen(rng, ((120, 84, 56), (90, 110, 140), (214, 206, 190), (70, 66, 62))),
        )
        corners = (int(left), int(bottom - tall)), (int(left + wide), int(bottom))
        cv2.rectangle(wall, *corners, (colour * 0.7).tolist(), -1)
        inner = (corners[0][0] + 4, corners[0][1] + 4), (corners[1][0] - 4, corners[1][1] - 4)
        cv2.rectangle(wall, *inner, np.clip(colour * 1.1, 0, 255).tolist(), -1)
    cv2.rectangle(
        wall, (0, SIDE - 6), (SIDE, SIDE), (surfaces.chosen(rng, ((90, 80, 70), (200, 196, 190)))).tolist(), -1
    )
    return wall


def _street_wall(rng: np.random.Generator) -> Picture:
    kinds: tuple[Texture, ...] = (surfaces.front, surfaces.bricks, surfaces.plaster, surfaces.planks, _hedge)
    return kinds[int(rng.choice(5, p=[0.45, 0.15, 0.1, 0.1, 0.2]))](rng)


def _hedge(rng: np.random.Generator) -> Picture:
    leaves = surfaces.grass(rng)
    depth = 0.35 + 0.8 * fractal_noise(rng, SIDE, SIDE, (14, 14), 3)
    return np.clip(leaves * depth[..., None], 0, 255).astype(np.uint8)


def _mirrored(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """0..1 and back, as of a texture that is laid side by side with its mirror image."""
    folded: NDArray[np.float32] = np.abs(values - np.float32(2) * np.round(values * np.float32(0.5)))
    return folded
