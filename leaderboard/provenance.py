"""What stands behind a row: where its number comes from, how to get it again, its files and its pictures."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evidence import EVIDENCE_FILE, read_evidence
from pipeline.files import sha256_file

PICTURE_BYTES = 20_000_000
THUMBNAIL_PIXELS = 300, 100
# Left of and above the maps of a sheet (pipeline.explain.sheets) stand words, which nobody could read in a thumbnail.
_SHEET_WORDS = 150, 55
EXPORTS = "exports"
_RUN_ID = re.compile(r"[0-9a-f]{12}")
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Artifact:
    """A file that belongs to a row and may be downloaded."""

    name: str
    path: Path
    size_bytes: int


def inside(results: Path, name: str) -> Path | None:
    """The file that a row names, or None when it does not exist or would lead out of the results folder."""
    if not name or "\0" in name:
        return None
    path = (results / name).resolve()
    return path if path.is_relative_to(results.resolve()) and path.is_file() else None


def run_folder(results: Path, row: Mapping[str, Any]) -> Path | None:
    """The folder with the run's files: of this clone's archive, or of the source that the row was fetched from."""
    run_id = str(row.get("run_id") or "")
    if not _RUN_ID.fullmatch(run_id):
        return None
    for folder in (results / "runs", *sorted((results / "sources").glob("*/runs"))):
        if inside(results, str((folder / run_id / "run.json").relative_to(results))):
            return folder / run_id
    return None


def read_run(results: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """run.json of a row, or nothing where it is not kept (an older board, another clone)."""
    folder = run_folder(results, row)
    if folder is None:
        return {}
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}


def read_kept_evidence(results: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """evidence.json of a row, or nothing where it is not kept."""
    folder = run_folder(results, row)
    path = inside(results, str((folder / EVIDENCE_FILE).relative_to(results))) if folder is not None else None
    return read_evidence(path) if path is not None else {}


def provenance(row: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, str]:
    """What makes the row repeatable, by the key of its text; "" for what was not recorded."""
    versions = run.get("versions")
    facts = {
        "experiment": row.get("experiment"),
        "source": row.get("source"),
        "created_at": row.get("created_at"),
        "host": row.get("host"),
        "engine": " ".join(str(row.get(name) or "") for name in ("target", "engine", "precision")),
        "recipe": row.get("recipe"),
        "git_commit": row.get("git_commit"),
        "git_dirty": {"True": "yes", "False": "no"}.get(str(row.get("git_dirty")), ""),
        "params_hash": row.get("params_hash"),
        "data": row.get("data"),
        "data_hash": row.get("data_hash"),
        "model_sha256": row.get("model_sha256"),
        "run_id": row.get("run_id"),
        "versions": ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else "",
        "note": row.get("note"),
    }
    return {name: str(fact or "").strip() for name, fact in facts.items()}


def reproduce_commands(row: Mapping[str, Any]) -> str:
    """The commands that give the row again, quoted for a shell."""
    commit, experiment = str(row.get("git_commit") or ""), str(row.get("experiment") or "")
    lines = [f"git checkout {shlex.quote(commit)}"] if commit else ["# the commit was not recorded"]
    if experiment not in ("", "workspace"):
        lines.append(f"dvc exp apply {shlex.quote(experiment)}")
    return "\n".join([*lines, f"dvc repro {shlex.quote('benchmark@' + str(row['task']))}"])


def artifacts(results: Path, row: Mapping[str, Any], run: Mapping[str, Any]) -> list[Artifact]:
    """The row's files that are here: those kept with the run, and the measured model if it is still the same file.

    Nothing outside the results folder is named but the model below exports/, and that only by its SHA-256.
    """
    found: list[Artifact] = []
    folder = run_folder(results, row)
    for path in sorted(folder.iterdir()) if folder is not None else []:
        if inside(results, str(path.relative_to(results))):
            found.append(Artifact(path.name, path, path.stat().st_size))
    model = measured_model(results, row, run)
    if model is not None:
        found.insert(0, Artifact(f"{row['task']}-{row['variant']}{model.suffix}", model, model.stat().st_size))
    return found


def measured_model(results: Path, row: Mapping[str, Any], run: Mapping[str, Any]) -> Path | None:
    """The model file of the row, or None where it is not here any more or is another one by now."""
    name, sha256 = str(run.get("model_file") or ""), str(row.get("model_sha256") or "")
    if not name or not sha256 or "\0" in name:
        return None
    exports = results.parent / EXPORTS
    path = (results.parent / name).resolve()
    try:
        if not path.is_relative_to(exports.resolve()) or not path.is_file() or sha256_file(path) != sha256:
            return None
    except OSError:
        return None
    return path


def read_picture(results: Path, name: str) -> bytes | None:
    """A picture below the results folder, or None where it is absent, too large or not a picture."""
    from PIL import Image

    path = inside(results, name)
    if path is None or path.suffix.lower() not in _PICTURE_SUFFIXES or path.stat().st_size > PICTURE_BYTES:
        return None
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
            picture.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return data


def thumbnail(results: Path, name: str) -> str:
    """The first maps of a sheet, or a whole small picture, as a data address for a table; "" where there is none."""
    import base64

    from PIL import Image

    data = read_picture(results, name)
    if data is None:
        return ""
    with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
        small = picture.convert("RGB")
        left, top = _SHEET_WORDS
        bottom = top + (small.width - left) * THUMBNAIL_PIXELS[1] // THUMBNAIL_PIXELS[0]
        if small.height > small.width and left < small.width and bottom <= small.height:
            small = small.crop((left, top, small.width, bottom))
        small.thumbnail(THUMBNAIL_PIXELS)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
