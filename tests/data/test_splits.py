from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.splits import split_groups
from pipeline.errors import EdgeboardError

FRACTIONS = {"train": 0.64, "val": 0.16, "test": 0.2}


def counts(groups: dict[str, list[str]], chosen: dict[str, str]) -> Counter[tuple[str, str]]:
    return Counter((label, chosen[group]) for group, labels in groups.items() for label in labels)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a1": ["a"]}, "a: 1"),
        ({"a1": ["a"] * 9, "a2": ["a"]}, "a: 2"),
        ({f"b{i}": ["b"] for i in range(9)} | {"a1": ["a"] * 50}, "a: 1"),
    ],
)
def test_class_with_too_few_groups_is_refused(groups: dict[str, list[str]], message: str) -> None:
    with pytest.raises(EdgeboardError) as caught:
        split_groups(groups, FRACTIONS, 7, "data.fire.source")
    assert message in str(caught.value)
    assert "data.fire.source" in str(caught.value)


@pytest.mark.parametrize("n", [3, 4, 5, 7, 10, 100, 1000])
def test_shares_are_met_as_far_as_whole_photos_allow(n: int) -> None:
    groups = {f"{label}{i}": [label] for label in "ab" for i in range(n)}
    found = counts(groups, split_groups(groups, FRACTIONS, 7, "here"))
    for label in "ab":
        for split, fraction in FRACTIONS.items():
            assert found[label, split] >= 1
            assert abs(found[label, split] - fraction * n) <= 1.5


def test_order_of_the_groups_does_not_matter_and_the_seed_does() -> None:
    groups = {f"{label}{i}": [label] * (1 + i % 3) for label in "abc" for i in range(40)}
    shuffled = list(groups.items())
    random.Random(1).shuffle(shuffled)
    assert split_groups(groups, FRACTIONS, 7, "here") == split_groups(dict(shuffled), FRACTIONS, 7, "here")
    assert split_groups(groups, FRACTIONS, 7, "here") != split_groups(groups, FRACTIONS, 8, "here")


def test_groups_of_several_classes_leave_no_class_out_of_a_split() -> None:
    groups = {"x1": ["a", "b"], "x2": ["a", "c"], "x3": ["b", "c"], "a1": ["a"], "b1": ["b"], "c1": ["c"]}
    found = counts(groups, split_groups(groups, FRACTIONS, 7, "here"))
    assert all(found[label, split] for label in "abc" for split in FRACTIONS)


def test_impossible_split_is_refused() -> None:
    """The edges of Petersen's graph need four colours: ten classes that share photos in pairs, three photos each."""
    edges = [
        *((i, (i + 1) % 5) for i in range(5)),
        *((i, i + 5) for i in range(5)),
        *((i + 5, (i + 2) % 5 + 5) for i in range(5)),
    ]
    groups = {f"{a}-{b}": [f"class{a}", f"class{b}"] for a, b in edges}
    with pytest.raises(EdgeboardError, match="near-duplicates of each other"):
        split_groups(groups, FRACTIONS, 7, "here")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 12)), min_size=1, max_size=40), st.integers(0, 99))
def test_each_class_is_in_each_split_or_it_is_refused(sizes: list[tuple[str, int]], seed: int) -> None:
    groups = {f"g{i}": [label] * n for i, (label, n) in enumerate(sizes)}
    per_class = Counter(label for label, _ in sizes)
    if min(per_class.values()) < 3:
        with pytest.raises(EdgeboardError):
            split_groups(groups, FRACTIONS, seed, "here")
        return
    chosen = split_groups(groups, FRACTIONS, seed, "here")
    found = counts(groups, chosen)
    assert chosen.keys() == groups.keys()
    assert all(found[label, split] >= 1 for label in per_class for split in FRACTIONS)
