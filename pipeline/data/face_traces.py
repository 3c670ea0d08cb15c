"""Forgetting a person: every crop, row, gallery entry and cached copy goes, and nobody else's.

The name is what is looked for, in paths and in files, and the pictures that rows of an index.csv with that name list,
copies of them too. Networks are not touched: what one learnt from a face is in no file of its own; train it again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.class_folders import shown
from pipeline.data.forgetting.caches import cached_traces, inside_cache
from pipeline.data.forgetting.contents import all_files, binary_names, is_pixels
from pipeline.data.forgetting.indexes import INDEX, Indexed, people_of_index, read_indexes
from pipeline.data.forgetting.names import NameSearch
from pipeline.data.forgetting.texts import people_of_gallery, without_person
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file, sha256_file, writing_errors
from pipeline.tasks.gallery import FORMAT

_NETWORKS = (".safetensors", ".onnx", ".engine", ".ckpt", ".pt")


@dataclass(frozen=True)
class Trace:
    """A file or folder that tells of a person, and why. rest: what of the file stays; None: nothing, it goes."""

    path: Path
    reason: str
    rest: bytes | None = None


def find_traces(person: str, folders: Sequence[Path], caches: Sequence[Path] = ()) -> list[Trace]:
    """Every file and folder that tells of `person`, without touching any; in the order in which they have to go.

    folders: data folders, galleries (a file is allowed) and reports. Of these only what tells of the person is to go,
    and of the person's data folders the pictures that no row lists and nobody's name marks: they may show several
    people. caches: what can be made again, DVC's among them: a file that tells of the person goes as a whole. Folders
    that are not there have no traces. Links are not followed.
    Raises EdgeboardError for a name by which too much would be found (see NameSearch) and for damaged JSON that has it.
    """
    files = {path: folder for folder in folders for path in all_files(folder)}
    indexes = [path for path in files if path.name == INDEX]
    people = {name for path in indexes for name in people_of_index(path)}
    people |= {name for path in files for name in people_of_gallery(path)}
    people = {name for name in people if name.strip()}
    search = NameSearch(person, people)
    others = [_search_or_none(other) for other in sorted(people) if not search.in_text(other)]
    indexed = read_indexes(indexes, search)
    traces = list(_traces(files, search, [other for other in others if other], indexed))
    gone = [trace for trace in traces if trace.rest is None]
    hashes = indexed.hashes | {sha256_file(trace.path) for trace in gone if trace.path.is_file()}
    cached = [Trace(*found) for cache in caches for found in cached_traces(cache, search, hashes).items()]
    # An index is rewritten last: it alone tells which pictures are the person's, should this be interrupted.
    changed = sorted((trace for trace in traces if trace.rest is not None), key=lambda trace: trace.path.name == INDEX)
    empty = [trace for folder in folders for trace in _named_folders(folder, search, _inside)]
    empty += [trace for cache in caches for trace in _named_folders(cache, search, inside_cache)]
    return [*cached, *gone, *empty, *changed]


def remove_traces(person: str, folders: Sequence[Path], caches: Sequence[Path] = ()) -> list[Path]:
    """Remove what `find_traces` finds; gives the files and folders that went or were rewritten, none the second time.

    Every file is replaced as a whole or not at all; interrupted, the same call goes on where it was.
    Raises EdgeboardError, before anything is touched, also where the files beside a network name the person.
    """
    traces = find_traces(person, folders, caches)
    for trace in traces:
        if trace.rest is not None and _describes_network(trace):
            raise EdgeboardError(
                "A network was trained with this person",
                where=trace.path,
                value=person,
                mend="remove the person from the data and the galleries alone, then train again",
            )
    for trace in traces:
        with writing_errors(trace.path):
            _remove(trace)
    return [trace.path for trace in traces]


def _remove(trace: Trace) -> None:
    if trace.rest is not None:
        with replacing_file(trace.path) as temporary:
            temporary.write_bytes(trace.rest)
            shutil.copymode(trace.path, temporary)
    elif trace.path.is_dir() and not trace.path.is_symlink():
        trace.path.rmdir()
    else:
        trace.path.unlink(missing_ok=True)


def _traces(
    files: dict[Path, Path], search: NameSearch, others: Sequence[NameSearch], indexed: Indexed
) -> Iterator[Trace]:
    """files: each with the folder it was found in."""
    new_hashes: dict[bytes, bytes] = {}
    for path in sorted(files, key=lambda path: (path.name != INDEX, path)):
        inside = _inside(path, files[path])
        reason = _reason_to_go(path, inside, search, others, indexed)
        data = path.read_bytes() if not reason and path.is_file() else b""
        if reason or is_pixels(path, data):
            if reason:
                yield Trace(path, reason)
            continue
        rest = without_person(path, data, search)
        if rest is None:
            if binary_names(path, data, search):
                yield Trace(path, "the name is in it")
            continue
        if path.name == INDEX:
            rest = _without_copies(rest, indexed.hashes)
            new_hashes[_hash(data)] = _hash(rest)
        for old, new in new_hashes.items():  # a report names its data by the hash of the index
            rest = rest.replace(old, new)
        if rest != data:
            yield Trace(path, "the name is in it", rest)


def _reason_to_go(
    path: Path, inside: str, search: NameSearch, others: Sequence[NameSearch], indexed: Indexed
) -> str | None:
    if path in indexed.doomed:
        return f"listed in {INDEX}"
    if search.in_text(inside):
        return "named after the person"
    if indexed.hashes and path.is_file() and sha256_file(path) in indexed.hashes:
        return "a copy of a picture of the person"
    in_data = any(path.is_relative_to(folder) for folder in indexed.with_person)
    if in_data and path not in indexed.kept and is_pixels(path, b"") and not any(o.in_text(inside) for o in others):
        return "a picture that no row lists and that may show several people"
    return None


def _named_folders(folder: Path, search: NameSearch, inside: Callable[[Path, Path], str]) -> list[Trace]:
    """The folders below that are named after the person, the deepest first: by then they are empty."""
    below = [Path(root) / name for root, names, _ in os.walk(folder, topdown=False) for name in names]
    return [
        Trace(path, "named after the person")
        for path in below
        if not path.is_symlink() and search.in_text(inside(path, folder))
    ]


def _without_copies(index: bytes, hashes: set[str]) -> bytes:
    """An index.csv without rows of files that are, by their sha256, the person's pictures under another name."""
    rows = list(csv.reader(io.StringIO(index.decode(), newline="")))
    kept = [row for row in rows if hashes.isdisjoint(row)]
    if len(kept) == len(rows):
        return index
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(kept)
    return out.getvalue().encode()


def _describes_network(trace: Trace) -> bool:
    is_beside = any(path.suffix in _NETWORKS for path in trace.path.parent.iterdir())
    return is_beside and FORMAT.encode() not in (trace.rest or b"")


def _search_or_none(person: str) -> NameSearch | None:
    """None for people whom no name can mark, such as numbers."""
    try:
        return NameSearch(person)
    except EdgeboardError:
        return None


def _inside(path: Path, folder: Path) -> str:
    return shown(path.name if path == folder else path.relative_to(folder).as_posix())


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
