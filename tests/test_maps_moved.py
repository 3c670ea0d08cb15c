from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.maps_moved import by_step, markdown, missing_of, moves_of
from stages.maps_moved import main


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
        "| prune | baseline → pruned | 0.250 [0.250, 0.250] (n 16, 2 changed: 0.250) | 0.500 [0.500, 0.500] (n 8) |",
        "| quantize | pruned → compact | 0.001 [0.001, 0.001] (n 16) | – |",
    ]


def test_two_runs_of_one_task_both_stand_in_the_table() -> None:
    again = _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"], **_drift(16, 0.9)}})
    assert "0.250 [0.250, 0.250] (n 16, 2 changed: 0.250); 0.900" in markdown([*moves_of(FIRE), *moves_of(again)])


def test_of_a_single_map_there_is_no_interval() -> None:
    one = _drift(1, 0.25)
    one["all"] |= {"xai_drift_low": None, "xai_drift_high": None}
    report = _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"], **one}})
    assert markdown(moves_of(report)).splitlines()[2] == "| prune | baseline → pruned | 0.250 (n 1) |"


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
        _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"], "why_not": "same float network"}}),
        _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"]}}),  # the baseline had no map
        _report("fire", {"pruned": {"from": "baseline", "steps": ["prune"], **_drift(0, None)}}),
    ],
)
def test_what_was_not_measured_is_no_move(report: dict[str, Any]) -> None:
    assert moves_of(report) == []
    assert moves_of(FIRE, method="grad_cam") == []


@pytest.mark.parametrize(
    ("report", "method", "missing"),
    [
        (FIRE, None, []),
        (FIRE, "lime", ["fire: lime is not among its explain.methods"]),
        (FIRE | {"left_out": {"lime": "LIME explains whole frames"}}, "lime", ["fire: LIME explains whole frames"]),
        (
            {"task": "fire", "variants": {"baseline": {}, "pruned": {"xai_drift": 0.2}}},  # as before there were steps
            None,
            ["fire, pruned: its report does not tell of single steps"],
        ),
        (
            _report("fire", {"int8": {"from": "baseline", "steps": ["quantize"], "why_not": "same float network"}}),
            None,
            ["fire, baseline → int8: same float network"],
        ),
        (
            {"task": "fire", "variants": {"pruned": {"methods": {"lrp": {"why_not": "LRP cannot be traced"}}}}},
            "lrp",
            ["fire, pruned: LRP cannot be traced"],
        ),
    ],
)
def test_what_has_no_number_is_named_with_the_reason(
    report: dict[str, Any], method: str | None, missing: list[str]
) -> None:
    assert missing_of(report, method) == missing


def _root(folder: Path, *reports: dict[str, Any]) -> str:
    for one in reports:
        path = folder / "results" / "explain" / one["task"] / "report.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(one))
    return str(folder)


def _run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["maps_moved", *arguments])
    try:
        main()
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    told = capsys.readouterr()
    return code, told.out + told.err


SUSPECT = {
    "task": "suspect",
    "variants": {
        "pruned": {
            "moved": {"from": "baseline", "steps": ["prune"], **_drift(8, 0.125)},
            "methods": {"d_rise": {"moved": {"from": "baseline", "steps": ["prune"], **_drift(8, 0.125)}}},
        }
    },
    "method": "d-rise",
    "left_out": {"grad_cam": "Grad-CAM explains one score"},
}


def test_rise_is_the_default_method_of_each_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = _root(tmp_path / "run", FIRE, SUSPECT), tmp_path / "moved.md"
    tables = []
    for method in ([], ["--method", "rise"]):
        code, _ = _run(monkeypatch, capsys, root, "--out", str(out), *method)
        tables.append(out.read_text())
        assert code == 0
    assert tables[0] == tables[1]
    assert "0.250 [0.250, 0.250] (n 16, 2 changed: 0.250) | 0.125 [0.125, 0.125] (n 8)" in tables[0]
    assert "Not told" not in tables[0]
    _run(monkeypatch, capsys, root, "--out", str(out), "--method", "d_rise")
    assert "fire: d_rise is not among its explain.methods" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["other"], ["other/results/explain", "name a folder in which the pipeline ran"]),
        (["empty"], ["empty/results/explain", "dvc repro explain"]),
        (["--method", "grad_camm"], ["did you mean grad_cam"]),
        (["--method", "grad_cam"], ["suspect: Grad-CAM explains one score", "with grad_cam in explain.methods"]),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    _root(tmp_path, SUSPECT)
    (tmp_path / "empty").mkdir()
    code, text = _run(monkeypatch, capsys, ".", *arguments)
    assert code == 2
    assert [part for part in told if part not in text] == []
    assert not (tmp_path / "results" / "maps_moved.md").exists()


def test_of_several_folders_each_missing_line_names_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _root(tmp_path / "a", FIRE)
    _root(tmp_path / "b", _report("fire", {"pruned": None}))
    code, text = _run(monkeypatch, capsys, "a", "b")
    assert code == 0
    assert "- b: fire, pruned: its report does not tell of single steps" in text
    assert "a: fire" not in text
