"""`make repro`: run what is not up to date, say how long it will still take, end with the ranking."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError
from pipeline.files import write_json
from pipeline.params import load_params
from stages.entry import stage_main
from stages.paths import STATE

DURATIONS = STATE / "durations.json"
_RUNNING = re.compile(r"^Running stage '([^']+)'")
_SKIPPED = re.compile(r"^Stage '([^']+)' (?:didn't change, skipping|is cached)")

# Where a clone has no durations of its own yet: relative costs, measured on two cores. Only their proportions
# matter, for the estimate is scaled by the pace of the stages that have run.
_USUAL_SECONDS = {
    "probe": 2, "generate": 12, "train": 75, "prune": 35, "distill": 50, "quantize": 20, "export": 25,
    "explain": 30, "benchmark": 25, "leaderboard": 3, "publish": 10,
    # A detector sees ten times as many pixels as a classifier.
    "generate@suspect": 20, "train@suspect": 600, "prune@suspect": 120, "distill@suspect": 360, "quantize@suspect": 60,
    # InceptionResnetV1 is thirteen times as large as what fire learns with.
    "generate@face": 150, "train@face": 400, "prune@face": 150, "distill@face": 250, "quantize@face": 60,
    "export@face": 240, "explain@face": 200, "benchmark@face": 90,
    "export@suspect": 60, "explain@suspect": 120, "benchmark@suspect": 60,
}  # fmt: skip


class Estimate:
    """How long the stages that are still to come will take, from what they took before.

    usual_seconds: stage -> seconds, of the last run or of `_USUAL_SECONDS`.
    """

    def __init__(self, stages: list[str], usual_seconds: dict[str, float]) -> None:
        self._waiting = list(stages)
        self._usual = usual_seconds
        self._took: dict[str, float] = {}
        self.total = len(stages)

    @property
    def started(self) -> int:
        return self.total - len(self._waiting)

    def start(self, stage: str) -> None:
        if stage in self._waiting:
            self._waiting.remove(stage)

    def finish(self, stage: str, seconds: float) -> None:
        self._took[stage] = seconds

    def seconds_left(self, current: str | None = None) -> float:
        """Seconds until the end, the stage `current` not yet begun included."""
        expected = sum(self._usual_of(stage) for stage in self._took)
        pace = sum(self._took.values()) / expected if expected else 1.0
        ahead = self._waiting + ([current] if current else [])
        return sum(self._usual_of(stage) for stage in ahead) * pace

    def _usual_of(self, stage: str) -> float:
        return self._usual.get(stage, _USUAL_SECONDS.get(stage, _USUAL_SECONDS.get(stage.split("@")[0], 10)))


@stage_main
def main() -> None:
    """Reproduce every stage, then show the board."""
    params = load_params()
    _require_git()
    subprocess.run([sys.executable, "-m", "stages.publish", "--init"], check=True)
    estimate = Estimate(_stage_names(params.tasks), _read_durations())
    exit_code = _run_dvc(estimate)
    if exit_code:
        raise SystemExit(exit_code)
    subprocess.run([sys.executable, "-m", "stages.leaderboard", "--show"], check=True)


def _require_git() -> None:
    if subprocess.run(["git", "rev-parse", "--git-dir"], capture_output=True, check=False).returncode:
        raise EdgeboardError(
            "This folder is not a git repository, and provenance is kept with git",
            where=Path.cwd(),
            mend="clone the project with git, or `git init && git add -A && git commit -m start` here",
        )


def _stage_names(tasks: list[str]) -> list[str]:
    stages = [name for name in _USUAL_SECONDS if "@" not in name]
    per_stage = [[f"{stage}@{task}" for task in tasks] if _is_per_task(stage) else [stage] for stage in stages]
    return [name for names in per_stage for name in names]


def _is_per_task(stage: str) -> bool:
    return stage not in ("probe", "leaderboard", "publish")


def _run_dvc(estimate: Estimate) -> int:
    durations: dict[str, float] = {}
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    assert process.stdout is not None
    current: str | None = None
    began = time.monotonic()

    def close(stage: str | None) -> None:
        if stage:
            durations[stage] = time.monotonic() - began
            estimate.finish(stage, durations[stage])

    for line in process.stdout:
        running, skipped = _RUNNING.match(line), _SKIPPED.match(line)
        if running or skipped:
            close(current)
            stage = (running or skipped)[1]  # type: ignore[index]
            estimate.start(stage)
            current, began = (stage, time.monotonic()) if running else (None, began)
        if running:
            left = _in_words(estimate.seconds_left(current))
            print(f"\n[{estimate.started}/{estimate.total}] {current} · about {left} left", flush=True)
        elif not skipped and not line.startswith(("> ", "Updating lock", "Use `dvc push`", "To track", "\tgit add")):
            sys.stdout.write(line)
            sys.stdout.flush()
    exit_code = process.wait()
    if not exit_code:
        close(current)
    _remember(durations)
    return exit_code


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def _read_durations() -> dict[str, float]:
    try:
        return dict(json.loads(DURATIONS.read_text()))
    except (OSError, ValueError):
        return {}


def _remember(durations: dict[str, float]) -> None:
    merged: dict[str, Any] = {**_read_durations(), **durations}
    write_json(DURATIONS, {stage: round(seconds, 1) for stage, seconds in merged.items()})


if __name__ == "__main__":
    main()
