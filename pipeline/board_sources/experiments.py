"""Rows of every DVC experiment that Git knows, without checking one out.

Experiments that ran in this clone are on its board already. Those that came by `dvc exp pull` are commits below
refs/exps: their dvc.lock names the benchmark's report by its hash, and DVC's cache holds the file. A row whose file is
not in the cache is told, with the command that brings it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.board import BENCHMARK_FOLDER, EXPLAIN_FOLDER, WORKSPACE, read_records
from pipeline.board_sources.store import Found, Picture
from pipeline.errors import EdgeboardError
from pipeline.report import board_frame

if TYPE_CHECKING:
    import pandas as pd
from pipeline.evidence import collect_evidence

_SECONDS = 30
_INTERNAL = ("exec", "failed")  # DVC's own names below refs/exps, beside the experiments' <2 hex>/<38 hex>/<name>


def experiment_rows(root: Path) -> tuple[list[Found], list[str]]:
    """Rows of the experiments of the Git repository at `root`, and a line for each that could not be read."""
    found: list[Found] = []
    lines: list[str] = []
    cache = _cache_folder(root)
    for name, commit in experiments(root):
        try:
            outs = _outs(root, commit)
            missing = []
            for task in sorted({Path(path).stem for path in outs if _is_report(path)}):
                rows = _rows_of(cache, outs, task, name)
                found += rows or []
                missing += [] if rows is not None else [task]
            if missing:
                lines.append(
                    f"experiment {name}: the results of {', '.join(missing)} are not in DVC's cache; "
                    f"`dvc exp pull` (or `dvc pull`) from where it ran brings them"
                )
        except (EdgeboardError, ValueError, KeyError, TypeError, OSError, yaml.YAMLError) as error:
            lines.append(f"experiment {name} cannot be read: {str(error).splitlines()[0] or type(error).__name__}")
    return found, lines


def board_of_revision(root: Path, commit: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows that a commit's dvc.lock names, and the tasks of which DVC's cache lacks the report."""
    cache, outs = _cache_folder(root), _outs(root, commit)
    rows: list[dict[str, Any]] = []
    missing = []
    for task in sorted({Path(path).stem for path in outs if _is_report(path)}):
        found = _rows_of(cache, outs, task, WORKSPACE)
        missing += [task] if found is None else []
        rows += [{**one.run["row"], "experiment": WORKSPACE, "run_id": one.run_id} for one in found or []]
    return board_frame(rows), missing


def git(root: Path, *arguments: str) -> str | None:
    """What Git answers, or None where it refuses, is not there or takes too long."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def experiments(root: Path) -> Iterator[tuple[str, str]]:
    """Name and commit of each experiment, later ones of the same name last."""
    listed = git(root, "for-each-ref", "--sort=creatordate", "--format=%(objectname) %(refname)", "refs/exps/") or ""
    for line in listed.splitlines():
        commit, _, ref = line.partition(" ")
        parts = ref.removeprefix("refs/exps/").split("/", 2)
        if len(parts) == 3 and len(parts[0]) == 2 and parts[0] not in _INTERNAL and parts[2] != WORKSPACE:
            yield parts[2], commit


def _cache_folder(root: Path) -> Path:
    """DVC's cache: cache.dir of .dvc/config.local or .dvc/config, or .dvc/cache."""
    import configparser

    for name in ("config.local", "config"):
        config = configparser.ConfigParser(interpolation=None)
        try:
            config.read(root / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        folder = config.get("cache", "dir", fallback="")
        if folder:
            return (root / ".dvc" / folder).resolve()
    return root / ".dvc" / "cache"


def _outs(root: Path, commit: str) -> dict[str, str]:
    """Path -> md5 of everything that the experiment's stages made."""
    text = git(root, "show", f"{commit}:dvc.lock")
    lock: dict[str, Any] = yaml.safe_load(text) if text else {}
    return {
        str(out["path"]): str(out.get("md5", ""))
        for stage in (lock.get("stages") or {}).values()
        for out in stage.get("outs") or []
    }


def _is_report(path: str) -> bool:
    return Path(path).parent == BENCHMARK_FOLDER and Path(path).suffix == ".json"


def _cached(cache: Path, md5: str) -> Path | None:
    if not md5 or not all(character in "0123456789abcdef." for character in md5.removesuffix(".dir")):
        return None
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    return path if path.is_file() else None


def _rows_of(cache: Path, outs: dict[str, str], task: str, experiment: str) -> list[Found] | None:
    """The rows of one task, or None where the cache lacks the report. Read as the board reads its own results."""
    report = _cached(cache, outs[f"{BENCHMARK_FOLDER.as_posix()}/{task}.json"])
    if report is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / BENCHMARK_FOLDER).mkdir(parents=True)
        shutil.copyfile(report, place / BENCHMARK_FOLDER / f"{task}.json")
        for out in (BENCHMARK_FOLDER / task, EXPLAIN_FOLDER / task):
            _unpack(cache, outs.get(out.as_posix(), ""), place / out)
        return [
            Found(
                record.run,
                experiment,
                f"experiment {experiment}",
                collect_evidence(place / BENCHMARK_FOLDER, task, record.measured),
                next(
                    (Picture.of(p) for kind, p in record.files if kind == "explanation" and p.suffix != ".json"), None
                ),
            )
            for record in read_records(place, [task])
        ]


def _unpack(cache: Path, md5: str, folder: Path) -> None:
    """A cached folder at `folder`; what the cache lacks of it is left out, and so is a name that leads elsewhere."""
    listing = _cached(cache, md5) if md5.endswith(".dir") else None
    for entry in json.loads(listing.read_text(encoding="utf-8")) if listing else []:
        source = _cached(cache, str(entry["md5"]))
        target = folder / str(entry["relpath"])
        if source is not None and target.resolve().is_relative_to(folder.resolve()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
