"""The whole pipeline under real DVC, at tiny size, in real clones."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.report import FIXED_COLUMNS as FIXED
from tests.conftest import run
from tests.stages.outcome import VARIANTS, board

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
FIXED_COLUMNS = [column.name for column in FIXED]


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
