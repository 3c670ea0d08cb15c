from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.data.recordings.listing import Recording
from pipeline.data.recordings.splits import RecordingSplits, split_recordings
from pipeline.errors import EdgeboardError

FRACTIONS = {"train": 0.6, "val": 0.2, "test": 0.2}
WHERE = "data.faces"


def recordings_of(counts: dict[str, int]) -> list[Recording]:
    return [
        Recording(person, f"{person}/{i}.mp4", Path(f"{person}/{i}.mp4"), "video")
        for person, count in counts.items()
        for i in range(count)
    ]


def split(
    counts: dict[str, int], n_val: int = 0, n_test: int = 0, seed: int = 7, *, few_as_strangers: bool = False
) -> RecordingSplits:
    recordings = recordings_of(counts)
    groups = {it.name: it.name for it in recordings}
    strangers = {"val": n_val, "test": n_test}
    return split_recordings(recordings, groups, FRACTIONS, strangers, seed, WHERE, few_as_strangers=few_as_strangers)


def splits_of(result: RecordingSplits, person: str) -> Counter[str]:
    return Counter(split for group, split in result.split_of.items() if group.startswith(f"{person}/"))


@pytest.mark.parametrize("count", [3, 4, 5, 10, 50])
def test_a_known_person_is_in_every_split_by_the_shares(count: int) -> None:
    result = split({f"p{i}": count for i in range(4)})
    assert result.known == ["p0", "p1", "p2", "p3"]
    for person in result.known:
        placed = splits_of(result, person)
        assert sum(placed.values()) == count
        for name, share in FRACTIONS.items():
            assert placed[name] >= 1
            assert abs(placed[name] - share * count) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_strangers_are_in_one_split_and_never_trained_on(seed: int) -> None:
    result = split({f"p{i}": 5 for i in range(10)}, 2, 3, seed)
    assert {name: len(persons) for name, persons in result.strangers.items()} == {"val": 2, "test": 3}
    everyone = result.known + result.strangers["val"] + result.strangers["test"]
    assert sorted(everyone) == [f"p{i}" for i in range(10)]
    for name, persons in result.strangers.items():
        for person in persons:
            assert splits_of(result, person) == {name: 5}
    for person in result.known:
        assert set(splits_of(result, person)) == set(FRACTIONS)


def test_seeds_hold_out_different_persons() -> None:
    chosen = {tuple(split({f"p{i}": 3 for i in range(12)}, 2, 2, seed).strangers["test"]) for seed in range(8)}
    assert len(chosen) > 3


FEW = {"Al": 5, "Bea": 5, "Cy": 5, "One": 1, "Two": 2}


def test_a_person_with_too_few_recordings_is_left_out_with_the_reason() -> None:
    result = split(FEW, 0, 1)
    assert [(it.file, it.reason) for it in result.left_out] == [
        ("One/", "a person with 1 recording cannot be in all 3 splits; near-duplicates count as one"),
        ("Two/", "a person with 2 different recordings cannot be in all 3 splits; near-duplicates count as one"),
    ]
    assert not splits_of(result, "One")
    assert not splits_of(result, "Two")
    assert len(result.known) == 2


def test_persons_with_too_few_recordings_are_the_first_strangers_where_asked() -> None:
    result = split(FEW, 1, 1, few_as_strangers=True)
    assert sorted(result.strangers["val"] + result.strangers["test"]) == ["One", "Two"]
    assert (result.known, result.left_out) == (["Al", "Bea", "Cy"], [])
    result = split(FEW, 0, 1, few_as_strangers=True)
    assert len(result.left_out) == 1
    assert len(result.strangers["test"]) == 1


def test_near_duplicates_count_as_one_and_stay_together() -> None:
    recordings = recordings_of({"Al": 9, "Bea": 3, "Cy": 3})
    groups = {it.name: it.name for it in recordings} | {f"Al/{i}.mp4": f"Al/{i // 3}.mp4" for i in range(9)}
    groups |= {f"Cy/{i}.mp4": "Cy/0.mp4" for i in range(3)}
    result = split_recordings(recordings, groups, FRACTIONS, {}, 7, WHERE)
    assert splits_of(result, "Al") == {"train": 1, "val": 1, "test": 1}
    assert [it.file for it in result.left_out] == ["Cy/"]


def test_a_recording_without_a_group_is_passed_over() -> None:
    recordings = recordings_of({"Al": 4, "Bea": 3})
    groups = {it.name: it.name for it in recordings if it.name != "Al/0.mp4"}
    assert set(split_recordings(recordings, groups, FRACTIONS, {}, 7, WHERE).split_of) == set(groups)


def test_it_does_not_depend_on_the_order_of_the_recordings() -> None:
    recordings = recordings_of({f"p{i}": 4 + i for i in range(6)})
    groups = {it.name: it.name for it in recordings}
    one, other = (
        split_recordings(of, groups, FRACTIONS, {"test": 2}, 7, WHERE) for of in (recordings, recordings[::-1])
    )
    assert one == other


def test_removing_a_known_person_moves_nobody_else() -> None:
    counts = {f"p{i}": 4 + i % 3 for i in range(10)}
    before = split(counts, 2, 2)
    gone = before.known[0]
    after = split({person: count for person, count in counts.items() if person != gone}, 2, 2)
    assert after.strangers == before.strangers
    assert after.split_of == {group: of for group, of in before.split_of.items() if not group.startswith(f"{gone}/")}


REFUSED = {
    "nobody": ({}, 0, 0, "Too few persons are left to be known"),
    "one person": ({"Al": 9}, 0, 0, "Too few persons are left to be known"),
    "all held out": ({"Al": 9, "Bea": 9, "Cy": 9}, 1, 1, "Too few persons are left to be known"),
    "more strangers than persons": ({"Al": 9, "Bea": 9}, 50, 50, "Too few persons are left to be known"),
    "all with one image": (dict.fromkeys("abcd", 1), 0, 0, "4 with too few recordings"),
}


@pytest.mark.parametrize(("counts", "n_val", "n_test", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_too_few_persons_are_refused(counts: dict[str, int], n_val: int, n_test: int, what: str) -> None:
    with pytest.raises(EdgeboardError) as caught:
        split(counts, n_val, n_test)
    assert what in str(caught.value)


@pytest.mark.parametrize("name", ["train", "valid"])
def test_strangers_are_not_for_training(name: str) -> None:
    recordings = recordings_of({"Al": 3, "Bea": 3, "Cy": 3})
    with pytest.raises(EdgeboardError, match="Strangers can only be held out"):
        split_recordings(recordings, {it.name: it.name for it in recordings}, FRACTIONS, {name: 1}, 7, WHERE)
