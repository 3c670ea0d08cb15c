"""What several tests need: the real photos where they are, and a small repository to run the pipeline in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

# Two processes with two threads each would wait for each other most of the time.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_DATA = REPOSITORY.parent / "shared" / "data"

# Small enough that a stage is little more than its imports.
TINY: dict[str, Any] = {
    "tasks": ["fire"],
    "data.fire.count": {"train": 24, "val": 12, "test": 12},
    "train.accelerator": "cpu",
    "train.fire.frame_size": 32,
    "train.fire.epochs": 2,
    "train.fire.batch_size": 8,
    "compress.prune.epochs": 1,
    "compress.distill.epochs": 1,
    "compress.quantize.calibration_frames": 6,
    "compress.quantize.epochs": 1,
    "export.parity_frames": 6,
    "export.min_agreement": 0.0,
    "explain.frames": 2,
    "explain.masks": 8,
    "explain.steps": 3,
    "explain.per_task": {},
    "benchmark.frames": 2,
    "benchmark.rounds": 3,
    "benchmark.frames_per_turn": 2,
    "benchmark.warmup": 2,
}

# Beside TINY, for the task suspect alone.
TINY_SUSPECT: dict[str, Any] = {
    "tasks": ["suspect"],
    "data.suspect.count": {"train": 16, "val": 6, "test": 8},
    "data.suspect.pool": {"train": 2, "val": 1, "test": 1},
    "data.suspect.classes": ["gun", "knife"],
    "data.suspect.mix.width": 128,
    "data.suspect.mix.height": 96,
    "train.suspect.frame_size": 96,
    "train.suspect.warm_up_epochs": 1,
    "train.suspect.warm_up_size": 32,
    "train.suspect.small_epochs": 1,
    "train.suspect.small_size": 64,
    "train.suspect.epochs": 1,
    "train.suspect.batch_size": 4,
}

# Beside TINY, for the task face alone.
TINY_FACE: dict[str, Any] = {
    "tasks": ["face"],
    "data.face.people": {"known": 3, "strangers_val": 2, "strangers_test": 2},
    "data.face.recordings": {"train": 2, "val": 1, "test": 1},
    "data.face.frames_per_recording": 2,
    "train.face.architecture": "mobilenet_v3_small",
    "train.face.frame_size": 64,
    "train.face.small_size": 48,
    "train.face.small_epochs": 1,
    "train.face.epochs": 1,
    "train.face.batch_size": 6,
    "train.face.embedding_size": 32,
}

# Beside TINY, for the task movement alone.
TINY_MOVEMENT: dict[str, Any] = {
    "tasks": ["movement"],
    "data.movement.actors": {"train": 2, "val": 1, "test": 1},
    "data.movement.clips_per_actor_and_class": 2,
    "data.movement.classes": ["run", "stand"],
    "data.movement.max_side": 64,
    "train.movement.frame_size": 32,
    "train.movement.small_size": 32,
    "train.movement.small_epochs": 1,
    "train.movement.epochs": 1,
    "train.movement.batch_size": 4,
    "train.movement.clip_frames": 4,
}


@pytest.fixture(scope="session")
def real_fire() -> Path:
    folder = REAL_DATA / "fire"
    if not folder.is_dir():
        pytest.skip(f"the real photos are not here: {folder}")
    return folder


def set_params(path: Path, changes: dict[str, Any]) -> None:
    """Set dotted keys in a params.yaml."""
    values = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        *parents, last = key.split(".")
        section = values
        for parent in parents:
            section = section[parent]
        section[last] = value
    path.write_text(yaml.safe_dump(values, sort_keys=False))


def environment() -> dict[str, str]:
    """The environment of a user who has activated .venv, with nothing of an outer run of DVC in it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_", "EDGEBOARD_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", "Test"), ("EMAIL", "test@example.invalid"))}  # fmt: skip
    return {**kept, **identity, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"}


def run(command: list[str], folder: Path, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` as a user would; its whole output is in .stdout."""
    done = subprocess.run(
        command, cwd=folder, env={**environment(), **env}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, timeout=580,
    )  # fmt: skip
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done


def copy_repository(destination: Path, changes: dict[str, Any]) -> Path:
    """The working tree as a new git repository, with a changed params.yaml, committed."""
    listed = run(["git", "ls-files", "-co", "--exclude-standard", "-z"], REPOSITORY).stdout
    for name in filter(None, listed.split("\0")):
        source = REPOSITORY / name
        if source.is_file() and name != "dvc.lock":
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
    set_params(destination / "params.yaml", changes)
    run(["git", "init", "-q", "-b", "main"], destination)
    run(["git", "add", "-A"], destination)
    run(["git", "commit", "-q", "-m", "start"], destination)
    return destination


@pytest.fixture(scope="session")
def tiny_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with tiny parameters in which nothing has run."""
    return copy_repository(tmp_path_factory.mktemp("tiny") / "edgeboard", TINY)


@pytest.fixture(scope="session")
def reproduced_repository(tiny_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone in which `make repro`'s command has run once. Tests may read it and run experiments in it.

    Made once and copied by every process that runs tests.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "reproduced-once"
    with FileLock(f"{shared}.lock"):
        if not shared.is_dir():
            fresh = tmp_path_factory.mktemp("fresh") / "edgeboard"
            run(["git", "clone", "-q", str(tiny_repository), str(fresh)], fresh.parent)
            (fresh / "repro.log").write_text(run([sys.executable, "-m", "stages.repro"], fresh).stdout)
            fresh.rename(shared)
    clone = tmp_path_factory.mktemp("reproduced") / "edgeboard"
    run(["cp", "-a", str(shared), str(clone)], clone.parent)
    return clone


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs whole pipelines first: at the end one process would wait for the other."""
    items.sort(key=lambda item: "stages" not in item.path.parts)
