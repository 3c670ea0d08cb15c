"""Have the photos or videos of a source changed since the last run? Answered without reading files that have not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file, write_json


def source_fingerprint(source: Path, cache_file: Path) -> dict[str, Any]:
    """Of a folder, see `folder_fingerprint`. Of a list of files: of the list, and of the folder that it lies in."""
    if source.is_dir():
        return folder_fingerprint(source, cache_file)
    return {"list": sha256_file(source), **folder_fingerprint(source.parent, cache_file)}


def folder_fingerprint(folder: Path, cache_file: Path) -> dict[str, Any]:
    """{"files": count, "sha256": of all names and contents}: the same for the same files, wherever they lie.

    A file is read again only when its size or modification time differs from what `cache_file` remembers.
    """
    remembered = _read_cache(cache_file)
    known: dict[str, Any] = {}
    digest = hashlib.sha256()
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    for path in paths:
        try:
            stat = path.stat()
            stamp = [stat.st_size, stat.st_mtime_ns]
            entry = remembered.get(str(path.resolve()))
            content = entry[2] if entry and entry[:2] == stamp else sha256_file(path)
        except PermissionError as error:
            raise EdgeboardError("A source file cannot be read", where=path, mend="change its permissions") from error
        known[str(path.resolve())] = [*stamp, content]
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    write_json(cache_file, {**remembered, **known})
    return {"files": len(paths), "sha256": digest.hexdigest()}


def _read_cache(cache_file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(cache_file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}  # the first run, or a cache that was cut: everything is read again
