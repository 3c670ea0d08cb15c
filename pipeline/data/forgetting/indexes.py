"""What the index.csv files of data folders say: which pictures are the person's and which are other people's."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data.forgetting.names import NameSearch
from pipeline.files import sha256_file

INDEX = "index.csv"


@dataclass
class Indexed:
    """doomed: the person's pictures. hashes: their sha256, also of those gone already. kept: other people's pictures.

    with_person: the data folders in which a row names the person.
    """

    doomed: set[Path] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)
    kept: set[Path] = field(default_factory=set)
    with_person: list[Path] = field(default_factory=list)


def read_indexes(paths: Iterable[Path], search: NameSearch) -> Indexed:
    """A row is the person's where any cell names the person: a recording of two people is both's."""
    indexed = Indexed()
    for path in paths:
        for row in rows_of(path):
            is_doomed = any(search.in_text(cell) for cell in row.values())
            if is_doomed and path.parent not in indexed.with_person:
                indexed.with_person.append(path.parent)
            for column, listed in _files_of(path.parent, row):
                (indexed.doomed if is_doomed else indexed.kept).add(listed)
                # Masks without anything in them are alike for everybody.
                if is_doomed and column != "mask" and listed.is_file():
                    indexed.hashes.add(sha256_file(listed))
            if is_doomed and row.get("sha256"):
                indexed.hashes.add(row["sha256"])
    return indexed


def people_of_index(path: Path) -> set[str]:
    """Everybody in it: a stranger has no label, but the source begins with the person (`<person>/<recording>`)."""
    rows = rows_of(path)
    people = {row[key] for row in rows for key in ("label", "person") if row.get(key)}
    return people | {person for person, slash, _ in (row.get("source", "").partition("/") for row in rows) if slash}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return [
            {key: cell for key, cell in row.items() if isinstance(key, str) and isinstance(cell, str)}
            for row in csv.DictReader(file)
        ]


def _files_of(folder: Path, row: dict[str, str]) -> list[tuple[str, Path]]:
    """The column and the path of every file inside of `folder` that a row lists; a path out of it is none of ours."""
    listed = [(column, Path(os.path.normpath(folder / cell))) for column, cell in row.items() if cell]
    return [
        (column, path)
        for column, path in listed
        if path.is_relative_to(os.path.normpath(folder)) and (path.is_file() or path.is_symlink())
    ]
