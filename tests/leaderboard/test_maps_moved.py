from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leaderboard.maps_moved import moved_maps


def _moved(drift: Any, n: int = 16) -> dict[str, Any]:
    numbers = {"n": n, "xai_drift": drift, "xai_drift_low": 0.1, "xai_drift_high": 0.4, "xai_ssim": 0.7}
    return {"from": "baseline", "steps": ["prune@ratio=0.5"], "all": numbers, "differ": {**numbers, "n": 2}}


def _rows(results: Path, runs: list[Any]) -> pd.DataFrame:
    rows = []
    for place, run in enumerate(runs):
        run_id = f"{place:012x}"
        folder = results / "runs" / run_id
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(run))
        rows.append({"run_id": run_id, "task": "fire", "variant": f"v{place}", "experiment": f"e{place}"})
    return pd.DataFrame(rows)


def test_the_most_moving_row_comes_first(tmp_path: Path) -> None:
    runs = [{"explanation": {"method": "rise", "moved": _moved(drift)}} for drift in (0.2, 0.3)]
    found = moved_maps(_rows(tmp_path, runs), tmp_path)
    columns = ["step", "variant", "input", "drift", "low", "high", "maps", "changed", "drift_changed", "experiment"]
    assert found[columns].to_numpy().tolist() == [
        ["prune", "v1", "baseline", 0.3, 0.1, 0.4, 16, 2, 0.3, "e1"],
        ["prune", "v0", "baseline", 0.2, 0.1, 0.4, 16, 2, 0.2, "e0"],
    ]


def test_a_single_map_has_no_interval_and_its_decision_did_not_change(tmp_path: Path) -> None:
    moved = _moved(0.2, n=1)
    moved["all"] |= {"xai_drift_low": None, "xai_drift_high": None}
    moved["differ"] = {"n": 0, "xai_drift": None}
    found = moved_maps(_rows(tmp_path, [{"explanation": {"method": "rise", "moved": moved}}]), tmp_path)
    assert found[["drift", "maps", "changed"]].to_numpy().tolist() == [[0.2, 1, 0]]
    assert found[["low", "high", "drift_changed"]].isna().all(axis=None)


@pytest.mark.parametrize(
    "run",
    [
        {},
        [],
        {"explanation": {}},
        {"explanation": {"method": "rise", "moved": None}},
        {"explanation": {"method": "rise", "moved": {"from": "baseline", "steps": ["prune"]}}},
        {"explanation": {"method": "rise", "moved": _moved("=cmd()")}},
        {"explanation": {"method": "rise", "moved": _moved(None, n=0)}},
        {"explanation": {"method": "rise", "moved": _moved(float("nan"))}},
        {"explanation": {"method": "rise", "moved": _moved(0.2) | {"differ": {"n": 2, "xai_drift": "=cmd()"}}}},
        {"explanation": {"method": "rise", "moved": _moved(0.2) | {"steps": "prune"}}},
        {"explanation": {"method": "rise", "moved": _moved(0.2) | {"steps": [None]}}},
        {"explanation": 3},
    ],
)
def test_what_tells_no_move_is_left_out(tmp_path: Path, run: Any) -> None:
    assert moved_maps(_rows(tmp_path, [run]), tmp_path).empty
