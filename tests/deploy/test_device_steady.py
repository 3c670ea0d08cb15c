"""What keeps times steady on a board: which processors are used, when it is warm, and what else ran."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from edgeboard_device import cores, engines, ort, warmup
from edgeboard_device.load import OtherLoad


@pytest.mark.parametrize(
    ("siblings", "usable", "expected"),
    [
        ({}, {0, 1, 2}, [0, 1, 2]),
        ({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, {0, 1, 2, 3}, [0, 2]),
        ({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, {1, 2, 3}, [1, 2]),
    ],
    ids=["not described", "two to a core", "the first of a core may not be used"],
)
def test_one_processor_of_every_core(
    tmp_path: Path, siblings: dict[int, str], usable: set[int], expected: list[int]
) -> None:
    for cpu, text in siblings.items():
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(text + "\n")
    assert cores.one_per_core(usable, str(tmp_path)) == expected


def test_what_is_started_keeps_to_the_processors_and_afterwards_all_is_as_before(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    command = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
    with cores.pinned(str(tmp_path)) as processors:
        assert os.sched_getaffinity(0) == set(processors)
        assert subprocess.check_output(command, text=True).strip() == str(processors)
    assert os.sched_getaffinity(0) == before


STEADY, RISING = [4.0] * 20, [4.0] * 10 + [4.3] * 10


@pytest.mark.parametrize(
    ("times", "stable", "began"),
    [
        ([], False, None),
        (STEADY[:19], False, None),
        (STEADY, True, True),
        (RISING, False, False),
        (RISING + [4.3] * 10, True, False),
        (STEADY[:10] + [4.1] * 10, True, True),
        ([*STEADY[:9], 400.0, *STEADY[:10]], True, True),
    ],
    ids=["none", "too few", "steady", "changes", "settles later", "within 5 %", "one outlier"],
)
def test_warm(times: list[float], stable: bool, began: bool | None) -> None:
    assert warmup.is_stable(times) is stable
    assert warmup.began_warm(times) is began


class _Slowing(ort.Session):
    """A session that takes 1 ms, and from frame to frame the factor more, until `settles` frames are done."""

    def __init__(self, clock: SimpleNamespace, factor: float, settles: int) -> None:
        self._clock, self._factor, self._settles, self._done = clock, factor, settles, 0

    def _frames(self, paths: list[str]) -> list[str]:
        return paths

    def _open(self, _path: str) -> Callable[[str], None]:
        def step(_: str) -> None:
            self._done += 1
            self._clock.now += 0.001 * self._factor ** min(self._done, self._settles)

        return step


@pytest.mark.parametrize(
    ("factor", "settles", "seconds", "frames", "settled"),
    [(1.0, 0, 0, 20, True), (1.0, 0, 1, 201, True), (1.02, 30, 0, 45, True), (1.01, 9999, 0, 307, False)],
    ids=["steady", "at least a fifth of a second", "settles after a while", "never, for two seconds"],
)
def test_onnx_runtime_is_warmed_up_until_it_is_stable(
    monkeypatch: pytest.MonkeyPatch, factor: float, settles: int, seconds: int, frames: int, settled: bool
) -> None:
    clock = SimpleNamespace(now=0.0)
    read = lambda: clock.now  # noqa: E731
    monkeypatch.setattr(ort, "time", SimpleNamespace(monotonic=read, perf_counter=read))
    seen, rows = _Slowing(clock, factor, settles).time(["frame"], 5, seconds)
    assert seen["settled"] is settled
    assert abs(seen["warmup_frames"] - frames) <= 3
    assert len(rows) >= 5


class _Scripted(engines.TensorRT):
    """trtexec's times by the warm-up it was asked for: everything else is the engine's own."""

    def __init__(self, rows_ms: dict[int, list[float]]) -> None:
        engines.TensorRT.__init__(self, {}, "", "", "")
        self.asked: list[int] = []
        self._rows_ms = rows_ms

    def _time(self, _model: Any, _frame: str, warmup_ms: int, _options: Any) -> Any:
        self.asked.append(warmup_ms)
        return {"began": None}, [{"latency_ms": one} for one in self._rows_ms.get(warmup_ms, RISING)]


@pytest.mark.parametrize(
    ("rows_ms", "asked", "settled"),
    [
        ({300: STEADY}, [300, 300], True),
        ({300: STEADY[:5]}, [300, 300], None),
        ({1200: STEADY}, [300, 600, 1200, 1200], True),
        ({}, [300, 600, 1200, 2400, 2400], False),
    ],
    ids=["warm at once", "too short to tell", "after more", "never"],
)
def test_a_turn_of_trtexec_that_began_cold_is_timed_again(
    rows_ms: dict[int, list[float]], asked: list[int], settled: bool | None
) -> None:
    engine = _Scripted(rows_ms)
    for turn in range(2):
        seen, rows = engine.time({}, ["frame"], turn, {"warmup_ms": 300})
    assert engine.asked == asked
    assert (seen["settled"], seen["warmup_ms"]) == (settled, asked[-1])
    assert [row["latency_ms"] for row in rows] == rows_ms.get(asked[-1], RISING)


@pytest.mark.parametrize(("busy_s", "least", "most"), [(0, 0.0, 0.0), (1000, 10.0, 1e9)])
def test_others_are_told_and_we_are_not(tmp_path: Path, busy_s: int, least: float, most: float) -> None:
    stat = tmp_path / "proc" / "stat"
    stat.parent.mkdir()
    ticks = os.sysconf("SC_CLK_TCK")
    stat.write_text("cpu  100 0 0 500 7 0 0 0 0 0\ncpu0 1 2 3\n")
    load = OtherLoad(str(tmp_path))
    began = os.times()
    while sum(os.times()[:2]) - sum(began[:2]) < 0.02:  # our own time, of which the file says nothing
        pass
    idle = f"{500 + 9 * ticks} {7 + 9 * ticks}"
    stat.write_text(f"cpu  {100 + busy_s * ticks} 0 0 {idle} 0 0 0 0 0\n")
    told = load.cores()
    assert told is not None
    assert least <= told <= most


@pytest.mark.parametrize("text", [None, "", "cpu  1 2 3\n", "intr 1 2 3 4 5 6 7 8 9\n"])
def test_a_system_that_does_not_say(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "stat").write_text(text)
    assert OtherLoad(str(tmp_path)).cores() is None
