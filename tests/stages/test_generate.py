"""The entry point: which files it leaves, what it prints, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.data.frames import read_index
from pipeline.files import read_json
from stages.generate import summary
from tests.data.photo_cases import fill

REPOSITORY = Path(__file__).resolve().parents[2]


def run(folder: Path, task: str = "fire", **changes: object) -> subprocess.CompletedProcess[str]:
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["data"]["fire"] |= {"count": {"train": 12, "val": 6, "test": 6}} | changes
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return subprocess.run(
        [sys.executable, "-m", "stages.generate", task],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_drawn_folder_is_left_and_told(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "24/24 pictures" in done.stdout
    assert "train: 4 fire, 4 none, 4 starting_fire" in done.stdout
    assert "a linear model on colours alone reaches 0." in done.stdout
    assert len(read_index(tmp_path / "data" / "fire")) == 24
    assert read_json(tmp_path / "data" / "fire" / "report.json")["source"] == "synthetic"


def test_skipped_photos_are_told(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "cat", range(6))
    fill(tmp_path / "photos" / "dog", range(10, 16))
    (tmp_path / "photos" / "dog" / "notes.jpg").write_text("not a picture")
    done = run(tmp_path, source="photos")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 photos were skipped" in done.stdout
    assert "dog/notes.jpg: the content is not a picture" in done.stdout


def test_bad_folder_ends_with_the_message_and_exit_code_2(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "cat", range(6))
    done = run(tmp_path, source="photos")
    assert done.returncode == 2
    assert "only one class folder, cat" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "fire").exists()


def test_unknown_task_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, task="water")
    assert done.returncode == 2
    assert "water" in done.stderr


@pytest.mark.parametrize(("n", "lines"), [(0, 0), (3, 4), (500, 11)])
def test_summary_is_short_however_many_are_skipped(n: int, lines: int) -> None:
    report = {
        "counts": {"train": {"a": 1}},
        "control_histogram_accuracy": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10},
        "near_duplicates": [],
        "skipped": [{"file": f"a/{i}.jpg", "reason": "the file is empty"} for i in range(n)],
    }
    assert len(summary(report)) == 2 + lines
