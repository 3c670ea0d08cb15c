"""The whole pipeline under real DVC, at tiny size, in real clones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml

from pipeline.report import FIXED_COLUMNS as FIXED
from tests.conftest import environment, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
FIXED_COLUMNS = [column.name for column in FIXED]
VARIANTS = ["baseline", "compact", "distilled", "pruned", "quantized"]
# The benchmark measures time, and what follows it shows time: nothing else may differ between two runs.
MAY_DIFFER = ("benchmark@fire", "leaderboard", "publish")


def board(repository: Path) -> pd.DataFrame:
    return pd.read_csv(repository / "results" / "leaderboard.csv")


def lock(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / "dvc.lock").read_text())["stages"]


def test_one_command_ends_with_the_ranking(reproduced_repository: Path) -> None:
    log = (reproduced_repository / "repro.log").read_text()
    rows = board(reproduced_repository)
    assert list(rows.columns)[: len(FIXED_COLUMNS)] == FIXED_COLUMNS
    assert sorted(rows["variant"]) == VARIANTS
    assert "make leaderboard" in log.splitlines()[-1] + log.splitlines()[-2]
    assert all(variant in log for variant in VARIANTS)
    assert "[3/11] train@fire · about" in log
    assert rows[["accuracy", "size_mb", "fps", "speedup", "memory_mb", "macs", "xai_faithfulness"]].notna().all().all()
    assert rows[["power_w", "energy_mj"]].isna().all().all(), "this machine has no power sensor"
    assert rows.loc[rows["variant"] == "baseline", "speedup"].item() == 1
    sizes = rows.set_index("variant")["size_mb"]
    assert sizes["compact"] < sizes["pruned"] < sizes["baseline"]


def test_a_second_run_changes_nothing(reproduced_repository: Path) -> None:
    before = (
        (reproduced_repository / "dvc.lock").read_bytes(),
        (reproduced_repository / "results/leaderboard.csv").read_bytes(),
    )
    log = run([sys.executable, "-m", "stages.repro"], reproduced_repository).stdout
    after = (
        (reproduced_repository / "dvc.lock").read_bytes(),
        (reproduced_repository / "results/leaderboard.csv").read_bytes(),
    )
    assert before == after
    ran = [line.split("] ")[1].split(" ")[0] for line in log.splitlines() if line.startswith("[") and "/11]" in line]
    assert ran == ["probe", "publish"]


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


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("compress.ratio=abc", ["compress.ratio: is 'abc'", "a number above 0 and below 1"]),
        ("compress.ratio=1.5", ["compress.ratio: is 1.5", "a number above 0 and below 1"]),
        ("compress.ratio=", ["compress.ratio: is ''"]),
        ("data.fire.source=/not/there", ["data.fire.source: the folder '/not/there' does not exist"]),
        ("train.fire.pretrained=missing.pth", ["train.fire.pretrained: the file 'missing.pth' does not exist"]),
        ("compress.rato=0.5", ["compress.rato"]),
        ("+compress.rato=0.5", ["compress.rato: unknown key", "did you mean ratio?"]),
    ],
)
def test_a_wrong_override_gives_one_clear_message_and_loses_nothing(
    reproduced_repository: Path, override: str, told: list[str]
) -> None:
    rows = board(reproduced_repository)
    try:
        done = run(["dvc", "exp", "run", "-S", override], reproduced_repository, check=False)
    finally:
        run(["git", "checkout", "-q", "params.yaml"], reproduced_repository)
    assert done.returncode != 0
    for part in told:
        assert part in done.stdout
    assert done.stdout.count("no stage was started") <= 1
    assert "Traceback" not in done.stdout
    assert "Running stage 'generate" not in done.stdout
    pd.testing.assert_frame_equal(board(reproduced_repository), rows)


def test_a_stage_ends_with_exit_code_2_for_wrong_parameters(tiny_repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "edgeboard"
    run(["git", "clone", "-q", str(tiny_repository), str(clone)], tmp_path)
    (clone / "params.yaml").write_text((clone / "params.yaml").read_text().replace("ratio: 0.8", "ratio: 8"))
    for stage in (["probe"], ["generate", "fire"], ["compress", "prune", "fire"]):
        done = run([sys.executable, "-m", f"stages.{stage[0]}", *stage[1:]], clone, check=False)
        assert done.returncode == 2
        assert "compress.ratio: is 8" in done.stdout
        assert sorted(path.name for path in clone.iterdir() if path.name in ("data", "models")) == []


def test_an_experiment_adds_its_rows_and_keeps_the_others(reproduced_repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "edgeboard"
    # With its cache and results, so that only what depends on the ratio runs.
    subprocess.run(["cp", "-a", str(reproduced_repository), str(clone)], check=True)
    run(["git", "add", "-A"], clone)
    run(["git", "commit", "-q", "-m", "reproduced"], clone)
    run(["dvc", "exp", "run", "-n", "half", "-S", "compress.ratio=0.5"], clone)
    rows = board(clone)
    assert sorted(set(rows["experiment"])) == ["half", "workspace"]
    assert [sorted(part["variant"]) for _, part in rows.groupby("experiment")] == [VARIANTS, VARIANTS]
    params = rows[rows["variant"] == "pruned"].set_index("experiment")["params"]
    assert params["half"] > 2 * params["workspace"]
    run(["git", "checkout", "-q", "."], clone)

    run(["dvc", "exp", "run", "--temp", "-n", "third", "-S", "compress.ratio=0.3"], clone)
    assert sorted(set(board(clone)["experiment"])) == ["half", "third", "workspace"]
