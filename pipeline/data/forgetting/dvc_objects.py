"""DVC keeps files by their content alone. Which of its objects were ever at a path is in the records of its runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from pipeline.data.forgetting.contents import all_files


def objects_once_at(cache: Path, locks: list[Path], is_meant: Callable[[str], bool]) -> list[Path]:
    """The objects in DVC's cache that any run left at a path for which `is_meant`, relative to the repository.

    DVC's records: the dvc.lock files in `locks`, and what its cache keeps of every run, also of experiments that are
    long gone. A folder's list of files counts as the folder itself. What is no record is passed over.
    """
    files = cache / "files" / "md5"
    found = set()
    for record in [*locks, *all_files(cache / "runs")]:
        for path, md5 in _recorded(_parsed(record)):
            at = {path: md5}
            if md5.endswith(".dir"):
                at |= {f"{path}/{name}": inside for name, inside in _listed(files / md5[:2] / md5[2:])}
            found |= {files / one[:2] / one[2:] for name, one in at.items() if is_meant(name)}
    return sorted(path for path in found if path.is_file() or path.is_symlink())


def _parsed(record: Path) -> Any:
    try:
        # The C parser, where there is one: a cache holds a record of every run that ever was.
        return yaml.load(record.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None


def _recorded(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        path, md5 = value.get("path"), value.get("md5")
        if isinstance(path, str) and isinstance(md5, str):
            yield path, md5
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _recorded(each)


def _listed(listing: Path) -> list[tuple[str, str]]:
    try:
        return [(str(entry["relpath"]), str(entry["md5"])) for entry in json.loads(listing.read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        return []
