"""Train, val and test by source: whole groups go to one side, every class to all of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.errors import EdgeboardError


def split_groups(
    groups: Mapping[str, Sequence[str]], fractions: Mapping[str, float], seed: int, where: str
) -> dict[str, str]:
    """Choose a split for each group: group id to split name.

    `groups` holds the class of every member of each group id; `fractions` the share of each split, which sum to 1.
    Each class is spread by these shares as far as whole groups allow, and is in each split. The choice depends on
    the ids, their members and the seed, not on the order they are given in.
    Raises EdgeboardError that names every class with too few groups.
    """
    members = {group: Counter(labels) for group, labels in groups.items()}
    totals: Counter[str] = Counter()
    groups_left: Counter[str] = Counter()
    for counts in members.values():
        totals.update(counts)
        groups_left.update(counts.keys())
    _check_enough_groups(groups_left, list(fractions), where)
    placed: dict[tuple[str, str], int] = {(label, split): 0 for label in totals for split in fractions}

    def gain(counts: Counter[str], split: str) -> tuple[int, float]:
        missing = sum(
            placed[label, split] == 0 and groups_left[label] <= _empty(placed, label, fractions) for label in counts
        )
        # How much of its share of each class the split still lacks, as a fraction, so that classes weigh alike.
        lack = sum((fractions[split] * totals[label] - placed[label, split]) / totals[label] for label in counts)
        return missing, lack

    chosen: dict[str, str] = {}
    # Large groups first: small ones then even out what the large ones left.
    for group in sorted(members, key=lambda group: (-members[group].total(), _shuffled(seed, group))):
        counts = members[group]
        split = max(fractions, key=lambda split: gain(counts, split))
        chosen[group] = split
        for label, count in counts.items():
            placed[label, split] += count
            groups_left[label] -= 1
    _check_all_filled(placed, where)
    return chosen


def _empty(placed: Mapping[tuple[str, str], int], label: str, splits: Mapping[str, float]) -> int:
    return sum(placed[label, split] == 0 for split in splits)


def _shuffled(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode("utf-8", "surrogateescape")).hexdigest()


def _check_enough_groups(groups_left: Counter[str], splits: list[str], where: str) -> None:
    few = {label: count for label, count in sorted(groups_left.items()) if count < len(splits)}
    if few:
        raise EdgeboardError(
            "A class has too few different photos to have one in each split",
            where=where,
            value=", ".join(f"{label}: {count}" for label, count in few.items()),
            allowed=f"at least {len(splits)} photos per class ({', '.join(splits)}); near-duplicates count as one",
            mend="add photos to the class, or remove its folder",
        )


def _check_all_filled(placed: Mapping[tuple[str, str], int], where: str) -> None:
    empty = [f"{label} in {split}" for (label, split), count in sorted(placed.items()) if count == 0]
    if empty:
        raise EdgeboardError(
            "Photos of different classes are near-duplicates of each other, so that no split holds every class",
            where=where,
            value=f"no photo of {', '.join(empty)}",
            mend="lower near_duplicate_bits, or add photos that differ",
        )
