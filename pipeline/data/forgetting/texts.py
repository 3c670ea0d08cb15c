"""Text files without what they say of one person: whatever else they say stays."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from pipeline.data.forgetting.names import NameSearch
from pipeline.errors import EdgeboardError
from pipeline.tasks import gallery as galleries

_GONE = object()


def without_person(path: Path, data: bytes, search: NameSearch) -> bytes | None:
    """The bytes of a text file without the person, the very same where it does not name the person; None: not a text.

    Of JSON go keys, list entries and records that name the person; of CSV rows; of a gallery the person; else lines.
    Raises EdgeboardError where a JSON file names the person and is damaged.
    """
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # JSON may write any letter by its number, so that only its parsed form tells what it says.
    if not search.in_text(text) and "\\u" not in text:
        return data
    if path.suffix in (".csv", ".tsv"):
        return _csv_without(text, search, "\t" if path.suffix == ".tsv" else ",").encode()
    if path.suffix == ".jsonl":
        return "".join(line for line in text.splitlines(True) if not _line_names(line, search)).encode()
    if path.suffix == ".json":
        return _json_without(path, text, search).encode()
    return "".join(line for line in text.splitlines(True) if not search.in_text(line)).encode()


def people_of_gallery(path: Path) -> list[str]:
    """The names in a gallery; none of any other file."""
    if path.suffix != ".json":
        return []
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        is_gallery = isinstance(value, dict) and value.get("format") == galleries.FORMAT
        return [str(person["name"]) for person in value["people"]] if is_gallery else []
    except (OSError, ValueError, KeyError, TypeError):
        return []  # what is damaged is told when it is to be rewritten


def _json_without(path: Path, text: str, search: NameSearch) -> str:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise EdgeboardError(
            "A damaged file names a person who is to be removed",
            where=path,
            value=error,
            mend="delete the file, then run the same command again",
        ) from error
    if isinstance(value, dict) and value.get("format") == galleries.FORMAT:
        try:
            gallery = galleries.load(path)
        except galleries.GalleryError as error:
            raise EdgeboardError(**error.parts) from error
        return galleries.as_text(galleries.remove(gallery, search.person)) if search.person in gallery.names else text
    pruned = _pruned(value, search, is_root=True)
    if pruned == value:
        return text
    return json.dumps(pruned, indent=2, ensure_ascii=False) + "\n"


def _pruned(value: Any, search: NameSearch, is_root: bool = False) -> Any:
    if isinstance(value, str):
        return (None if is_root else _GONE) if search.in_text(value) else value
    if isinstance(value, list):
        left = [one for one in (_pruned(each, search) for each in value) if one is not _GONE]
        # A group of the person's files alone is no group any more.
        return _GONE if value and not left and not is_root else left
    if not isinstance(value, dict):
        return value
    is_record = any(isinstance(each, str) and search.in_text(each) for each in value.values())
    if is_record and not is_root:
        return _GONE
    parts = {}
    for key, each in value.items():
        if search.in_text(key):
            continue
        part = _pruned(each, search)
        if part is _GONE:
            part = [] if isinstance(each, list) else None
        parts[key] = part
    return parts


def _line_names(line: str, search: NameSearch) -> bool:
    try:
        return search.in_text(json.dumps(json.loads(line), ensure_ascii=False))
    except ValueError:
        return search.in_text(line)


def _csv_without(text: str, search: NameSearch, delimiter: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n" if "\r\n" in text else "\n")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    writer.writerows(row for row in rows if not any(search.in_text(cell) for cell in row))
    return out.getvalue()
