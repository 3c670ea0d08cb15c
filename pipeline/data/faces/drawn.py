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
_PERSON, _RECORDING, _FRAME, _TAKEN = 1, 2, 3, 4
# Numbers left free after the known people, where 20 strangers of validation once were; now those come last. So the same
# people are tested with as before, and however many are validated with.
_FREE = 20


@dataclass(frozen=True)
class DrawnFrames:
    """Recording number `recording` of person number `person`; the pixels depend on these and the seed only.

    n_frames: evenly spread over it; n_taken: how many of them are drawn, each as likely as any other. None: all.
    """

    seed: int
    person: int
    recording: int
    n_frames: int
    n_taken: int | None = None

    def read(self) -> ReadFrames | str:
        from pipeline.data.people import draw_portrait, draw_recording

        recording = draw_recording(np.random.default_rng([self.seed, _RECORDING, self.person, self.recording]))
        frames = []
        for i in self._taken():
            rng = np.random.default_rng([self.seed, _FRAME, self.person, self.recording, i])
            phase = (i + 0.5) / self.n_frames
            drawn = draw_portrait(_person(self.seed, self.person), recording, rng, _WIDTH, _HEIGHT, phase)
            frames.append((f"{i:03d}", drawn.frame_rgb))
        return ReadFrames(frames)

    def _taken(self) -> list[int]:
        if self.n_taken is None:
            return list(range(self.n_frames))
        order = np.random.default_rng([self.seed, _TAKEN, self.person, self.recording]).permutation(self.n_frames)
        return sorted(order[: self.n_taken].tolist())


def plan_drawn(params: FaceData, seed: int) -> Plan:
    """Known people first, then the strangers of validation and of test, who are in no other split."""
    people, counts = params.people, params.recordings.model_dump()
    n_strangers = {"val": people.strangers_val, "test": people.strangers_test}
    planned: list[PlannedRecording] = []
    known = [_name(i) for i in range(people.known)]
    for i, person in enumerate(known):
        splits = [split for split, count in counts.items() for _ in range(count)]
        planned += [_planned(params, seed, i, person, j, split, is_known=True) for j, split in enumerate(splits)]
    first_test = people.known + _FREE
    first = {"test": first_test, "val": first_test + people.strangers_test}
    taken = {"test": None, "val": params.frames_per_val_stranger}
    for split, count in n_strangers.items():
        for i in range(first[split], first[split] + count):
            name = _name(i)
            planned += [
                _planned(params, seed, i, name, j, split, is_known=False, n_taken=taken[split])
                for j in range(counts[split])
            ]
    return Plan("synthetic", known, planned, {"strangers": n_strangers, "skipped": []})


def _planned(
    params: FaceData, seed: int, person: int, name: str, recording: int, split: str, *, is_known: bool,
    n_taken: int | None = None,
) -> PlannedRecording:  # fmt: skip
    frames = DrawnFrames(seed, person, recording, params.frames_per_recording, n_taken)
    title = f"{name}/recording_{recording:02d}"
    return PlannedRecording(title, name, is_known, title, split, frames)


def _name(person: int) -> str:
    return f"person {person + 1:03d}"


@lru_cache(maxsize=4)
def _person(seed: int, number: int) -> Person:
    from pipeline.data.people import draw_person

    return draw_person(np.random.default_rng([seed, _PERSON, number]))
