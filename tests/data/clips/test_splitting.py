"""Which video is for what: as the source says, and else by whole groups."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.data.clips.splitting import split_videos
from pipeline.data.clips.videos import Video
from pipeline.errors import EdgeboardError

FRACTIONS = {"train": 0.6, "val": 0.2, "test": 0.2}


def videos(label: str, count: int, given: str | None = None, first: int = 0) -> list[Video]:
    names = [f"{label}/{i}" for i in range(first, first + count)]
    return [Video(label, name, name, Path(name), None, given) for name in names]


def split(some: list[Video], of: dict[str, str] | None = None, seed: int = 7) -> dict[str, str]:
    groups = {video.name: video.name for video in some} | (of or {})
    return split_videos(some, groups, FRACTIONS, seed, "data.movement.source")


def counts(chosen: dict[str, str], label: str) -> Counter[str]:
    return Counter(side for name, side in chosen.items() if name.startswith(f"{label}/"))


def test_each_class_has_its_shares_in_each_split() -> None:
    some = videos("walk", 10) + videos("fall", 20)
    chosen = split(some)
    assert counts(chosen, "walk") == {"train": 6, "val": 2, "test": 2}
    assert counts(chosen, "fall") == {"train": 12, "val": 4, "test": 4}
    assert split(some[::-1]) == chosen
    assert split(some, seed=8) != chosen


def test_groups_stay_whole_across_classes() -> None:
    some = videos("walk", 30) + videos("fall", 30)
    of = {video.name: f"actor {int(video.inside.partition('/')[2]) % 10}" for video in some}
    chosen = split(some, of)
    assert all(len({chosen[name] for name in of if of[name] == actor}) == 1 for actor in set(of.values()))
    assert set(counts(chosen, "walk")) == set(counts(chosen, "fall")) == {"train", "val", "test"}


def test_three_named_splits_are_used_as_they_are() -> None:
    some = [video for given in ("train", "val", "test") for label in ("walk", "fall")
            for video in videos(label, 1, given, first=len(given) * 10 + ord(given[0]))]  # fmt: skip
    assert split(some) == {video.name: video.given for video in some}


@pytest.mark.parametrize("other", ["test", "val"])
def test_val_is_split_off_the_training_groups(other: str) -> None:
    some = [v for label in ("walk", "fall") for v in videos(label, 8, "train") + videos(label, 3, other, first=50)]
    chosen = split(some)
    for label in ("walk", "fall"):
        assert counts(chosen, label) == {"train": 6, "val": 2, "test": 3}
        assert all(chosen[f"{label}/{i}"] == "test" for i in (50, 51, 52))


def test_training_videos_beside_unnamed_ones_are_split_too() -> None:
    some = [v for label in ("walk", "fall") for v in videos(label, 5, "train") + videos(label, 5, None, first=5)]
    chosen = split(some)
    assert counts(chosen, "walk") == counts(chosen, "fall") == {"train": 6, "val": 2, "test": 2}


@pytest.mark.parametrize("given", [None, "train", "test"])
def test_one_named_split_is_as_good_as_none(given: str | None) -> None:
    chosen = split(videos("walk", 10, given) + videos("fall", 10, given))
    assert counts(chosen, "walk") == counts(chosen, "fall") == {"train": 6, "val": 2, "test": 2}


@pytest.mark.parametrize(
    ("some", "of", "what", "part"),
    [
        pytest.param(
            videos("walk", 9) + videos("fall", 1), {}, "too few different videos", "fall: 1", id="one video of a class"
        ),
        pytest.param(
            videos("walk", 9) + videos("fall", 9), {f"fall/{i}": f"g{i % 2}" for i in range(9)},
            "too few different videos", "fall: 2", id="nine videos of two sources",
        ),
        pytest.param(
            videos("walk", 3, "train") + videos("walk", 2, "test", 5) + videos("fall", 3, "train"), {},
            "A class is not in every split", "fall in test", id="no test video",
        ),
        pytest.param(
            videos("walk", 1, "train") + videos("walk", 2, "test", 5) + videos("fall", 3, "train")
            + videos("fall", 2, "test", 5), {}, "too few different videos", "walk: 1", id="nothing for val",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_split_is_refused(some: list[Video], of: dict[str, str], what: str, part: str) -> None:
    with pytest.raises(EdgeboardError, match=what) as caught:
        split(some, of)
    assert part in str(caught.value.value)
