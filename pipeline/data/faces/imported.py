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
    where = f"data.{task}.source"
    found, groups = _listed(Path(params.source), params, where, workers)
    skipped = [*found.skipped, *groups.skipped]
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
    twins = list(groups.twins)
    strangers = splits.strangers
    if params.strangers:
        others, other_groups = _listed(Path(params.strangers), params, f"data.{task}.strangers", workers)
        _check_nobody_is_both(found.persons, others.persons, f"data.{task}.strangers")
        skipped += [*others.skipped, *other_groups.skipped]
        twins += other_groups.twins
        strangers = _shared_out(others.persons, seed)
        split_of = {person: split for split, persons in strangers.items() for person in persons}
        planned += [
            _planned(choice, one, other_groups.of[one.name], split_of[one.person], is_known=False)
            for one in others.recordings
            if one.name in other_groups.of
        ]
    findings: dict[str, Any] = {
        "strangers": {split: len(persons) for split, persons in strangers.items()},
        "twins": [twin._asdict() for twin in twins],
        "hidden": found.hidden,
        "skipped": [vars(entry) for entry in [*skipped, *splits.left_out]],
    }
    return Plan(Path(params.source).resolve().name, splits.known, planned, findings)


def _listed(root: Path, params: FaceData, where: str, workers: int | None) -> tuple[FoundRecordings, Groups]:
    found = find_recordings(root, where)
    looked = map_in_order(partial(fingerprint, params.max_megapixels), found.recordings, workers)
    found.skipped += [one for one in looked if isinstance(one, Skipped)]
    usable = [one for one in looked if isinstance(one, Fingerprint)]
    return found, group_recordings(usable, params.near_duplicate_bits, params.group_pattern, where)


def _planned(choice: FrameChoice, recording: Recording, group: str, split: str, is_known: bool) -> PlannedRecording:
    source = RecordedFrames(choice, recording)
    return PlannedRecording(recording.name, recording.person, is_known, group, split, source)


def _shared_out(persons: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Half of the strangers are validated with, the other half tested with."""
    order = sorted(persons, key=lambda person: hashlib.sha256(f"{seed}:{person}".encode()).hexdigest())
    half = len(order) // 2
    return {"val": sorted(order[:half]), "test": sorted(order[half:])}


def _check_nobody_is_both(known: Sequence[str], strangers: Sequence[str], where: str) -> None:
    both = sorted(set(known) & set(strangers))
    if both:
        raise EdgeboardError(
            "Somebody cannot be known and a stranger",
            where=where,
            value=", ".join(both[:5]),
            mend="rename the folder, or remove it on one side",
        )
    if len(strangers) < len(_SPLITS_OF_STRANGERS):
        raise EdgeboardError(
            "One stranger cannot be validated and tested with",
            where=where,
            value=f"{len(strangers)} people",
            allowed="at least 2",
            mend="add people, or set strangers: null",
        )
