"""Forgetting a person: every crop, row, gallery entry and cached copy goes, and nobody else's.

The name is what is looked for, in paths and in files, and the pictures that rows of an index.csv with that name list,
copies of them too. Where nothing names whom it shows, as a map over a picture, a folder can be told to go as a whole.
Of networks the direction of the person's class goes; what else one learnt from a face is in no place of its own: train
it again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.forgetting.caches import cached_traces, inside_cache
from pipeline.data.forgetting.contents import all_files, binary_names, is_pixels
from pipeline.data.forgetting.directions import (
    ARRAY_FILE,
    META_FILE,
    WEIGHTS_FILE,
    fitting_meta,
    has_directions,
    without_direction,
)
from pipeline.data.forgetting.folders import all_within, folders_named, inside_folder
from pipeline.data.forgetting.indexes import INDEX, Indexed, people_of_index, read_indexes
from pipeline.data.forgetting.names import NameSearch
from pipeline.data.forgetting.texts import people_of_gallery, without_person
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file, sha256_file, writing_errors
from pipeline.tasks.gallery import FORMAT

_DIRECTIONS = (WEIGHTS_FILE, ARRAY_FILE)
_NAMED = "named after the person"
_COPY = "a copy of a picture of the person"
_DIRECTION = "a copy of weights with a direction of the person"
_MAY_SHOW = "it may show the person without saying so"
_NETWORKS = (".safetensors", ".onnx", ".engine", ".ckpt", ".pt")


@dataclass(frozen=True)
class Trace:
    """A file or folder that tells of a person, and why. rest: what of the file stays; None: nothing, it goes."""

    path: Path
    reason: str
    rest: bytes | None = None


def find_traces(
    person: str, folders: Sequence[Path], caches: Sequence[Path] = (), wholes: Sequence[Path] = ()
) -> list[Trace]:
    """Every file and folder that tells of `person`, without touching any; in the order in which they have to go.

    folders: data folders, galleries (a file is allowed) and reports. Of these only what tells of the person is to go,
    and of the person's data folders the pictures that no row lists and nobody's name marks: they may show several
    people. caches: what can be made again, DVC's among them: a file that tells of the person goes as a whole. wholes:
    files and folders that may show anybody without a name: where there is any trace at all, they go with all that is in
    them. Folders that are not there have no traces. Links are not followed.
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
    directions = [trace.path for trace in traces if trace.path.name in _DIRECTIONS]
    hashes = dict.fromkeys(_hashes_of(wholes, except_of=indexed.kept), _MAY_SHOW)
    hashes |= {sha256_file(path): _DIRECTION for path in directions}
    own = indexed.hashes | {sha256_file(trace.path) for trace in gone if trace.path.is_file()}
    hashes |= dict.fromkeys(own, _COPY)
    cached = [Trace(*found) for cache in caches for found in cached_traces(cache, search, hashes).items()]
    # An index is rewritten last: it alone tells which pictures are the person's, should this be interrupted. Directions
    # come first: the names beside them tell which is whose.
    changed = sorted(
        (trace for trace in traces if trace.rest is not None),
        key=lambda trace: (trace.path.name == INDEX, trace.path.name not in _DIRECTIONS),
    )
    empty = [Trace(path, _NAMED) for folder in folders for path in folders_named(folder, search, inside_folder)]
    empty += [Trace(path, _NAMED) for cache in caches for path in folders_named(cache, search, inside_cache)]
    named = {path for whole in wholes for path in cached_traces(whole, search, {})}
    if not (named or gone or empty or changed or any(trace.reason != _MAY_SHOW for trace in cached)):
        return []
    # What goes as a whole tells which of the caches' files are copies of it: these go before it.
    whole = [Trace(path, _MAY_SHOW) for path in all_within(wholes, last=named)]
    found = [*cached, *whole, *gone, *empty, *changed]
    return list({trace.path: trace for trace in found}.values())


def remove_traces(
    person: str, folders: Sequence[Path], caches: Sequence[Path] = (), wholes: Sequence[Path] = ()
) -> list[Path]:
    """Remove what `find_traces` finds; gives the files and folders that went or were rewritten, none the second time.

    Every file is replaced as a whole or not at all; interrupted, the same call goes on where it was.
    Raises EdgeboardError, before anything is touched, also where the files beside a network name the person and its
    weights have no direction of each person that could go with the name.
    """
    traces = find_traces(person, folders, caches, wholes)
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


def _hashes_of(wholes: Sequence[Path], except_of: Iterable[Path]) -> set[str]:
    """sha256 of their files, but for empty ones, which are alike everywhere, and for other people's pictures."""
    files = [path for whole in wholes for path in all_files(whole) if path.is_file() and path.stat().st_size]
    return {sha256_file(path) for path in files} - {sha256_file(path) for path in except_of if files and path.is_file()}


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
        inside = inside_folder(path, files[path])
        reason = _reason_to_go(path, inside, search, others, indexed)
        data = path.read_bytes() if not reason and path.is_file() else b""
        if reason or is_pixels(path, data):
            if reason:
                yield Trace(path, reason)
            continue
        rest = without_direction(path, data, search)
        if rest is not None:
            yield Trace(path, "a direction in it is the person's", rest)
            continue
        rest = without_person(path, data, search)
        if rest is None:
            # Numbers spell a short name somewhere, and networks are not to go by chance.
            if path.suffix not in _NETWORKS and path.name != ARRAY_FILE and binary_names(path, data, search):
                yield Trace(path, "the name is in it")
            continue
        if path.name == INDEX:
            rest = _without_copies(rest, indexed.hashes)
            new_hashes[_hash(data)] = _hash(rest)
        elif path.name == META_FILE and rest != data:
            rest = fitting_meta(rest)
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
        return _NAMED
    if indexed.hashes and path.is_file() and sha256_file(path) in indexed.hashes:
        return _COPY
    in_data = any(path.is_relative_to(folder) for folder in indexed.with_person)
    if in_data and path not in indexed.kept and is_pixels(path, b"") and not any(o.in_text(inside) for o in others):
        return "a picture that no row lists and that may show several people"
    return None


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
    if trace.path.name in _DIRECTIONS or FORMAT.encode() in (trace.rest or b""):
        return False
    weights = trace.path.with_name(WEIGHTS_FILE)
    if weights.is_file() and has_directions(weights):
        return False  # name and direction go together
    return any(path.suffix in _NETWORKS for path in trace.path.parent.iterdir())


def _search_or_none(person: str) -> NameSearch | None:
    """None for people whom no name can mark, such as numbers."""
    try:
        return NameSearch(person)
    except EdgeboardError:
        return None


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
