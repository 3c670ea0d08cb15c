"""Files that name a person and are not ours to change: they are told, for people to decide."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from pipeline.data.forgetting.contents import all_files
from pipeline.data.forgetting.names import NameSearch
from pipeline.data.forgetting.texts import without_person

_DATABASE = ".db"


def files_naming(person: str, paths: Iterable[Path], others: Iterable[str] = ()) -> list[Path]:
    """The texts and SQLite databases among the files `paths`, and in folders among them, that name the person.

    others: people whose names may hold this one. Raises EdgeboardError as NameSearch does.
    """
    search = NameSearch(person, others)
    return [file for path in paths for file in all_files(path) if file.is_file() and _names(file, search)]


def _names(path: Path, search: NameSearch) -> bool:
    if path.suffix == _DATABASE:
        # Read as rows: as bytes, pages hold what was deleted, and short names by chance.
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            try:
                return any(search.in_text(line) for line in database.iterdump())
            except sqlite3.DatabaseError:
                return False
    data = path.read_bytes()
    rest = without_person(Path("lines"), data, search)
    return rest is not None and rest != data
