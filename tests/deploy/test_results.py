"""From the raw samples of a board to rows; every number here can be worked out by hand."""

from __future__ import annotations

import copy
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.deploy.raw_result import FORMAT, read_result
from pipeline.deploy.results import board_host, task_report
from pipeline.deploy.sensors import clock_warning, hottest, power_of, readings_within
from pipeline.errors import EdgeboardError
from tests.conftest import environment

ROUNDS = 3
LATENCY_MS = {"baseline": 10.0, "quantized": 4.0, "(self-check)": 10.0}
RECIPES: dict[str, list[str]] = {"baseline": [], "quantized": ["quantize"]}


def _result() -> dict[str, Any]:
    """A whole result: baseline at 10 ms, quantized at 4 ms, 100 frames a turn one after the other, 8 W all the time."""
    samples, clock = [], 0.0
    for round_ in range(ROUNDS):
        for turn, (name, latency) in enumerate(LATENCY_MS.items()):
            precision = "int8" if name == "quantized" else "fp16"
            span = 100 * latency / 1000
            samples.append(
                {"task": "fire", "variant": name, "precision": precision, "round": round_, "turn": turn,
                 "latency_ms": [latency] * 100, "began": clock, "ended": clock + span, "unstable": None}
            )  # fmt: skip
            clock += span + 1
    series = [
        {"t": i * 0.05, "gpu_hz": 918_000_000, "cpu_khz": [1_984_000, 115_200],
         "temperature_mc": {"gpu-thermal": 61_500}, "power_mw": {"VDD_IN": 8000, "VDD_SOC": 1500}}
        for i in range(int(clock / 0.05))
    ]  # fmt: skip
    variants = [
        {"name": name, "recipe": recipe, "precision": "fp32", "size_bytes": 5_000_000,
         "size_compressed_bytes": 4_000_000, "params": 10, "nonzero": 9, "macs": 8, "ratio_reached": None,
         "models": {"tensorrt": {"precision": "int8" if recipe else "fp16", "sha256": name}}}
        for name, recipe in RECIPES.items()
    ]  # fmt: skip
    checks = [
        {"task": "fire", "variant": name, "precision": "fp16", "passed": True, "rms_relative": 0.002, "n": 4}
        for name in RECIPES
    ]
    origin = {"experiment": "workspace", "params": {"seed": 0}, "params_hash": "p", "data_hash": "d", "git_commit": "c",
              "git_dirty": False, "versions": {}}  # fmt: skip
    gpu = {"name": "17000000.gpu", "min_hz": 918_000_000, "max_hz": 918_000_000, "locked": True}
    return {
        "format": FORMAT, "run": "20261122T100000Z-1", "engine": "tensorrt", "options": {}, "builds": [], "errors": [],
        "checks": checks, "samples": samples, "sensors": {"rails_from": "ina3221", "series": series},
        "bundles": {"fire": {"task": "fire", "frame_size": 112, "variants": variants}},
        "request": {"origin": {"fire": origin}, "pushed_at": 1_795_000_000.0},
        "board": {"model": "NVIDIA Jetson Orin NX", "is_jetson": True, "soc": "tegra234", "l4t": "36.4.3", "cores": 8,
                  "arch": "aarch64", "memory_mib": 15656, "tensorrt": "10.3.0", "clock": 1_795_000_010.0,
                  "power_mode": {"name": "25W", "id": 1}, "clocks_while_timed": {"gpu": gpu, "governors": []}},
    }  # fmt: skip


def _rows(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["variant"]: row for row in task_report(result, "fire")["rows"]}


def test_numbers_of_a_steady_run() -> None:
    rows = _rows(_result())
    baseline, quantized = rows["baseline"], rows["quantized"]
    assert (baseline["target"], baseline["engine"], baseline["precision"]) == ("jetson", "tensorrt", "fp16")
    assert (quantized["precision"], quantized["recipe"]) == ("int8", "train>quantize")
    assert baseline["fps_network"] == pytest.approx(100)
    assert quantized["fps_network"] == pytest.approx(250)
    assert quantized["speedup"] == pytest.approx(2.5)
    assert quantized["latency_ms_p50"] == pytest.approx(4)
    assert quantized["latency_ms_p99"] is None  # 300 samples are too few
    assert quantized["n_timed"] == 300
    assert baseline["power_w"] == pytest.approx(8)
    assert baseline["energy_mj"] == pytest.approx(80)  # 8 W for 10 ms
    assert quantized["energy_mj"] == pytest.approx(32)
    assert (baseline["size_mb"], baseline["model_sha256"]) == (5.0, "baseline")
    assert baseline["warning"] == quantized["warning"] == ""
    assert "accuracy" not in baseline
    assert "accuracy is empty" in baseline["note"]
    assert "at most 62 °C (gpu-thermal)" in baseline["note"]


