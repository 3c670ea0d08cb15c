"""Recordings that show the same: within a person they stay together, between two persons one of them is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.data.folder import Skipped
from pipeline.data.photos import UnusablePhotoError
from pipeline.data.recordings.listing import Recording
from pipeline.data.recordings.looks import look
from pipeline.data.recordings.reading import read_photo
from pipeline.data.recordings.shared_looks import sharing_pairs
from pipeline.data.recordings.video import Frame, UnusableVideoError, VideoFrames
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file

# One frame alone may be black, or a title of many videos.
_SECONDS = 3
_LOOKS_PER_SECOND = 1.0
_LOOKED_AT_SIDE = 128
_SHOWN = 5


@dataclass(frozen=True)
class Fingerprint:
    """`looks`: 64-bit perceptual hashes, one of a photo, of a video one for each second that was looked at."""

    recording: Recording
    sha256: str
    looks: tuple[int, ...]


class Twins(NamedTuple):
    """Two recordings of different persons that look the same, in whole or in part, by name."""

    file: str
    other: str


@dataclass(frozen=True)
class Groups:
    """`of`: recording's name to the name of the first one of its group; `twins`: for a person to look at."""

    of: dict[str, str]
    twins: list[Twins]
    skipped: list[Skipped]


def fingerprint(max_megapixels: int, recording: Recording, seconds: int | None = _SECONDS) -> Fingerprint | Skipped:
    """Read what tells two recordings apart; one that cannot be read gives its reason.

    seconds: so many are looked at from the beginning of a video; None: all, which finds parts of it elsewhere.
    """
    try:
        sha256 = sha256_file(recording.path)
        looks = (look(frame.rgb) for frame in _glimpses(recording, max_megapixels, seconds))
        return Fingerprint(recording, sha256, tuple(seen for seen in looks if seen is not None))
    except (UnusablePhotoError, UnusableVideoError) as error:
        return Skipped(recording.name, str(error))
    except OSError as error:
        return Skipped(recording.name, f"cannot be read: {error.strerror}")


def group_recordings(
    fingerprints: Sequence[Fingerprint], near_duplicate_bits: int, group_pattern: str | None, where: str
) -> Groups:
    """Which recordings of a person belong together and must not be split.

    Together are those that look alike in whole or in part (half of the hashes of one, or more, differ from any of the
    other in at most `near_duplicate_bits` bits: a still of a video, a video without its beginning), those in whose
    names `group_pattern` finds the same text (that of its first brackets, where it has any), and chains of such.
    Of byte-identical files of one person the first stays, the others are skipped.
    Raises EdgeboardError where two persons have the same file.
    """
    ordered, skipped = _without_copies(
        sorted(fingerprints, key=lambda it: (it.recording.person, it.recording.name)), where
    )
    links, twins = [], []
    for i, j in sharing_pairs([it.looks for it in ordered], near_duplicate_bits):
        one, other = ordered[i].recording, ordered[j].recording
        if one.person == other.person:
            links.append((i, j))
        else:
            twins.append(Twins(one.name, other.name))
    firsts: dict[tuple[str, str], int] = {}
    for i, it in enumerate(ordered):
        match = re.search(group_pattern, it.recording.name.partition("/")[2]) if group_pattern else None
        if match:
            text = (match[1] if match.re.groups else match[0]) or ""
            links.append((firsts.setdefault((it.recording.person, text), i), i))
    names = [it.recording.name for it in ordered]
    groups = {names[i]: names[first] for i, first in enumerate(first_linked(len(ordered), links))}
    return Groups(groups, twins, skipped)


def first_linked(count: int, links: Sequence[tuple[int, int]]) -> list[int]:
    """For each of 0..count-1 the lowest number that links lead to."""
    left, right = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(links), dtype=bool), (left, right)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    firsts: dict[int, int] = {}
    return [firsts.setdefault(label, i) for i, label in enumerate(labels.tolist())]


def _without_copies(ordered: Sequence[Fingerprint], where: str) -> tuple[list[Fingerprint], list[Skipped]]:
    firsts: dict[str, Recording] = {}
    kept, skipped, lies = [], [], []
    for it in ordered:
        first = firsts.setdefault(it.sha256, it.recording)
        if first is it.recording:
            kept.append(it)
        elif first.person == it.recording.person:
            skipped.append(Skipped(it.recording.name, f"the same file as {first.name}"))
        else:
            lies.append(f"{first.name} and {it.recording.name}")
    if lies:
        more = f"; and {len(lies) - _SHOWN} more" if len(lies) > _SHOWN else ""
        raise EdgeboardError(
            "The same file lies in the folders of two persons, so that one of them would be known by the other's face",
            where=where,
            value="; ".join(lies[:_SHOWN]) + more,
            mend="remove the file from the folder of the person that it does not show",
        )
    return kept, skipped


def _glimpses(recording: Recording, max_megapixels: int, seconds: int | None) -> Iterator[Frame]:
    if recording.kind == "photo":
        return iter([read_photo(recording.path, _LOOKED_AT_SIDE, max_megapixels)])
    return islice(VideoFrames(recording.path, _LOOKS_PER_SECOND, _LOOKED_AT_SIDE, max_megapixels), seconds)
