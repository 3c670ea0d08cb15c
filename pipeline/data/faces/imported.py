"""`source: <folder>`: videos and photos in a folder for each person."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.data.faces.planned import Plan, PlannedRecording, ReadFrames
from pipeline.data.faces.reading import frame_choice
from pipeline.data.folder import Skipped
from pipeline.data.recordings.listing import FoundRecordings, Recording, find_recordings
from pipeline.data.recordings.reading import FrameChoice, read_recording
from pipeline.data.recordings.splits import split_recordings
from pipeline.data.recordings.twins import Fingerprint, Groups, fingerprint, group_recordings
from pipeline.data.workers import map_in_order
from pipeline.errors import EdgeboardError
from pipeline.face_data_options import FaceData

_SPLITS_OF_STRANGERS = ("val", "test")


@dataclass(frozen=True)
class RecordedFrames:
    """The chosen frames of a video, or a photo."""

    choice: FrameChoice
    recording: Recording

    def read(self) -> ReadFrames | str:
        read = read_recording(self.choice, self.recording)
        if isinstance(read, Skipped):
            return read.reason
        return ReadFrames([(f"{frame.index:06d}", frame.rgb) for frame in read.frames], read.damage)


def plan_folder(params: FaceData, seed: int, task: str, workers: int | None) -> Plan:
    """Whole groups of recordings of known people into the splits, and whole people where they are to be strangers.

    Raises EdgeboardError for a folder without people, for the same file under two names, and where too few are left.
    """
    where, where_strangers = f"data.{task}.source", f"data.{task}.strangers"
    found = find_recordings(Path(params.source), where)
    others = FoundRecordings()
    if params.strangers:
        others = find_recordings(Path(params.strangers), where_strangers)
        _check_nobody_is_both(found.persons, others.persons, where_strangers)
    # Together, since a file that lies on both sides would make somebody a stranger to himself.
    both = f"{where}, {where_strangers}" if params.strangers else where
    groups, unreadable = _grouped([*found.recordings, *others.recordings], params, both, workers)
    n_people = len({recording.person for recording in found.recordings if recording.name in groups.of})
    held_out = 0 if params.strangers else max(1, round(params.stranger_fraction * n_people / 2))
    splits = split_recordings(
        found.recordings,
        groups.of,
        params.split.model_dump(),
        dict.fromkeys(_SPLITS_OF_STRANGERS, held_out),
        seed,
        where,
        few_as_strangers=not params.strangers,
    )
    choice = frame_choice(params)
    planned = [
        _planned(choice, one, groups.of[one.name], splits.split_of[groups.of[one.name]], one.person in splits.known)
        for one in found.recordings
        if groups.of.get(one.name) in splits.split_of
    ]
    strangers = splits.strangers
    if params.strangers:
        usable = sorted({one.person for one in others.recordings if one.name in groups.of})
        strangers = _shared_out(usable, seed, where_strangers)
        split_of = {person: split for split, persons in strangers.items() for person in persons}
        planned += [
            _planned(choice, one, groups.of[one.name], split_of[one.person], is_known=False)
            for one in others.recordings
            if one.name in groups.of
        ]
    skipped = [*found.skipped, *others.skipped, *unreadable, *groups.skipped, *splits.left_out]
    findings: dict[str, Any] = {
        "strangers": {split: len(persons) for split, persons in strangers.items()},
        "twins": [twin._asdict() for twin in groups.twins],
        "hidden": found.hidden + others.hidden,
        "skipped": [vars(entry) for entry in skipped],
    }
    return Plan(Path(params.source).resolve().name, splits.known, planned, findings)


def _grouped(
    recordings: Sequence[Recording], params: FaceData, where: str, workers: int | None
) -> tuple[Groups, list[Skipped]]:
    looked = map_in_order(partial(fingerprint, params.max_megapixels, seconds=None), recordings, workers)
    unreadable = [one for one in looked if isinstance(one, Skipped)]
    usable = [one for one in looked if isinstance(one, Fingerprint)]
    return group_recordings(usable, params.near_duplicate_bits, params.group_pattern, where), unreadable


def _planned(choice: FrameChoice, recording: Recording, group: str, split: str, is_known: bool) -> PlannedRecording:
    source = RecordedFrames(choice, recording)
    return PlannedRecording(recording.name, recording.person, is_known, group, split, source)


def _shared_out(persons: Sequence[str], seed: int, where: str) -> dict[str, list[str]]:
    """Half of the strangers are validated with, the other half tested with."""
    if len(persons) < len(_SPLITS_OF_STRANGERS):
        raise EdgeboardError(
            "One stranger cannot be validated and tested with",
            where=where,
            value=f"{len(persons)} people with a recording that can be used",
            allowed="at least 2",
            mend="add people, or set strangers: null",
        )
    order = sorted(persons, key=lambda person: hashlib.sha256(f"{seed}:{person}".encode()).hexdigest())
    half = len(order) // 2
    return {"val": sorted(order[:half]), "test": sorted(order[half:])}


def _check_nobody_is_both(known: Sequence[str], strangers: Sequence[str], where: str) -> None:
    either = {person.casefold() for person in known}
    both = [person for person in strangers if person.casefold() in either]
    if both:
        raise EdgeboardError(
            "Somebody cannot be known and a stranger",
            where=where,
            value=", ".join(both[:5]),
            mend="rename the folder, or remove it on one side",
        )