def test_parts_that_no_board_measures_are_not_shown_as_zero() -> None:
    assert not {"preprocess_ms_p50", "decode_ms_p50", "network_ms_p50"} & _rows(_result())["baseline"].keys()


def test_a_board_in_another_mode_is_another_host() -> None:
    result = _result()
    host = board_host(result)
    assert host["name"] == "NVIDIA Jetson Orin NX, mode 25W"
    for change in ({"power_mode": {"name": "MAXN", "id": 0}}, {"tensorrt": "10.13.3"}, {"memory_mib": 7620}):
        assert board_host({**result, "board": result["board"] | change})["id"] != host["id"]
    assert board_host({**result, "board": result["board"] | {"memory_free_mib": 5, "clock": 0}})["id"] == host["id"]


@pytest.mark.parametrize(
    ("limits", "clocks", "words"),
    [
        ({"gpu": {"locked": True, "max_hz": 918e6}}, [918, 918], None),
        ({"gpu": {"locked": True, "max_hz": 918e6}}, [918, 890], None),
        ({"gpu": {"locked": True, "max_hz": 918e6}}, [918, 510], "the locked GPU clock of 918 MHz fell to 510 MHz"),
        ({"gpu": {"locked": True, "max_hz": 918e6}}, [510, 510], "throttled"),
        ({"gpu": {"locked": False, "max_hz": 918e6}}, [306, 918], "clock moved while it was timed: 306 to 918 MHz"),
        ({"gpu": {"locked": False, "max_hz": 918e6}}, [510, 510], None),
        ({}, [306, 918], "the GPU clock moved"),
        ({}, [], None),
    ],
)  # fmt: skip
def test_clocks(limits: dict[str, Any], clocks: list[int], words: str | None) -> None:
    warning = clock_warning([{"gpu_hz": mhz * 1e6} for mhz in clocks], limits, on_gpu=True)
    assert (warning is None) if words is None else words in str(warning)


def test_an_idle_core_is_no_throttling() -> None:
    readings = [{"cpu_khz": [1_984_000, 115_200]}, {"cpu_khz": [115_200, 1_984_000]}]
    assert clock_warning(readings, {}, on_gpu=False) is None
    assert clock_warning([*readings, {"cpu_khz": [729_600, 115_200]}], {}, on_gpu=False) is not None


def test_a_throttled_variant_is_marked_and_the_others_are_not() -> None:
    result = _result()
    turn = next(one for one in result["samples"] if one["variant"] == "quantized")
    for reading in result["sensors"]["series"]:
        if turn["began"] <= reading["t"] <= turn["ended"]:
            reading["gpu_hz"] = 306_000_000
    rows = _rows(result)
    assert "throttled" in rows["quantized"]["warning"]
    assert rows["quantized"]["fps_network"] == pytest.approx(250)
    assert rows["baseline"]["warning"] == ""


