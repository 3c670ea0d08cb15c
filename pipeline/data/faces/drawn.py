"""`source: synthetic`: recordings of drawn people (pipeline.data.people)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.faces.planned import Plan, PlannedRecording, ReadFrames
from pipeline.face_data_options import FaceData

if TYPE_CHECKING:
    from pipeline.data.people import Person

_WIDTH, _HEIGHT = 240, 320
# Streams of random numbers that must not meet.
_PERSON, _RECORDING, _FRAME = 1, 2, 3


@dataclass(frozen=True)
class DrawnFrames:
    """Recording number `recording` of person number `person`; the pixels depend on these and the seed only."""

    seed: int
    person: int
    recording: int
    n_frames: int

    def read(self) -> ReadFrames | str:
        from pipeline.data.people import draw_portrait, draw_recording

        recording = draw_recording(np.random.default_rng([self.seed, _RECORDING, self.person, self.recording]))
        frames = []
        for i in range(self.n_frames):
            rng = np.random.default_rng([self.seed, _FRAME, self.person, self.recording, i])
            phase = (i + 0.5) / self.n_frames
            drawn = draw_portrait(_person(self.seed, self.person), recording, rng, _WIDTH, _HEIGHT, phase)
            frames.append((f"{i:03d}", drawn.frame_rgb))
        return ReadFrames(frames)


def plan_drawn(params: FaceData, seed: int) -> Plan:
    """Known people first, then the strangers of validation and of test, who are in no other split."""
    people, counts = params.people, params.recordings.model_dump()
    n_strangers = {"val": people.strangers_val, "test": people.strangers_test}
    planned: list[PlannedRecording] = []
    known = [_name(i) for i in range(people.known)]
    for i, person in enumerate(known):
        splits = [split for split, count in counts.items() for _ in range(count)]
        planned += [_planned(params, seed, i, person, j, split, is_known=True) for j, split in enumerate(splits)]
    first = people.known
    for split, count in n_strangers.items():
        for i in range(first, first + count):
            planned += [_planned(params, seed, i, _name(i), j, split, is_known=False) for j in range(counts[split])]
        first += count
    return Plan("synthetic", known, planned, {"strangers": n_strangers, "skipped": []})


def _planned(
    params: FaceData, seed: int, person: int, name: str, recording: int, split: str, *, is_known: bool
) -> PlannedRecording:
    frames = DrawnFrames(seed, person, recording, params.frames_per_recording)
    title = f"{name}/recording_{recording:02d}"
    return PlannedRecording(title, name, is_known, title, split, frames)


def _name(person: int) -> str:
    return f"person {person + 1:03d}"


@lru_cache(maxsize=4)
def _person(seed: int, number: int) -> Person:
    from pipeline.data.people import draw_person

    return draw_person(np.random.default_rng([seed, _PERSON, number]))
