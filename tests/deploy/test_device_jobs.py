"""Runs on the board that are named by other clocks, and runs whose worker was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from edgeboard_device import jobs
from edgeboard_device.files import write_text
from edgeboard_device.store import Store


def test_a_new_run_stays_whatever_the_hosts_clock_says(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for day in range(20, 25):
        folder = tmp_path / "runs" / f"202611{day}T100000Z-1"
        folder.mkdir()
        os.utime(folder, (day, day))
    new = "20251101T100000Z-1"  # of a host a year behind
    (tmp_path / "runs" / new).mkdir()
    os.utime(tmp_path / "runs" / new, (0, 0))
    jobs._prune(store, keep=new)
    assert sorted(one.name for one in (tmp_path / "runs").iterdir()) == [
        new, "20261121T100000Z-1", "20261122T100000Z-1", "20261123T100000Z-1", "20261124T100000Z-1",
    ]  # fmt: skip


def test_what_a_killed_worker_left_running_is_ended_and_nothing_else(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    work = tmp_path / "runs" / "one" / "work"
    work.mkdir(parents=True)
    # As the worker does it: a process of its own group, whose child works in the folder of the run.
    sleeper = "import time; time.sleep(300)"
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleeper!r}], cwd={str(work)!r})"
    worker = subprocess.Popen([sys.executable, "-c", f"{child}; {sleeper}"], start_new_session=True)
    stranger = subprocess.Popen([sys.executable, "-c", sleeper], cwd=work, start_new_session=True)
    try:
        write_text(store.path("runs", "one", "pid"), str(worker.pid))
        write_text(store.path("running"), "one")
        _until(lambda: len(_left(worker.pid)) == 2)
        worker.kill()
        worker.wait()
        assert jobs.state(store, "one") == jobs.LOST
        assert len(_left(worker.pid)) == 1
        jobs._end_what_a_lost_worker_left(store)
        assert _left(worker.pid) == []
        assert stranger.poll() is None
    finally:
        for pid in [*_left(worker.pid), stranger.pid]:
            os.kill(pid, signal.SIGKILL)
        stranger.wait()


def _left(group: int) -> list[int]:
    """Its living processes: in a container nobody may be there to bury the dead ones."""
    return [pid for pid in jobs._processes() if jobs._group(pid) == group and _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _until(what: object) -> None:
    end = time.monotonic() + 60
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
