"""Where a clone of Edgeboard has anything of the people of a task: what `remove --everywhere` has to look through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.board import BENCHMARK_FOLDER, EXPLAIN_FOLDER, EXPORTS_FOLDER, RUNS_FOLDER
from pipeline.board_sources.store import SOURCES_FOLDER
from pipeline.data.forgetting.directions import ARRAY_FILE, WEIGHTS_FILE, has_directions
from pipeline.data.forgetting.dvc_objects import objects_once_at
from pipeline.evidence import EVIDENCE_FILE
from pipeline.privacy import tells_of_nobody
from pipeline.tracking import OUTBOX_FOLDER
from stages.paths import CHECKPOINTS, STATE, data_folder

GALLERIES = Path("galleries")
MODELS = Path("models")
_BUNDLES, _MLFLOW_FILES, _MLFLOW_STORE = Path("bundles"), Path("mlartifacts"), Path("mlflow.db")
_DVC_CACHE, _DVC_WORK, _EXPERIMENTS = Path(".dvc", "cache"), Path(".dvc", "tmp"), Path(".dvc", "tmp", "exps")
_SNAPSHOT = Path("results", "board.html")  # by `make snapshot`, with the pictures that stand beside the rows
_RUN_FILE = "run.json"
_DIRECTIONS = (WEIGHTS_FILE, ARRAY_FILE)


@dataclass(frozen=True)
class Places:
    """folders, caches, wholes: as pipeline.data.face_traces.find_traces has them. told: others' records, which stay."""

    folders: list[Path]
    caches: list[Path]
    wholes: list[Path]
    told: list[Path]


def places_of(task: str) -> Places:
    """Of the clone in which the process runs."""
    made = [MODELS / task, EXPORTS_FOLDER / task]
    shown = [EXPLAIN_FOLDER / task, BENCHMARK_FOLDER / task, BENCHMARK_FOLDER / f"{task}.json"]
    # An experiment's copy is made from this clone, and its rows have gone to this clone's board.
    copies = [copy.parent for depth in ("*", "*/*") for copy in _EXPERIMENTS.glob(f"{depth}/dvc.yaml")]
    wholes = [
        *shown,
        *(copy / part for copy in copies for part in [data_folder(task), *shown]),
        *(file for copy in copies for part in made for file in (copy / part).rglob("*") if file.name in _DIRECTIONS),
        _SNAPSHOT,
        *(_BUNDLES / f"{task}.{suffix}" for suffix in ("tar", "json")),
        *_pictures_of_runs(task),
        *_sent(task),
        *_training_states(),
        *objects_once_at(_DVC_CACHE, [Path("dvc.lock")], lambda path: _is_unnamed(PurePosixPath(path), made, shown)),
    ]
    told = [Path("results"), _MLFLOW_FILES / task, _MLFLOW_STORE]
    return Places([GALLERIES, data_folder(task), *made], [_DVC_CACHE, _DVC_WORK, STATE], wholes, told)


def _is_unnamed(path: PurePosixPath, made: list[Path], shown: list[Path]) -> bool:
    """Whether what was at a path may show or describe a person without the name, which finds the rest."""
    if any(path.is_relative_to(one) for one in shown):
        return True
    return path.name in _DIRECTIONS and any(path.is_relative_to(one) for one in made)


def _pictures_of_runs(task: str) -> Iterator[Path]:
    """Which stand beside the rows of the board, where they were shared."""
    for folder in (RUNS_FOLDER, SOURCES_FOLDER):
        for run in folder.rglob(_RUN_FILE):
            if _task_of(run) == task:
                yield from (path for path in run.parent.iterdir() if path.name not in (_RUN_FILE, EVIDENCE_FILE))


def _sent(task: str) -> Iterator[Path]:
    """What MLflow has on this machine, and what waits for a server, except for what tells of nobody."""
    for file in (_MLFLOW_FILES / task).glob("*/artifacts/*/*"):
        if file.name != EVIDENCE_FILE and not tells_of_nobody(file.parent.name, file):
            yield file
    for note in OUTBOX_FOLDER.glob("*/outbox.json"):
        if _task_of(note) == task:
            files = note.parent.glob("files/*/*")
            yield from (file for file in files if not tells_of_nobody(file.parent.name, file))


def _training_states() -> Iterator[Path]:
    """Of trainings that were stopped, and warm-ups: whose task is in none of their names."""
    for file in [*STATE.rglob("*.ckpt"), *STATE.rglob("*.safetensors")]:
        if has_directions(file):
            yield file if file.parent in (STATE, CHECKPOINTS) else file.parent


def _task_of(run: Path) -> str | None:
    try:
        content = json.loads(run.read_text(encoding="utf-8"))
        return str(content.get("run", content)["row"]["task"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
