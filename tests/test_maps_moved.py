from __future__ import annotations

from typing import Any

import pytest

from pipeline.maps_moved import by_step, markdown, moves_of


def _drift(n: int, drift: float | None, changed: int = 0) -> dict[str, Any]:
    def numbers(count: int, value: float | None) -> dict[str, Any]:
        ends = dict.fromkeys(("xai_drift", "xai_drift_low", "xai_drift_high"), value)
        return {"n": count, **ends, "xai_ssim": value}

    return {"all": numbers(n, drift), "alike": numbers(n - changed, drift), "differ": numbers(changed, drift)}


def _report(task: str, moved: dict[str, Any]) -> dict[str, Any]:
    variants = {name: {"moved": one, "methods": {"grad_cam": {"moved": None}}} for name, one in moved.items()}
    return {"task": task, "method": "rise", "variants": variants}


FIRE = _report(
    "fire",
    {
        "baseline": None,
        "pruned": {"from": "baseline", "steps": ["prune"], **_drift(16, 0.25, changed=2)},
        "compact": {"from": "pruned", "steps": ["quantize"], **_drift(16, 0.001)},
    },
)
MOVEMENT = _report(
    "movement",
    {
        "pruned": {"from": "baseline", "steps": ["prune@ratio=0.5"], **_drift(8, 0.5)},
        "compact": {"from": "baseline", "steps": ["distill@student=a", "quantize"], **_drift(8, 0.9)},
    },
)


def test_one_table_over_steps_and_tasks() -> None:
    lines = markdown([*moves_of(FIRE), *moves_of(MOVEMENT)]).splitlines()
    assert lines[0] == "| step | from → to | fire | movement |"
    assert lines[2:] == [
        "| distill → quantize | baseline → compact | – | 0.900 [0.900, 0.900] (n 8) |",
        "| prune | baseline → pruned | 0.250 [0.250, 0.250] (n 16, 2 changed) | 0.500 [0.500, 0.500] (n 8) |",
        "| quantize | pruned → compact | 0.001 [0.001, 0.001] (n 16) | – |",
    ]


def test_two_runs_of_one_task_both_stand_in_the_table() -> None:
    again = _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"], **_drift(16, 0.9)}})
    assert "0.250 [0.250, 0.250] (n 16, 2 changed); 0.900" in markdown([*moves_of(FIRE), *moves_of(again)])


def test_the_step_that_moves_maps_most_comes_first() -> None:
    found = by_step([*moves_of(FIRE), *moves_of(MOVEMENT)])
    assert [(step, [one.task for one in moves]) for step, moves in found] == [
        ("distill → quantize", ["movement"]),
        ("prune", ["fire", "movement"]),
        ("quantize", ["fire"]),
    ]


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"task": "fire", "method": "rise", "variants": {"pruned": {"xai_drift": 0.2}}},  # as before there were steps
        _report("fire", {"pruned": None}),
        _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"]}}),  # the baseline had no map
        _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"], **_drift(0, None)}}),
    ],
)
def test_what_was_not_measured_is_no_move(report: dict[str, Any]) -> None:
    assert moves_of(report) == []
    assert moves_of(FIRE, method="grad_cam") == []
