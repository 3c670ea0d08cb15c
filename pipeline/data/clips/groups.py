"""Videos that show the same or were cut from the same: what must never be split between training and test."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from pipeline.data.clips.videos import Video
from pipeline.data.folder import Skipped
from pipeline.data.recordings.listing import Recording
from pipeline.data.recordings.twins import Fingerprint, Twins, fingerprint, first_linked, near_pairs
from pipeline.data.recordings.video import UnusableVideoError, VideoFrames

_GLANCED_SIDE = 16
# Where two videos are the same, the one that stays: what is trained on must not be tested on.
_WEIGHT = {"test": 0, "val": 1, "train": 2, None: 2}


@dataclass(frozen=True)
class SeenVideo:
    """`seen`: what tells the video apart from others."""

    video: Video
    seen: Fingerprint


@dataclass(frozen=True)
class VideoGroups:
    """`videos`: those that stay; `of`: video's name to the name of the first one of its group.

    `twins`: videos of different classes that look alike, for a person to look at.
    """

    videos: list[Video]
    of: dict[str, str]
    twins: list[Twins]
    skipped: list[Skipped]


def look_at(max_megapixels: int, video: Video) -> SeenVideo | Skipped:
    """What tells a video from others, or why it cannot be used; to be used with `map_in_order`."""
    seen = fingerprint(max_megapixels, Recording(video.label, video.name, video.path, "video"))
    if isinstance(seen, Skipped):
        return seen
    try:
        frames = sum(1 for _ in islice(VideoFrames(video.path, None, _GLANCED_SIDE, max_megapixels), 2))
    except UnusableVideoError as error:
        return Skipped(video.name, str(error))
    if frames < 2:
        return Skipped(video.name, "it has one frame only; an action needs several")
    return SeenVideo(video, seen)


def group_videos(looked: Sequence[SeenVideo], near_duplicate_bits: int, group_pattern: str | None) -> VideoGroups:
    """Which videos belong together.

    Together are those that look alike at 0, 1 and 2 s, or as far as they go (each of their perceptual hashes differs in
    at most `near_duplicate_bits` of 64 bits), those with the same `group`, those in whose names below their class
    `group_pattern` finds the same text (that of its first brackets, where it has any), and chains of such.
    Of byte-identical videos of a class one stays, of different classes none, since one of them must be wrong.
    Where the source names the splits, what looks like a test video is not trained on, nor validated with.
    """
    ordered = sorted(looked, key=lambda it: (_WEIGHT[it.video.given], it.video.name))
    ordered, skipped = _without_copies(ordered)
    near = _look_alikes([it.seen.looks for it in ordered], near_duplicate_bits)
    videos = [it.video for it in ordered]
    twins = [Twins(videos[i].name, videos[j].name) for i, j in near if videos[i].label != videos[j].label]
    left_out = {
        j: f"looks like the {videos[i].given} video {videos[i].name}"
        for i, j in near
        if videos[i].given in ("test", "val") and videos[j].given != videos[i].given
    }
    skipped += [Skipped(videos[j].name, reason) for j, reason in left_out.items()]
    links = [(i, j) for i, j in near if j not in left_out]
    links += _links_by_name(videos, group_pattern)
    firsts = first_linked(len(videos), links)
    kept = [i for i in range(len(videos)) if i not in left_out]
    of = {videos[i].name: videos[firsts[i]].name for i in kept}
    return VideoGroups([videos[i] for i in kept], of, twins, skipped)


def _look_alikes(looks: Sequence[tuple[int, ...]], max_bits: int) -> list[tuple[int, int]]:
    """Pairs `(i, j)`, i < j, that look alike as far as the shorter of the two goes: one may be a part of the other.

    >>> _look_alikes([(0, 7), (0,), (9, 7)], 1)
    [(0, 1)]
    """
    pairs = set()
    for length in range(1, max(map(len, looks), default=0) + 1):
        numbers = [i for i, own in enumerate(looks) if len(own) >= length]
        for left, right in near_pairs([looks[i][:length] for i in numbers], max_bits):
            i, j = numbers[left], numbers[right]
            if min(len(looks[i]), len(looks[j])) == length:
                pairs.add((i, j))
    return sorted(pairs)


def _without_copies(ordered: Sequence[SeenVideo]) -> tuple[list[SeenVideo], list[Skipped]]:
    same: dict[str, list[SeenVideo]] = defaultdict(list)
    for it in ordered:
        same[it.seen.sha256].append(it)
    kept, skipped = [], []
    for copies in same.values():
        labels = sorted({it.video.label for it in copies})
        if len(labels) > 1:
            reason = f"the same file lies in several classes: {', '.join(labels)}"
            skipped += [Skipped(it.video.name, reason) for it in copies]
            continue
        kept.append(copies[0])
        skipped += [Skipped(it.video.name, f"the same file as {copies[0].video.name}") for it in copies[1:]]
    return kept, skipped


def _links_by_name(videos: Sequence[Video], group_pattern: str | None) -> list[tuple[int, int]]:
    firsts: dict[tuple[str, str], int] = {}
    links = []
    for i, video in enumerate(videos):
        match = re.search(group_pattern, video.inside) if group_pattern else None
        texts = [("pattern", (match[1] if match.re.groups else match[0]) or "")] if match else []
        if video.group is not None:
            texts.append(("group", video.group))
        links += [(firsts.setdefault(text, i), i) for text in texts]
    return links
