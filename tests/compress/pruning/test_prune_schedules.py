"""When a pruning step prunes and trains: the plan, before anything runs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pipeline.compress.pruning.schedules import Phase, plan_phases
from pipeline.errors import EdgeboardError
from tests.compress.sections import planned


def plan(**options: Any) -> list[Phase]:
    return plan_phases(planned("prune", **options).options)


def cuts(phases: list[Phase]) -> list[float]:
    return [phase.ratio for phase in phases if phase.ratio is not None]


SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "one_shot"},
    {"schedule": "iterative", "rounds": 1},
    {"schedule": "iterative", "rounds": 3},
    {"schedule": "gradual"},
    {"schedule": "dsd"},
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("criterion", ["l2", "movement"])
@pytest.mark.parametrize("epochs", [4, 5, 6, 11])
def test_epochs_are_neither_lost_nor_added_and_the_last_cut_is_the_ratio(
    schedule: dict[str, Any], criterion: str, epochs: int
) -> None:
    phases = plan(**schedule, criterion=criterion, epochs=epochs, ratio=0.7)
    assert sum(phase.epochs for phase in phases) == epochs
    assert min(phase.epochs for phase in phases) >= 1
    assert cuts(phases)[-1] == 0.7
    assert phases[-1].is_last_cut
    assert phases[-1].ratio is not None, "a network that was cut last of all would not be trained"
    assert [phase.is_last_cut for phase in phases if phase.ratio is not None and phase.ratio < 0.7] == [False] * sum(
        ratio < 0.7 for ratio in cuts(phases)
    )
    assert len({phase.name for phase in phases}) == len(phases)


def test_rounds_remove_the_same_share_of_what_is_left() -> None:
    phases = plan(schedule="iterative", rounds=4, epochs=10, ratio=0.8)
    left = [1.0, *(1 - ratio for ratio in cuts(phases))]
    shares = [after / before for before, after in itertools.pairwise(left)]
    assert shares == pytest.approx([0.2**0.25] * 4)
    assert [phase.epochs for phase in phases] == [2, 2, 3, 3]
    assert all(phase.part is None for phase in phases), "each round has a learning rate of its own"


def test_gradual_follows_the_cubic_for_two_thirds_of_one_training() -> None:
    phases = plan(schedule="gradual", epochs=9, ratio=0.8)
    # Zhu & Gupta, equation 1, from no zeros to 0.8 in six cuts.
    assert cuts(phases) == pytest.approx([0.8 - 0.8 * (1 - t / 6) ** 3 for t in range(1, 7)])
    assert [phase.epochs for phase in phases] == [1, 1, 1, 1, 1, 4]
    assert [phase.part for phase in phases] == [(epoch, 9) for epoch in range(6)]
    assert cuts(plan(schedule="gradual", epochs=2, ratio=0.8)) == pytest.approx([0.7, 0.8])


def test_dsd_zeroes_weights_frees_them_and_prunes() -> None:
    sparse, dense, last = plan(schedule="dsd", epochs=8, ratio=0.6, structure="block")
    assert (sparse.ratio, sparse.zeroes_weights, sparse.epochs) == (0.6, True, 2)
    assert (dense.ratio, dense.frees_weights, dense.epochs) == (None, True, 3)
    assert (last.ratio, last.zeroes_weights, last.frees_weights, last.epochs) == (0.6, False, False, 3)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_movement_is_summed_up_before_every_cut_that_ranks_by_it(schedule: dict[str, Any]) -> None:
    phases = plan(**schedule, criterion="movement", epochs=8)
    for before, phase in zip([None, *phases], phases, strict=False):
        if phase.ratio is not None and not phase.zeroes_weights:
            assert before is not None
            assert before.keeps_scores
    assert not phases[-1].keeps_scores
    assert not any(phase.keeps_scores for phase in plan(**schedule, criterion="taylor", epochs=8))


def test_gradual_movement_runs_on_along_one_learning_rate() -> None:
    phases = plan(schedule="gradual", criterion="movement", epochs=6, ratio=0.5)
    assert [phase.part for phase in phases] == [(epoch, 6) for epoch in range(5)]
    assert [phase.ratio is None for phase in phases] == [True, False, False, False, False]


@pytest.mark.parametrize(
    "options", [{"epochs": 1}, {"schedule": "iterative", "rounds": 3, "epochs": 3}], ids=["one_shot", "iterative"]
)
def test_too_few_epochs_for_movement_are_told(options: dict[str, Any]) -> None:
    with pytest.raises(EdgeboardError, match="too few") as caught:
        plan(**options, criterion="movement")
    assert "compress.prune.epochs" in str(caught.value)
    plan(**options, criterion="l2")
    plan(**options | {"epochs": options["epochs"] + 1}, criterion="movement")
