"""The lines of a list, and one message for all that is wrong in it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import EdgeboardError

_SHOWN = 10


def read_lines(path: Path, where: str) -> list[tuple[int, str]]:
    """Number and text of every line that is not empty. Raises EdgeboardError where the file is no text."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise EdgeboardError("A list cannot be read", where=where, value=f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise EdgeboardError("A list is not text in UTF-8", where=where, value=f"{path}: {error}") from None
    # Not splitlines(): the names of files may hold the rarer signs that it takes for ends of lines.
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def read_table(
    path: Path, where: str, columns: Sequence[str], what: str, optional: Sequence[str] = (), mend: str | None = None
) -> list[tuple[int, dict[str, str]]]:
    """Number of its line and cells of every row of a .csv file that has these columns.

    A cell that a row does not have is None. Raises EdgeboardError where the file is no text or not valid CSV, and
    `what` where it lacks a column or has no row; optional: columns that the message names beside them.
    """
    lines = read_lines(path, where)
    reader = csv.DictReader([text for _, text in lines], strict=True)
    try:
        rows = [(lines[reader.line_num - 1][0], row) for row in reader]
    except csv.Error as error:
        line = lines[min(reader.line_num, len(lines)) - 1][0]
        raise EdgeboardError("A table is not valid CSV", where=f"{where}: {path}, line {line}", value=error) from None
    found = list(reader.fieldnames or [])
    if not rows or not set(columns) <= set(found):
        raise EdgeboardError(
            what,
            where=f"{where}: {path}",
            value=", ".join(found) if rows else "no row",
            allowed=", ".join((*columns, *optional)),
            mend=mend,
        )
    return rows


def refuse_mistakes(path: Path, mistakes: list[str], allowed: str, where: str) -> None:
    """Raises EdgeboardError that lists the mistakes, each with its line, where there are any."""
    if not mistakes:
        return
    more = f"\n            and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
    count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise EdgeboardError(
        f"The list {path.name} has {count}",
        where=f"{where}: {path}",
        value="\n            ".join(mistakes[:_SHOWN]) + more,
        allowed=allowed,
        mend="correct these lines, or remove them",
    )
