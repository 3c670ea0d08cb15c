"""Caches: what can be made again goes as a whole where it tells of a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.data.class_folders import shown
from pipeline.data.forgetting.contents import all_files, binary_names, is_pixels
from pipeline.data.forgetting.names import NameSearch
from pipeline.data.forgetting.texts import without_person
from pipeline.files import sha256_file

_DVC_LISTING = ".dir"  # DVC's list of a folder whose files lie beside it, named by their MD5


def cached_traces(cache: Path, search: NameSearch, hashes: Mapping[str, str]) -> dict[Path, str]:
    """The files that tell of the person, with the reason; DVC's listings last, for they alone name its files.

    hashes: sha256 -> reason, of files whose copies go. A short name is spelt by chance in large files, such as weights:
    those go too.
    """
    doomed: dict[Path, str] = {}
    listings: dict[Path, str] = {}
    for path in all_files(cache):
        if search.in_text(inside_cache(path, cache)):
            doomed[path] = "named after the person"
        elif path.suffix == _DVC_LISTING and path.is_file():
            named = _named_objects(path, search)
            doomed |= dict.fromkeys(filter(Path.is_file, named), f"listed in {path.name}")
            listings |= {path: "the name is in it"} if named else {}
        elif path.is_file() and (reason := _reason(path, search, hashes)):
            doomed[path] = reason
    return doomed | listings


def inside_cache(path: Path, cache: Path) -> str:
    """The path without DVC's own folders: two digits of a hash, which are a name by chance."""
    parts = [path.name] if path == cache else path.relative_to(cache).parts
    return shown("/".join(part for part in parts if not re.fullmatch("[0-9a-f]{2}", part)))


def _reason(path: Path, search: NameSearch, hashes: Mapping[str, str]) -> str | None:
    if hashes and (reason := hashes.get(sha256_file(path))):
        return reason
    data = path.read_bytes()
    if is_pixels(path, data):
        return None
    rest = without_person(Path("lines"), data, search)
    is_named = binary_names(path, data, search) if rest is None else rest != data
    return "the name is in it" if is_named else None


def _named_objects(listing: Path, search: NameSearch) -> list[Path]:
    try:
        entries = [(str(entry["md5"]), str(entry["relpath"])) for entry in json.loads(listing.read_text("utf-8"))]
    except (ValueError, KeyError, TypeError):
        return []
    root = listing.parent.parent
    return [root / md5[:2] / md5[2:] for md5, relpath in entries if search.in_text(relpath)]