@pytest.mark.parametrize(
    ("power", "watts", "rails"),
    [
        ({"POM_5V_IN": 2000, "POM_5V_GPU": 500}, 2.0, ("POM_5V_IN",)),
        ({"VDD_IN": 9000, "VDD_SOC": 1500}, 9.0, ("VDD_IN",)),
        ({"VDD_GPU_SOC": 5000, "VDD_CPU_CV": 3000, "VIN_SYS_5V0": 4000, "VDDQ": 1}, 12.0,
         ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")),
        ({"GPU": 1000, "CPU": 500, "SOC": 800, "CV": 0, "VDDRQ": 100, "SYS5V": 1600}, 4.0,
         ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")),
        ({"VDD_GPU_SOC": 5000}, None, ()),
        ({}, None, ()),
    ],
    ids=["Nano", "Xavier NX, Orin NX", "AGX Orin", "AGX Xavier", "a part only", "none"],
)  # fmt: skip
def test_total_power(power: dict[str, int], watts: float | None, rails: tuple[str, ...]) -> None:
    turns = [{"began": 0.0, "ended": 1.0, "latency_ms": [10.0] * 100}]
    total = power_of([{"t": 0.1 * i, "power_mw": power} for i in range(10)], turns)
    assert (total.watts, total.rails) == (watts, rails)
    assert total.energy_mj == (None if watts is None else pytest.approx(watts * 10))


def test_too_few_readings_give_no_power() -> None:
    turns = [{"began": 0.0, "ended": 1.0, "latency_ms": [1.0]}]
    assert power_of([{"t": 0.1, "power_mw": {"VDD_IN": 9000}}] * 4, turns).watts is None


def test_readings_between_the_turns_do_not_count() -> None:
    turns = [{"began": 1.0, "ended": 2.0}, {"began": 5.0, "ended": 6.0}, {"began": None, "ended": None}]
    readings = [{"t": t} for t in (0.9, 1.0, 1.5, 2.1, 5.5, 7.0)]
    assert [one["t"] for one in readings_within(readings, turns)] == [1.0, 1.5, 5.5]


@pytest.mark.parametrize(
    ("loads", "words"),
    [([], None), ([0.1], None), ([None], None), ([0.2, 3.04], "timed while other processes used 3.0 cores")],
    ids=["an older result", "quiet", "not known", "one of two passes was shared"],
)
def test_a_board_that_was_shared_while_it_was_timed(loads: list[float | None], words: str | None) -> None:
    rows = _rows(_result() | {"other_load_cores": loads})
    assert {row["warning"] for row in rows.values()} == {words or ""}


@pytest.mark.parametrize(
    ("settled", "words"), [((None, None, None), None), ((True, False, False), "when 2 of 3 turns began")]
)
def test_what_had_not_settled_is_told(settled: tuple[bool | None, ...], words: str | None) -> None:
    result = _result()
    turns = [one for one in result["samples"] if one["variant"] == "quantized"]
    for turn, told in zip(turns, settled, strict=True):
        turn["settled"] = told
    rows = _rows(result)
    assert ("had not settled" in rows["quantized"]["note"]) is (words is not None)
    assert words is None or words in rows["quantized"]["note"]
    assert "had not settled" not in rows["baseline"]["note"]


def test_what_the_times_are_not_is_told() -> None:
    note = _rows(_result())["quantized"]["note"]
    assert "they are no FPS of whole frames" in note
    assert "live form" not in note
    assert "percentiles are empty where 300 timed frames are too few: p99 needs 1000" in note


def test_other_processors_are_another_host_and_older_results_do_not_say() -> None:
    older = _result()
    assert "processors" not in board_host(older)
    hosts = [board_host({**older, "board": older["board"] | {"processors": one}}) for one in ([0, 1], [2, 3])]
    assert [host["processors"] for host in hosts] == [[0, 1], [2, 3]]
    assert len({host["id"] for host in (*hosts, board_host(older))}) == 3


def test_the_hottest_sensor() -> None:
    assert hottest([{"temperature_mc": {"cpu": 50_000, "gpu": 71_000, "off": -256_000}}]) == ("gpu", 71.0)
    assert hottest([{"temperature_mc": {"off": -256_000}}]) is None
    assert hottest([{}]) is None


def test_a_variant_that_failed_has_a_row_that_says_why() -> None:
    result = _result()
    result["samples"] = [one for one in result["samples"] if one["variant"] != "quantized"]
    result["errors"] = [
        {"task": "fire", "variant": "quantized", "precision": "int8", "step": "build", "words": "killed", "mend": None}
    ]
    row = _rows(result)["quantized"]
    assert row["warning"] == "not timed, build failed on the board: killed"
    assert "fps" not in row
    assert row["power_w"] is None


def test_what_failed_halfway_has_no_times() -> None:
    result = _result()
    del result["samples"][-2]  # the last turn of quantized
    result["errors"] = [
        {"task": "fire", "variant": "quantized", "precision": "int8", "step": "time", "words": "x", "mend": None}
    ]
    assert "fps" not in _rows(result)["quantized"]


def test_without_the_baseline_there_is_no_speedup() -> None:
    result = _result()
    result["samples"] = [one for one in result["samples"] if one["variant"] == "quantized"]
    row = _rows(result)["quantized"]
    assert row["fps_network"] == pytest.approx(250)
    assert not [name for name in row if name.startswith("speedup")]


def test_int8_that_is_slower_than_what_it_was_made_from_is_marked() -> None:
    result = _result()
    for one in result["samples"]:
        if one["variant"] == "quantized":
            one["latency_ms"] = [20.0] * 100
    assert "slower than baseline: 0.50×" in _rows(result)["quantized"]["warning"]


@pytest.mark.parametrize(("skew", "told"), [(10, False), (-1_700_000_000, True), (86_400, True)])
def test_the_clock_of_a_board_may_be_years_off(skew: float, told: bool) -> None:
    result = _result()
    result["board"]["clock"] = result["request"]["pushed_at"] + skew
    report = task_report(result, "fire")
    assert ("clock was off" in report["rows"][0]["note"]) is told
    assert report["created_at"] == "2026-11-18T11:06:40+00:00"  # the host's


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        (json.dumps(_result())[:-100], "not valid JSON"),
        ("[]", "not a result of a board"),
        ('{"rows": []}', "not a result of a board"),
        (json.dumps({**_result(), "format": "edgeboard board result 9"}), "of another version"),
        (json.dumps({key: value for key, value in _result().items() if key != "samples"}), "lacks a part"),
        (json.dumps({**_result(), "request": {"origin": {}}}), "does not say where its bundle is from"),
    ],
    ids=["empty", "cut off", "foreign", "a report", "newer", "a part is missing", "no origin"],
)
def test_files_that_are_no_result(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(EdgeboardError, match=words) as caught:
        read_result(path)
    assert str(path) in str(caught.value)


@pytest.fixture
def boards(clone: Path) -> Path:
    folder = clone / "results/boards/orin"
    folder.mkdir(parents=True)
    return folder


def _stage(boards: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stages.board_results", *arguments]
    return subprocess.run(
        command, cwd=boards.parents[2], env=environment(), capture_output=True, text=True, check=False, timeout=500
    )


def _board(boards: Path) -> list[dict[str, str]]:
    with (boards.parents[1] / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_newest_run_of_each_engine_is_on_the_board(boards: Path) -> None:
    """Files of old runs and of another engine lie beside it; one that is cut off is told and left alone."""
    old, other = _result(), copy.deepcopy(_result())
    for one in old["samples"]:
        one["latency_ms"] = [99.0] * 100
    other["engine"] = "onnxruntime"
    other["board"]["tensorrt"] = other["board"]["power_mode"] = None
    for variant in other["bundles"]["fire"]["variants"]:
        variant["models"] = {"onnxruntime": variant["models"]["tensorrt"]}
    for name, result in (("20261122T1", old), ("20261122T2", _result()), ("20261122T3", other)):
        (boards / f"{name}.json").write_text(json.dumps(result))
    cut_off = boards / "20261122T4.json"
    cut_off.write_text(json.dumps(_result())[:500])

    done = _stage(boards)
    assert done.returncode == 0, done.stderr
    assert "skipped results/boards/orin/20261122T4.json: A file is not valid JSON" in done.stdout
    assert cut_off.exists()
    rows = _board(boards)
    assert sorted((row["engine"], row["variant"]) for row in rows) == [
        ("onnxruntime", "baseline"),
        ("onnxruntime", "quantized"),
        ("tensorrt", "baseline"),
        ("tensorrt", "quantized"),
    ]
    assert {round(float(row["fps_network"])) for row in rows} == {100, 250}
    assert all(row["accuracy"] == "" and row["target"] == "jetson" for row in rows)

    before = (boards.parents[1] / "leaderboard.csv").read_bytes()
    named = _stage(boards, str(cut_off))
    assert named.returncode == 2
    assert "not valid JSON" in named.stderr
    assert (boards.parents[1] / "leaderboard.csv").read_bytes() == before


def test_no_results_at_all(boards: Path) -> None:
    done = _stage(boards)
    assert done.returncode == 2
    assert "No board has measured anything yet" in done.stderr
