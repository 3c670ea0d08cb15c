"""What stays of a person from one recording to the next: the geometry of the head, skin, hair, beard and glasses.

Lengths are in *units* of a head: a mean head is 2.3 units high, its eyes lie at y = 0, the chin at about y = 1.1.
x points to the right of the picture, y down, z towards the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Colour = tuple[float, float, float]
HairStyle = Literal["bald", "cropped", "short", "swept", "curly", "bob", "long", "tied"]
BeardStyle = Literal["none", "stubble", "moustache", "goatee", "full"]


@dataclass(frozen=True)
class Skull:
    """Half widths from forehead to chin; y of crown (upwards) and chin; how far brow, cheekbones and chin stand out."""

    forehead: float
    cheek: float
    jaw: float
    chin: float
    crown: float
    chin_y: float
    brow_ridge: float
    cheekbone: float
    chin_bulge: float
    flatness: float


@dataclass(frozen=True)
class Eyes:
    """Half the distance of the centres, half width and half height of the opening, slant in degrees, lid and iris."""

    apart: float
    wide: float
    tall: float
    slant: float
    depth: float
    lid: float
    iris: Colour


@dataclass(frozen=True)
class Brows:
    height: float
    wide: float
    thick: float
    arch: float
    tilt: float
    gap: float
    dark: float


@dataclass(frozen=True)
class Nose:
    """y of the tip, half width of the wings, how far tip and bridge stand out, how far the tip hangs or turns up."""

    tip_y: float
    wide: float
    tip: float
    bridge: float
    slim: float
    hang: float


@dataclass(frozen=True)
class Mouth:
    """How far below the tip of the nose, half width, fullness of the lips, curve at rest, redness 0..1."""

    below: float
    wide: float
    upper: float
    lower: float
    curve: float
    red: float


@dataclass(frozen=True)
class Skin:
    """Base colour 0..255 and marks; `seed` places freckles, moles and blotches."""

    colour: Colour
    blush: float
    freckles: float
    moles: int
    age: float
    seed: int


@dataclass(frozen=True)
class Hair:
    """Style, base colour 0..255, y of the hairline, receding temples, volume, length, parting -1..1, fringe 0..1."""

    style: HairStyle
    colour: Colour
    line_y: float
    recession: float
    volume: float
    length: float
    parting: float
    fringe: float
    seed: int


@dataclass(frozen=True)
class Beard:
    style: BeardStyle
    dark: float


@dataclass(frozen=True)
class Glasses:
    """Half width and half height of a lens, squareness 0..1, thickness of the rim, colour 0..255."""

    wide: float
    tall: float
    square: float
    thick: float
    colour: Colour


@dataclass(frozen=True)
class Ears:
    size: float
    out: float
    y: float


@dataclass(frozen=True)
class Person:
    skull: Skull
    eyes: Eyes
    brows: Brows
    nose: Nose
    mouth: Mouth
    ears: Ears
    skin: Skin
    hair: Hair
    beard: Beard
    glasses: Glasses | None
