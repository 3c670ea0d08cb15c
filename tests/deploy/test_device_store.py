"""The board's folder: receiving, verifying, switching, pruning."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

import pytest
from edgeboard_device import store as store_module
from edgeboard_device.files import EXIT_BUSY, DeviceError, read_sums
from edgeboard_device.store import Store, verify

DATA = bytes(range(256)) * 40


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sums(**files: bytes) -> str:
    return "".join(f"{_sha(data)}  {name}\n" for name, data in sorted(files.items()))


def _names(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


def _send(store: Store, data: bytes, offset: int = 0, until: int | None = None, sha: str | None = None) -> None:
    """Through a pipe, as over the line; `until`: where the line is cut."""
    reading, writing = os.pipe()
    os.write(writing, data[offset:until])
    os.close(writing)
    with os.fdopen(reading, "rb") as source:
        store.receive([(sha or _sha(data), offset, len(data))], source)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / 'it\'s "mine"'))


def _install(store: Store, keep: int = 2, in_use: tuple[str, ...] = (), **files: bytes) -> str:
    for data in files.values():
        if (_sha(data), 0) in store.missing(_sums(**files)):
            _send(store, data)
    return store.install("fire", _sums(**files), keep, in_use)


def test_nobody_else_may_read_it(store: Store) -> None:
    assert Path(store.folder).stat().st_mode & 0o077 == 0


def test_a_file_goes_on_where_the_line_was_cut(store: Store) -> None:
    sums = _sums(model=DATA)
    assert store.missing(sums) == [(_sha(DATA), 0)]
    with pytest.raises(DeviceError, match="the line was cut after 1000 of 10240 bytes"):
        _send(store, DATA, until=1000)
    assert store.missing(sums) == [(_sha(DATA), 1000)]
    _send(store, DATA, offset=1000)
    assert store.missing(sums) == []
    assert Path(store.path("blobs", _sha(DATA))).read_bytes() == DATA


def test_several_files_in_one_stream(store: Store) -> None:
    other = b"other" * 9
    reading, writing = os.pipe()
    os.write(writing, DATA + other)
    os.close(writing)
    with os.fdopen(reading, "rb") as source:
        store.receive([(_sha(DATA), 0, len(DATA)), (_sha(other), 0, len(other))], source)
    assert store.missing(_sums(a=DATA, b=other)) == []


def test_an_empty_file(store: Store) -> None:
    _send(store, b"")
    assert store.missing(_sums(empty=b"")) == []


def test_what_is_there_already_is_read_and_dropped(store: Store) -> None:
    _send(store, DATA)
    _send(store, DATA)
    assert Path(store.path("blobs", _sha(DATA))).read_bytes() == DATA


def test_wrong_bytes_are_thrown_away(store: Store) -> None:
    with pytest.raises(DeviceError, match="wrong SHA-256"):
        _send(store, b"x" + DATA[1:], sha=_sha(DATA))
    assert store.missing(_sums(model=DATA)) == [(_sha(DATA), 0)]


def test_another_offset_than_the_board_has_is_refused(store: Store) -> None:
    with pytest.raises(DeviceError, match="has 0 bytes on the board, not 5"):
        _send(store, DATA, offset=5)


def test_two_pushes_of_the_same_file_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_WAIT_S", 0.3)
    with Path(store.path("blobs", f".{_sha(DATA)}.lock")).open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DeviceError, match="another push is sending the same file") as caught:
            _send(store, DATA)
    assert caught.value.code == EXIT_BUSY
    _send(store, DATA)
    assert store.missing(_sums(model=DATA)) == []


def test_a_full_disk_is_told(store: Store) -> None:
    Path(store.path("blobs", _sha(DATA) + ".part")).symlink_to("/dev/full")
    with pytest.raises(DeviceError, match="No space is left on the board's disk") as caught:
        _send(store, DATA)
    assert "free some space" in caught.value.mend


def test_switching_is_one_rename(store: Store) -> None:
    first = _install(store, model=DATA)
    link = Path(store.path("current", "fire"))
    assert store.current("fire") == first == link.resolve().name
    second = _install(store, model=DATA, more=b"1")
    assert store.current("fire") == second != first
    assert (link / "more").read_bytes() == b"1"
    assert verify(str(link)) == 2


def test_the_last_releases_stay_and_blobs_with_them(store: Store) -> None:
    releases = [_install(store, keep=2, model=str(i).encode(), same=b"same") for i in range(3)]
    assert sorted(_names(store.path("releases", "fire"))) == sorted(releases[1:])
    blobs = {name for name in _names(store.path("blobs")) if "." not in name}
    assert blobs == {_sha(b"1"), _sha(b"2"), _sha(b"same")}


def test_a_release_in_use_is_not_dropped(store: Store) -> None:
    first = _install(store, keep=1, model=b"1")
    second = _install(store, keep=1, in_use=(first,), model=b"2")
    assert sorted(_names(store.path("releases", "fire"))) == sorted([first, second])


def test_engines_go_with_the_last_release_that_has_their_file(store: Store) -> None:
    for data in (b"1", b"gone"):
        Path(store.path("engines", _sha(data)[:16] + "-flags.plan")).touch()
    _install(store, keep=1, model=b"1")
    assert _names(store.path("engines")) == [_sha(b"1")[:16] + "-flags.plan"]


@pytest.mark.parametrize("spoil", [b"", b"y" * len(DATA), None], ids=["0 bytes", "other bytes", "missing"])
def test_what_went_bad_is_found_and_sent_anew(store: Store, spoil: bytes | None) -> None:
    release = _install(store, model=DATA, other=b"fine")
    file = Path(store.release("fire", release)) / "model"
    if spoil is None:
        file.unlink()
        Path(store.path("blobs", _sha(DATA))).unlink()
    else:
        file.write_bytes(spoil)  # the blob is the same file
    with pytest.raises(DeviceError, match="Wrong SHA-256 or missing"):
        store.install("fire", _sums(model=DATA, other=b"fine"), 2)
    assert store.missing(_sums(model=DATA, other=b"fine")) == [(_sha(DATA), 0)]
    assert _install(store, model=DATA, other=b"fine") == release


def test_a_bundle_whose_files_were_never_sent(store: Store) -> None:
    with pytest.raises(DeviceError, match="was never sent"):
        store.install("fire", _sums(model=DATA), 2)
    assert store.current("fire") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 64 + "  ../escape",
        "0" * 64 + "  /etc/passwd",
        "0" * 63 + "  short",
        "x" * 64 + "  no hex",
        "0" * 64 + "  ",
    ],
)
def test_lines_that_lead_out_of_the_folder_are_refused(text: str) -> None:
    with pytest.raises(DeviceError):
        read_sums(text)


def test_a_folder_that_may_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((DeviceError, OSError)):
        Store(str(tmp_path / "file" / "folder"))
