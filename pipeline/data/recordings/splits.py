"""Who is known and who is a stranger, and which recordings of the known are trained, validated and tested on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.data.folder import Skipped
from pipeline.data.recordings.listing import Recording
from pipeline.data.splits import split_groups
from pipeline.errors import EdgeboardError

_LEAST_KNOWN = 2


@dataclass(frozen=True)
class RecordingSplits:
    """`split_of`: group of recordings to split, without what is left out.

    `known`: sorted persons, each in every split; `strangers`: split to sorted persons whose recordings are all in
    that split and in no other.
    """

    split_of: dict[str, str]
    known: list[str]
    strangers: dict[str, list[str]]
    left_out: list[Skipped]


def split_recordings(
    recordings: Sequence[Recording],
    groups: Mapping[str, str],
    fractions: Mapping[str, float],
    n_strangers: Mapping[str, int],
    seed: int,
    where: str,
    *,
    few_as_strangers: bool = False,
) -> RecordingSplits:
    """Split whole groups of recordings; whole persons where they are to be strangers.

    groups: name of each recording to its group (`group_recordings`); recordings without one are passed over.
    fractions: share of each split; they sum to 1.
    n_strangers: how many persons are held out as strangers for each split, "train" not among them.
    few_as_strangers: take persons with too few groups to be in every split as the first strangers; without it, or
        where there are more of them than strangers asked for, they are left out with the reason.

    The choice depends on names and seed only. A person who is added or removed moves no recording of the others,
    unless the person is or becomes a stranger. Raises EdgeboardError where fewer than two known persons are left.
    """
    if n_strangers.get("train") or not set(n_strangers) <= set(fractions):
        raise EdgeboardError(
            "Strangers can only be held out for splits that are not trained on",
            where=where,
            value=dict(n_strangers),
            allowed=", ".join(split for split in fractions if split != "train"),
        )
    groups_of: dict[str, list[str]] = defaultdict(list)
    persons_of: dict[str, list[str]] = defaultdict(list)
    for recording in sorted(recordings):
        group = groups.get(recording.name)
        if group is None:
            continue
        persons_of[group].append(recording.person)
        if group not in groups_of[recording.person]:
            groups_of[recording.person].append(group)
    few = {person for person, of in groups_of.items() if len(of) < len(fractions)}
    order = sorted(groups_of, key=lambda person: _drawn(seed, person))
    candidates = [person for person in order if person in few] if few_as_strangers else []
    candidates += [person for person in order if person not in few]
    strangers = _hand_out(candidates, n_strangers)
    held_out = {person: split for split, persons in strangers.items() for person in persons}
    known = sorted(groups_of.keys() - few - held_out.keys())
    _check_enough_known(known, few - held_out.keys(), n_strangers, where)
    labels = {group: persons for group, persons in persons_of.items() if persons[0] in known}
    split_of = split_groups(labels, fractions, seed, where)
    split_of |= {group: split for person, split in held_out.items() for group in groups_of[person]}
    left_out = [
        Skipped(f"{person}/", _reason(len(groups_of[person]), len(fractions)))
        for person in sorted(few - held_out.keys())
    ]
    return RecordingSplits(split_of, known, {split: sorted(of) for split, of in strangers.items()}, left_out)


def _hand_out(candidates: Sequence[str], n_strangers: Mapping[str, int]) -> dict[str, list[str]]:
    """In turn, so that one split does not get all the persons with few recordings."""
    strangers: dict[str, list[str]] = {split: [] for split in n_strangers}
    left = iter(candidates)
    while open_splits := [split for split, persons in strangers.items() if len(persons) < n_strangers[split]]:
        for split in open_splits:
            person = next(left, None)
            if person is None:
                return strangers
            strangers[split].append(person)
    return strangers


def _check_enough_known(known: Sequence[str], few: set[str], n_strangers: Mapping[str, int], where: str) -> None:
    if len(known) >= _LEAST_KNOWN:
        return
    too_few = f", {len(few)} with too few recordings ({', '.join(sorted(few)[:5])})" if few else ""
    raise EdgeboardError(
        "Too few persons are left to be known",
        where=where,
        value=f"{len(known)} known, {sum(n_strangers.values())} asked for as strangers{too_few}",
        allowed=f"at least {_LEAST_KNOWN} known persons with 3 different recordings each",
        mend="hold out fewer strangers, or add recordings",
    )


def _reason(count: int, n_splits: int) -> str:
    recordings = "1 recording" if count == 1 else f"{count} different recordings"
    return f"a person with {recordings} cannot be in all {n_splits} splits; near-duplicates count as one"


def _drawn(seed: int, person: str) -> str:
    return hashlib.sha256(f"stranger:{seed}:{person}".encode()).hexdigest()
