"""`source: <folder>` or `source: <list>`: real videos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.clip_data_options import ClipData
from pipeline.data.clips.groups import SeenVideo, VideoGroups, group_videos, look_at
from pipeline.data.clips.layouts import find_videos
from pipeline.data.clips.named_groups import read_named_groups
from pipeline.data.clips.planned import Plan, PlannedVideo
from pipeline.data.clips.splitting import split_videos
from pipeline.data.clips.videos import FoundVideos, Video, chosen_classes, nearest
from pipeline.data.clips.windows import ClipWindows, WindowChoice
from pipeline.data.folder import Skipped
from pipeline.data.workers import map_in_order
from pipeline.errors import EdgeboardError

_TEST_PREFIX = "test_source:"


def plan_videos(params: ClipData, seed: int, task: str, workers: int | None) -> Plan:
    """Every usable video with its split. Raises EdgeboardError for a source that cannot make a data set."""
    where = f"data.{task}.source"
    root = None if params.video_root is None else Path(params.video_root)
    found = find_videos(Path(params.source), root, None, where)
    known = {video.name for video in found.videos} | {entry.file for entry in found.skipped}
    passed_over = chosen_classes(found, params.classes, where)
    if params.test_source is not None:
        _add_test_source(found, Path(params.test_source), root, f"data.{task}.test_source")
    # Of other classes, and what cannot be read, may be named too: one table serves several choices of classes.
    known |= {video.name for video in found.videos} | {entry.file for entry in found.skipped}
    named = {} if params.groups is None else read_named_groups(Path(params.groups), known, f"data.{task}.groups")
    groups = _grouped(found, params, named, workers)
    _check_no_class_is_empty(found, groups, where)
    split_of = split_videos(groups.videos, groups.of, params.split.model_dump(), seed, where)
    choice = window_choice(params)
    planned = [_planned(choice, video, groups.of[video.name], split_of[video.name]) for video in groups.videos]
    findings: dict[str, Any] = {
        "layout": {"folders": found.layout, "names_as": found.names_as, "splits_from": found.splits_from},
        "test_source": None if params.test_source is None else Path(params.test_source).resolve().name,
        "groups_from": None if params.groups is None else Path(params.groups).name,
        "groups": _together(groups),
        "groups_in_several_splits": _in_several_splits(planned),
        "twins": [twin._asdict() for twin in groups.twins],
        "skipped": [*found.skipped, *groups.skipped],
        "passed_over": {"hidden": found.hidden, "of_other_classes": passed_over},
    }
    return Plan(Path(params.source).resolve().name, found.class_names, planned, findings)


def window_choice(params: ClipData) -> WindowChoice:
    return WindowChoice(
        params.clip_frames,
        params.fps,
        max(1, round(params.stride_seconds * params.fps)),
        params.max_side,
        params.max_megapixels,
    )


def _add_test_source(found: FoundVideos, source: Path, root: Path | None, where: str) -> None:
    """All videos of `source` are for testing, those of `found` for training."""
    if any(video.given == "test" for video in found.videos):
        raise EdgeboardError(
            "The source has a test split of its own",
            where=where,
            value=f"{source}, beside {found.splits_from}",
            mend="set test_source: null",
        )
    # A list of mmaction2 has numbers only, which mean the classes of the source.
    tested = find_videos(source, root, found.class_names if source.is_file() else None, where)
    unknown = sorted({video.label for video in tested.videos} - set(found.class_names))
    missing = sorted(set(found.class_names) - {video.label for video in tested.videos})
    if unknown or missing:
        parts = [f"{name}: not in source{nearest(name, found.class_names)}" for name in unknown]
        raise EdgeboardError(
            "test_source must have the same classes as source",
            where=where,
            value="; ".join(parts + [f"{name}: missing" for name in missing]),
            allowed=", ".join(found.class_names),
        )
    found.videos = [replace(video, given=video.given or "train") for video in found.videos]
    found.videos += [replace(video, name=_TEST_PREFIX + video.name, given="test") for video in tested.videos]
    found.skipped += [Skipped(_TEST_PREFIX + entry.file, entry.reason) for entry in tested.skipped]
    found.hidden += tested.hidden


def _grouped(found: FoundVideos, params: ClipData, named: Mapping[str, str], workers: int | None) -> VideoGroups:
    looked = map_in_order(partial(look_at, params.max_megapixels), found.videos, workers)
    found.skipped += [one for one in looked if isinstance(one, Skipped)]
    usable = [one for one in looked if isinstance(one, SeenVideo)]
    return group_videos(usable, params.near_duplicate_bits, params.group_pattern, named)


def _check_no_class_is_empty(found: FoundVideos, groups: VideoGroups, where: str) -> None:
    empty = [label for label in found.class_names if label not in {video.label for video in groups.videos}]
    if not empty:
        return
    lost = {video.name for video in found.videos if video.label in empty}
    reasons = [f"{entry.file}: {entry.reason}" for entry in [*found.skipped, *groups.skipped] if entry.file in lost]
    raise EdgeboardError(
        f"A class has no usable video: {', '.join(empty)}",
        where=where,
        value="\n            ".join([f"{len(lost)} videos were skipped", *reasons[:5]]),
        mend="add videos to the class, or remove it",
    )


def _planned(choice: WindowChoice, video: Video, group: str, split: str) -> PlannedVideo:
    source = ClipWindows(video.path, choice, only_middle=split != "train", with_before=split == "test")
    return PlannedVideo(video.name, video.label, group, split, source)


def _together(groups: VideoGroups) -> list[list[str]]:
    """The groups of several videos."""
    members: dict[str, list[str]] = defaultdict(list)
    for name, group in groups.of.items():
        members[group].append(name)
    return sorted(sorted(names) for names in members.values() if len(names) > 1)


def _in_several_splits(planned: Sequence[PlannedVideo]) -> list[str]:
    """Only where the source names the splits itself, as the films of HMDB51 do."""
    splits: dict[str, set[str]] = defaultdict(set)
    for video in planned:
        splits[video.group].add(video.split)
    return sorted(group for group, several in splits.items() if len(several) > 1)
