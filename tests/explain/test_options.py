from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import EdgeboardError
from pipeline.params import check_params

PARAMS = Path(__file__).parents[2] / "params.yaml"


def _params(**explain: Any) -> Any:
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["explain"] |= explain
    return check_params(raw)


@pytest.mark.parametrize(
    ("explain", "told"),
    [
        ({"methods": ["rise", "grad_cma"]}, ["explain.methods.1", "'grad_cma'", "did you mean grad_cam?"]),
        ({"methods": "rise"}, ["explain.methods", "'rise'", "a list"]),
        ({"methods": ["lime", "lime"]}, ["explain.methods", "lime is named twice"]),
        ({"masks": 4}, ["explain.masks", "at least 8"]),
        ({"per_task": {"fires": {"frames": 2}}}, ["explain.per_task", "no task 'fires'", "did you mean fire?"]),
        ({"per_task": {"fire": {"frame": 2}}}, ["explain.per_task.fire.frame", "did you mean frames?"]),
        ({"per_task": {"fire": {"methods": ["lime", "lime"]}}}, ["per_task.fire.methods", "named twice"]),
    ],
)
def test_a_mistake_is_told_before_any_stage(explain: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(EdgeboardError) as caught:
        _params(**explain)
    assert "1 mistake" in str(caught.value)
    for part in told:
        assert part in str(caught.value)


def test_a_task_may_differ() -> None:
    params = _params(methods=["rise"], frames=9, per_task={"movement": {"frames": 3, "methods": ["lime"]}})
    movement, fire = (params.of_task(task).explain for task in ("movement", "fire"))
    assert (movement.frames, movement.methods, movement.masks) == (3, ["lime"], params.explain.masks)
    assert (fire.frames, fire.methods) == (9, ["rise"])
