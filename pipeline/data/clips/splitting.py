"""Which video is trained, validated and tested on: as the source says, and else by whole groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.data.clips.videos import Video
from pipeline.data.dataset import SPLITS
from pipeline.data.splits import split_groups
from pipeline.errors import EdgeboardError


def split_videos(
    videos: Sequence[Video], group_of: Mapping[str, str], fractions: Mapping[str, float], seed: int, where: str
) -> dict[str, str]:
    """Name of each video to its split; every class is in every split.

    Where the source names no split, or one only, `fractions` are the shares of the groups. Where it names train and
    one other, the other is the test split, as published results on Kinetics use its val, whose test has no public
    labels; val is then split off the groups of train. Raises EdgeboardError that names the classes with too few groups.
    """
    given = {video.given for video in videos}
    if given == {"train", None}:
        given = {None}  # who names training videos only has not said what to test on
    chosen: dict[str, str] = {}
    rest = list(videos)
    if len(given) > 1:
        chosen = {video.name: video.given for video in videos if video.given in ("val", "test")}
        if "test" not in given:
            chosen = dict.fromkeys(chosen, "test")
        rest = [video for video in videos if video.name not in chosen]
        if {"val", "test"} <= given:
            chosen |= {video.name: "train" for video in rest}
            rest = []
        total = fractions["train"] + fractions["val"]
        fractions = {split: fractions[split] / total for split in ("train", "val")}
    if rest:
        chosen |= _split(rest, group_of, fractions, seed, where)
    _check_all_there(videos, chosen, where)
    return chosen


def _split(
    videos: Sequence[Video], group_of: Mapping[str, str], fractions: Mapping[str, float], seed: int, where: str
) -> dict[str, str]:
    labels: dict[str, list[str]] = defaultdict(list)
    for video in videos:
        labels[group_of[video.name]].append(video.label)
    groups_of_class: dict[str, int] = defaultdict(int)
    for members in labels.values():
        for label in set(members):
            groups_of_class[label] += 1
    few = {label: count for label, count in sorted(groups_of_class.items()) if count < len(fractions)}
    if few:
        raise EdgeboardError(
            "A class has too few different videos to have one in each split",
            where=where,
            value=", ".join(f"{label}: {count}" for label, count in few.items()),
            allowed=f"at least {len(fractions)} for each class ({', '.join(fractions)}); those that look alike, or"
            " were cut from the same video, count as one",
            mend="add videos to the class, or remove it; where one camera saw them all, say with groups which belong"
            " together, by the day or by the person",
        )
    try:
        split_of = split_groups(labels, fractions, seed, where)
    except EdgeboardError as error:
        raise EdgeboardError(
            "Videos of different classes belong together, so that no split holds every class",
            where=where,
            value=error.value,
            mend="lower near_duplicate_bits, let group_pattern or groups tell more apart, or add videos of other"
            " sources",
        ) from None
    return {video.name: split_of[group_of[video.name]] for video in videos}


def _check_all_there(videos: Sequence[Video], split_of: Mapping[str, str], where: str) -> None:
    present = {(video.label, split_of[video.name]) for video in videos}
    labels = sorted({video.label for video in videos})
    missing = [f"{label} in {split}" for label in labels for split in SPLITS if (label, split) not in present]
    if missing:
        raise EdgeboardError(
            "A class is not in every split",
            where=where,
            value=", ".join(missing[:10]),
            allowed="every class in train, val and test",
            mend="add videos, or leave the class out with classes",
        )
