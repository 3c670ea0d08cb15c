"""What drawn objects are made of. Classes share one set of materials, so that colour alone does not tell them apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.scene_noise import fractal_noise

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """`colour`: RGB 0..255; `gloss`: strength of the highlight 0..1; `grain`: contrast of the texture 0..1.

    `pattern`: "plain", "wood", "camouflage", "woven" or "leather"; `wear`: how bare the edges are, 0..1.
    """

    colour: Colour
    gloss: float = 0.3
    grain: float = 0.1
    pattern: str = "plain"
    wear: float = 0.0

    def shade(self, gain: float) -> Material:
        """The same material, lighter or darker."""
        red, green, blue = (min(255.0, channel * gain) for channel in self.colour)
        return replace(self, colour=(red, green, blue))


_METALS = {
    "gunmetal": Material((58, 60, 66), 0.6, 0.08, wear=0.5),
    "blued": Material((40, 44, 56), 0.75, 0.06, wear=0.4),
    "steel": Material((166, 170, 176), 0.95, 0.08, wear=0.2),
    "brass": Material((186, 146, 72), 0.85, 0.1, wear=0.3),
    "bronze": Material((110, 78, 52), 0.6, 0.14, wear=0.4),
}
_PLASTICS = {
    "black": Material((38, 38, 41), 0.3, 0.08, wear=0.15),
    "grey": Material((112, 114, 118), 0.35, 0.08, wear=0.1),
    "white": Material((222, 222, 218), 0.4, 0.05),
    "red": Material((188, 36, 34), 0.45, 0.07, wear=0.1),
    "blue": Material((38, 78, 160), 0.45, 0.07, wear=0.1),
    "yellow": Material((226, 188, 44), 0.45, 0.07, wear=0.1),
    "orange": Material((222, 112, 34), 0.45, 0.07, wear=0.1),
    "green": Material((52, 122, 66), 0.4, 0.07, wear=0.1),
}
_EARTHEN = {
    "olive": Material((88, 94, 60), 0.2, 0.14, wear=0.3),
    "tan": Material((178, 152, 112), 0.15, 0.12, wear=0.1),
    "camouflage": Material((104, 104, 70), 0.12, 0.12, "camouflage"),
    "wood": Material((146, 96, 54), 0.35, 0.3, "wood", 0.1),
    "dark wood": Material((88, 54, 34), 0.4, 0.3, "wood", 0.1),
    "pale wood": Material((202, 168, 118), 0.3, 0.25, "wood"),
    "leather": Material((104, 66, 42), 0.35, 0.2, "leather", 0.2),
}
_CLOTHS = {
    "black cloth": Material((42, 42, 46), 0.05, 0.2, "woven"),
    "grey cloth": Material((122, 124, 128), 0.05, 0.2, "woven"),
    "white cloth": Material((214, 212, 206), 0.05, 0.12, "woven"),
    "navy cloth": Material((40, 52, 88), 0.05, 0.2, "woven"),
    "blue cloth": Material((74, 106, 156), 0.05, 0.2, "woven"),
    "red cloth": Material((160, 44, 46), 0.05, 0.2, "woven"),
    "green cloth": Material((66, 104, 70), 0.05, 0.2, "woven"),
    "olive cloth": Material((92, 96, 64), 0.05, 0.2, "woven"),
    "tan cloth": Material((180, 158, 120), 0.05, 0.2, "woven"),
    "yellow cloth": Material((214, 196, 60), 0.08, 0.15, "woven"),
    "orange cloth": Material((222, 116, 44), 0.08, 0.15, "woven"),
    "camouflage cloth": Material((104, 104, 70), 0.05, 0.15, "camouflage"),
}
METALS, PLASTICS, EARTHEN, CLOTHS = tuple(_METALS), tuple(_PLASTICS), tuple(_EARTHEN), tuple(_CLOTHS)
_ALL = {**_METALS, **_PLASTICS, **_EARTHEN, **_CLOTHS}
_SKINS: tuple[Colour, ...] = ((236, 196, 168), (214, 164, 128), (176, 124, 88), (126, 84, 58), (84, 56, 42))


def pick(rng: np.random.Generator, *names: str, surprise: float = 0.1) -> Material:
    """One of the named materials in a shade of its own; with the chance `surprise` any hard one, whatever was asked."""
    hard = METALS + PLASTICS + EARTHEN
    name = str(rng.choice(hard if rng.random() < surprise else names))
    material = _ALL[name]
    gain = float(np.exp(rng.normal(0, 0.2)))
    jitter = rng.normal(1, 0.05, 3) * gain
    red, green, blue = (float(channel) for channel in np.clip(np.array(material.colour) * jitter, 8, 245))
    return replace(material, colour=(red, green, blue), gloss=material.gloss * float(rng.uniform(0.5, 1.2)))


def pick_cloth(rng: np.random.Generator) -> Material:
    return pick(rng, *CLOTHS, surprise=0.0)


def pick_skin(rng: np.random.Generator) -> Material:
    red, green, blue = _SKINS[int(rng.integers(len(_SKINS)))]
    gain = float(rng.uniform(0.9, 1.08))
    return Material((red * gain, green * gain, blue * gain), 0.2, 0.05)


def painted(rng: np.random.Generator, material: Material, height: int, width: int, px: float) -> NDArray[np.uint8]:
    """`[height, width, 3]` RGB of a flat piece of the material; `px` is the pixels of one unit of the drawing."""
    flat = np.empty((height, width, 3), np.uint8)
    cv2.rectangle(flat, (0, 0), (width, height), material.colour, -1)
    if material.pattern == "plain" or min(height, width) < 4:
        return flat
    if material.pattern == "camouflage":
        field = fractal_noise(rng, height, width, (height / px / 14, width / px / 14), 2)
        for low, gain in ((0.55, 0.55), (0.68, 1.45), (0.8, 0.3)):
            flat[field > low] = np.clip(np.array(material.colour) * gain, 0, 255)
        return flat
    if material.pattern == "wood":
        # The rings run along the longer side.
        along, across = 1 / px / 30, 1 / px / 1.2
        cells = (height * across, width * along) if width >= height else (height * along, width * across)
    else:
        step = 5 if material.pattern == "leather" else 1.6
        cells = (height / px / step, width / px / step)
    coarse = fractal_noise(rng, height // 2, width // 2, cells, 2)
    tones = np.clip(((1 - material.grain) + 2 * material.grain * coarse) * 128, 0, 255).astype(np.uint8)
    gains = cv2.resize(tones, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(flat, cv2.merge([gains] * 3), scale=1 / 128)  # type: ignore[return-value]
