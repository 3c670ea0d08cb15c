"""What stands behind a row: where its number comes from, how to get it again, and its pictures."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

PICTURE_BYTES = 20_000_000
_RUN_ID = re.compile(r"[0-9a-f]{12}")
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


def inside(results: Path, name: str) -> Path | None:
    """The file that a row names, or None when it does not exist or would lead out of the results folder."""
    if not name or "\0" in name:
        return None
    path = (results / name).resolve()
    return path if path.is_relative_to(results.resolve()) and path.is_file() else None


def read_run(results: Path, run_id: str) -> dict[str, Any]:
    """run.json of a row, or nothing where it is not kept (an older board, another clone)."""
    path = inside(results, f"runs/{run_id}/run.json") if _RUN_ID.fullmatch(run_id) else None
    if path is None:
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}


def provenance_text(row: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """What makes the row repeatable, one fact a line; what is not known says so."""
    words = {"True": "yes: the commit alone does not give this number", "False": "no"}
    versions = run.get("versions")
    facts = {
        "experiment": row.get("experiment"),
        "measured at": row.get("created_at"),
        "host": row.get("host"),
        "engine": " ".join(str(row.get(name) or "") for name in ("target", "engine", "precision")),
        "git commit": row.get("git_commit"),
        "uncommitted": words.get(str(row.get("git_dirty"))),
        "params hash": row.get("params_hash"),
        "data hash": row.get("data_hash"),
        "model sha256": row.get("model_sha256"),
        "run": row.get("run_id"),
        "versions": ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else "",
        "note": row.get("note"),
    }
    return "\n".join(f"{name + ':':<14}{str(fact or '').strip() or 'not recorded'}" for name, fact in facts.items())


def reproduce_commands(row: Mapping[str, Any]) -> str:
    """The commands that give the row again, quoted for a shell."""
    commit, experiment = str(row.get("git_commit") or ""), str(row.get("experiment") or "")
    lines = [f"git checkout {shlex.quote(commit)}"] if commit else ["# the commit was not recorded"]
    if experiment not in ("", "workspace"):
        lines.append(f"dvc exp apply {shlex.quote(experiment)}")
    return "\n".join([*lines, f"dvc repro {shlex.quote('benchmark@' + str(row['task']))}"])


def read_picture(results: Path, name: str) -> bytes | None:
    """A picture below the results folder, or None where it is absent, too large or not a picture."""
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
