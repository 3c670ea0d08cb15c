"""Videos that show the same or were cut from the same: what must never be split between training and test."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

import numpy as np

from pipeline.data.clips.scenes import same_scenes
from pipeline.data.clips.videos import Video
from pipeline.data.folder import Skipped
from pipeline.data.recordings.listing import Recording
from pipeline.data.recordings.twins import Fingerprint, Twins, fingerprint, first_linked
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


def group_videos(
    looked: Sequence[SeenVideo],
    near_duplicate_bits: int,
    group_pattern: str | None,
    named: Mapping[str, str] | None = None,
) -> VideoGroups:
    """Which videos belong together.

    Together are those that show the same scene (see same_scenes: their perceptual hashes differ in at most
    `near_duplicate_bits` of 64 bits), those with the same `group`, those in whose names below their class
    `group_pattern` finds the same text (that of its first brackets, where it has any), those that `named` (name of a
    video to its group) puts together, and chains of such. Of two videos that are both named, looks say nothing:
    somebody who has seen them knows better.
    Of byte-identical videos of a class one stays, of different classes none, since one of them must be wrong.
    Where the source names the splits, what looks the same as a test video (all looks within half as many bits) is not
    trained on, nor validated with; so are twins told apart from those that show the same scene.
    """
    named = named or {}
    ordered = sorted(looked, key=lambda it: (_WEIGHT[it.video.given], it.video.name))
    ordered, skipped = _without_copies(ordered)
    videos = [it.video for it in ordered]
    is_named = np.array([video.name in named for video in videos], dtype=bool)
    scenes = same_scenes([it.seen.looks for it in ordered], near_duplicate_bits)
    scenes = scenes[~is_named[scenes[:, :2]].all(axis=1)]
    alike = scenes[2 * scenes[:, 2] <= near_duplicate_bits, :2].tolist()
    twins = [Twins(videos[i].name, videos[j].name) for i, j in alike if videos[i].label != videos[j].label]
    left_out = {
        j: f"looks like the {videos[i].given} video {videos[i].name}"
        for i, j in alike
        if videos[i].given in ("test", "val") and videos[j].given != videos[i].given
    }
    skipped += [Skipped(videos[j].name, reason) for j, reason in left_out.items()]
    by_looks = scenes[~np.isin(scenes[:, 1], list(left_out)), :2]
    by_name = np.array(_links_by_name(videos, group_pattern, named), dtype=np.int32).reshape(-1, 2)
    links = np.concatenate([by_looks, by_name])
    firsts = first_linked(len(videos), cast("Sequence[tuple[int, int]]", links))  # no list: there may be millions
    kept = [i for i in range(len(videos)) if i not in left_out]
    of = {videos[i].name: videos[firsts[i]].name for i in kept}
    return VideoGroups([videos[i] for i in kept], of, twins, skipped)


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


def _links_by_name(
    videos: Sequence[Video], group_pattern: str | None, named: Mapping[str, str]
) -> list[tuple[int, int]]:
    firsts: dict[tuple[str, str], int] = {}
    links = []
    for i, video in enumerate(videos):
        match = re.search(group_pattern, video.inside) if group_pattern else None
        texts = [("pattern", (match[1] if match.re.groups else match[0]) or "")] if match else []
        if video.group is not None:
            texts.append(("group", video.group))
        if video.name in named:
            texts.append(("named", named[video.name]))
        links += [(firsts.setdefault(text, i), i) for text in texts]
    return links
