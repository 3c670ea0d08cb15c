"""What a person is drawn of: rounded pieces about the joints, in the colours of skin, hair and clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.data.movers.actor import Actor
from pipeline.data.movers.skeleton import Array, Joint
from pipeline.data.sprites.materials import Colour


@dataclass(frozen=True)
class Ball:
    """Between two joints at the share `at` of the way; radius in metres."""

    start: Joint
    end: Joint
    at: float
    radius: float


@dataclass(frozen=True)
class Piece:
    """The hull of some balls; `nearer` in metres lets it lie over what is as far from the camera."""

    balls: tuple[Ball, ...]
    colour: Colour
    nearer: float = 0.0


@dataclass(frozen=True)
class Shapes:
    """Centres `[n, b, 3]` and radii `[b]` of all balls in m; of each piece its balls, colour and `nearer`."""

    centres: Array
    radii: Array
    pieces: tuple[tuple[slice, Colour, float], ...]


def figure(actor: Actor, joints: Array) -> Shapes:
    """A person whose joints `[n, len(Joint), 3]` are given."""
    pieces = [*_trunk(actor), *_head(actor)]
    for side in ("L", "R"):
        pieces += [*_leg(actor, side), *_arm(actor, side)]
    balls = [ball for piece in pieces for ball in piece.balls]
    share = np.array([ball.at for ball in balls])[None, :, None]
    starts, ends = (joints[:, [getattr(ball, name) for ball in balls]] for name in ("start", "end"))
    spans, first = [], 0
    for piece in pieces:
        spans.append((slice(first, first + len(piece.balls)), piece.colour, piece.nearer))
        first += len(piece.balls)
    return Shapes(starts * (1 - share) + ends * share, np.array([ball.radius for ball in balls]), tuple(spans))


def _trunk(actor: Actor) -> list[Piece]:
    body, clothes, thick = actor.body, actor.clothes, actor.body.torso_girth
    hips = [_at(Joint.L_HIP, 0.088 * thick), _at(Joint.R_HIP, 0.088 * thick)]
    waist = [
        Ball(Joint.L_HIP, Joint.L_SHOULDER, 0.3, 0.07 * thick),
        Ball(Joint.R_HIP, Joint.R_SHOULDER, 0.3, 0.07 * thick),
    ]
    shoulders = [_at(Joint.L_SHOULDER, 0.055 * thick), _at(Joint.R_SHOULDER, 0.055 * thick)]
    chest = [Ball(Joint.CHEST, Joint.PELVIS, 0.25, 0.115 * thick)]
    pieces = [
        Piece((*hips, Ball(Joint.PELVIS, Joint.CHEST, 0.2, 0.09 * thick)), clothes.bottom),
        Piece((*waist, *shoulders, *chest), clothes.top, 0.01),
        Piece((Ball(Joint.CHEST, Joint.HEAD, 0.1, 0.05 * body.girth), _at(Joint.HEAD, 0.045)), actor.skin),
    ]
    if clothes.hem or clothes.skirt:
        reach = max(clothes.hem, 0.8 if clothes.skirt else 0.0)
        flare = 0.1 * thick if clothes.skirt else 0.085 * thick
        below = [Ball(Joint[f"{side}_HIP"], Joint[f"{side}_KNEE"], reach, flare) for side in "LR"]
        cloth = clothes.bottom if clothes.skirt else clothes.top
        pieces.append(Piece((*hips, *below), cloth, 0.03))
    if clothes.striped:
        band = [Ball(Joint[f"{side}_HIP"], Joint[f"{side}_SHOULDER"], 0.68, 0.075 * thick) for side in "LR"]
        pieces.append(Piece((*band, Ball(Joint.CHEST, Joint.PELVIS, 0.32, 0.112 * thick)), clothes.second, 0.02))
    if clothes.bag == "back":
        pack = (Ball(Joint.BACK, Joint.CHEST, -0.15, 0.13), Ball(Joint.BACK, Joint.CHEST, 0.5, 0.12))
        pieces.append(Piece(pack, clothes.bag_colour))
    elif clothes.bag == "side":
        sack = (Ball(Joint.L_HIP, Joint.R_HIP, -0.75, 0.1), Ball(Joint.L_HIP, Joint.L_KNEE, 0.25, 0.09))
        strap = (Ball(Joint.L_HIP, Joint.L_SHOULDER, 0.1, 0.02), _at(Joint.R_SHOULDER, 0.06))
        pieces += [Piece(sack, clothes.bag_colour, 0.04), Piece(strap, clothes.bag_colour, 0.05)]
    return pieces


def _head(actor: Actor) -> list[Piece]:
    size = actor.body.head
    face = (_at(Joint.HEAD, 0.74 * size), Ball(Joint.HEAD, Joint.FACE, 0.9, 0.56 * size))
    nose = Ball(Joint.HEAD, Joint.FACE, 1.75, 0.14 * size)
    pieces = [Piece(face, actor.skin), Piece((nose, Ball(Joint.HEAD, Joint.FACE, 1.5, 0.2 * size)), actor.skin, 0.0)]
    if actor.hair_length > 0 or actor.clothes.headwear:
        colour = actor.clothes.hat if actor.clothes.headwear else actor.hair
        cap = (_at(Joint.CROWN, 0.86 * size), Ball(Joint.CROWN, Joint.FACE, 0.22, 0.8 * size))
        pieces.append(Piece(cap, colour, -0.01))
    if actor.hair_length > 0:
        behind = Ball(Joint.HEAD, Joint.FACE, -0.75, 0.6 * size)
        tail = Ball(Joint.CROWN, Joint.BACK, 0.75 * actor.hair_length, 0.5 * size)
        pieces.append(Piece((behind, tail), actor.hair, -0.02))
    return pieces


def _leg(actor: Actor, side: str) -> list[Piece]:
    hip, knee, ankle, heel, toe = (Joint[f"{side}_{name}"] for name in ("HIP", "KNEE", "ANKLE", "HEEL", "TOE"))
    thick, clothes = actor.body.girth, actor.clothes
    cloth = clothes.bottom
    bare = clothes.skirt or clothes.leg < 1
    thigh = (_at(hip, 0.083 * thick), _at(knee, 0.06 * thick))
    shank = (_at(knee, 0.056 * thick), Ball(knee, ankle, 0.35, 0.055 * thick), _at(ankle, 0.036 * thick))
    shoe = (Ball(heel, toe, 0.05, 0.034), Ball(heel, toe, 1.05, 0.03), Ball(heel, ankle, 0.6, 0.036))
    pieces = [Piece(shoe, clothes.shoes), Piece(shank, actor.skin if bare else cloth), Piece(thigh, cloth)]
    if clothes.leg < 0.4 and not clothes.skirt:
        cover = (_at(hip, 0.088 * thick), Ball(hip, knee, 0.5, 0.078 * thick))
        pieces[2] = Piece(thigh, actor.skin)
        pieces.append(Piece(cover, cloth, 0.01))
    return pieces


def _arm(actor: Actor, side: str) -> list[Piece]:
    shoulder, elbow, wrist, hand = (Joint[f"{side}_{name}"] for name in ("SHOULDER", "ELBOW", "WRIST", "HAND"))
    thick, clothes = actor.body.girth, actor.clothes
    upper = (_at(shoulder, 0.05 * thick), _at(elbow, 0.04 * thick))
    lower = (_at(elbow, 0.039 * thick), _at(wrist, 0.028 * thick))
    palm = (_at(wrist, 0.03), Ball(wrist, hand, 0.9, 0.024))
    pieces = [
        Piece(palm, actor.skin, 0.02),
        Piece(lower, clothes.top if clothes.sleeve == 1 else actor.skin, 0.01),
        Piece(upper, clothes.top if clothes.sleeve == 1 else actor.skin),
    ]
    if 0 < clothes.sleeve < 1:
        short = (_at(shoulder, 0.055 * thick), Ball(shoulder, elbow, 0.55, 0.05 * thick))
        pieces.append(Piece(short, clothes.top, 0.01))
    return pieces


def _at(joint: Joint, radius: float) -> Ball:
    return Ball(joint, joint, 0.0, radius)
