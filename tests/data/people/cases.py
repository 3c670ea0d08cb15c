"""People and recordings that several tests draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.data.people import Person, Portrait, Recording, draw_person, draw_portrait, draw_recording
from pipeline.data.people.recording import Motion


def person(index: int) -> Person:
    return draw_person(np.random.default_rng([71, index]))


def recording(index: int) -> Recording:
    return draw_recording(np.random.default_rng([72, index]))


def portrait(of: int, on: int, frame: int = 0) -> Portrait:
    return draw_portrait(person(of), recording(on), np.random.default_rng([73, of, on, frame]))


def steady(index: int, **changed: float) -> Recording:
    """A recording in which nobody moves, bare-headed, looking ahead but for what is changed."""
    means = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "smile": 0.0, "mouth_open": 0.0, "gaze": 0.0, "brow_lift": 0.0}
    means |= {"eyes_open": 1.0, "x": 0.5, "y": 0.46, "size": 0.22} | changed
    still: dict[str, Any] = {name: Motion(mean, (0.0, 0.0), (0.0, 0.0)) for name, mean in means.items()}
    return replace(recording(index), headwear="none", glasses="taken off", **still)
