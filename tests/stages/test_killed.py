"""A pipeline whose every stage is killed at work, under real DVC."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.conftest import environment, run
from tests.stages.outcome import board, lock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
# The benchmark measures time, and what follows it shows time: nothing else may differ between two runs.
MAY_DIFFER = ("benchmark@fire", "leaderboard", "publish")


def test_every_stage_survives_kill_9_and_a_second_clone_gives_the_same_hashes(
    reproduced_repository: Path, tiny_repository: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "edgeboard"
    run(["git", "clone", "-q", str(tiny_repository), str(clone)], tmp_path)
    in_the_middle = {
        "generate@fire": "data/.fire.tmp-*",
        "train@fire": ".edgeboard/checkpoints/*/last.ckpt",
        "prune@fire": "models/fire/.prune.tmp-*",
        "distill@fire": "models/fire/.distill.tmp-*",
        "quantize@fire": "models/fire/.quantize.tmp-*",
        "export@fire": "exports/.fire.tmp-*",
        "explain@fire": "results/explain/.fire.tmp-*",
        "benchmark@fire": None,
        "leaderboard": None,
        "publish": None,
    }
    for stage, sign in in_the_middle.items():
        kill_in_the_middle(clone, stage, sign)
    run(["dvc", "repro"], clone)
    assert not list(clone.glob("**/.*.tmp-*")), "a killed stage left something half-written"
    first, second = lock(reproduced_repository), lock(clone)
    assert sorted(first) == sorted(second)
    assert len(first) == 11
    for stage, entry in first.items():
        if stage not in MAY_DIFFER:
            assert entry == second[stage], stage
    accuracies = [board(repository).set_index("variant")["accuracy"] for repository in (reproduced_repository, clone)]
    pd.testing.assert_series_equal(accuracies[0], accuracies[1], check_like=True)


def kill_in_the_middle(repository: Path, stage: str, sign: str | None) -> None:
    """Run the pipeline up to `stage`, and kill DVC and the stage with SIGKILL while the stage is at work."""
    module = "stages." + {"prune": "compress", "distill": "compress", "quantize": "compress"}.get(
        stage.split("@")[0], stage.split("@")[0]
    )
    process = subprocess.Popen(
        ["dvc", "repro", stage], cwd=repository, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if at_work(process.pid, module, stage) and (sign is None or any(repository.glob(sign))):
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == -signal.SIGKILL, f"{stage} ended before it could be killed:\n{output}"


def at_work(pid: int, module: str, stage: str) -> bool:
    try:
        lines = [" ".join(child.cmdline()) for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return False
    verb = stage.split("@")[0]
    return any(module in line and (not module.endswith("compress") or f"compress {verb}" in line) for line in lines)
