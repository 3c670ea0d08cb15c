"""Writing so that nothing half-written is ever seen: temporary name first, then rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError

_MENDS = {
    errno.ENOSPC: ("No space is left on the disk", "free some space, then run the same command again"),
    errno.EDQUOT: ("The disk quota is used up", "free some space, then run the same command again"),
    errno.EROFS: ("The folder is read-only", "choose a folder that can be written, or remount it"),
    errno.EACCES: ("The folder may not be written", "change its owner or its permissions"),
    errno.EPERM: ("The folder may not be written", "change its owner or its permissions"),
}
_NEARLY_NOTHING = 64 * 1024  # bytes


def explain_os_error(error: OSError, where: object) -> EdgeboardError | None:
    """The clear message for an error of the disk, or None where we have nothing better to say."""
    if error.errno not in _MENDS:
        return None
    what, mend = _MENDS[error.errno]
    return EdgeboardError(what, where=where, value=error.strerror, mend=mend)


def full_disk_error(error: BaseException, where: Path) -> EdgeboardError | None:
    """The clear message where a library hid a full disk behind an error of its own, as safetensors and torch do."""
    words = str(error).lower()
    is_named = "no space left" in words or "os error 28" in words
    if isinstance(error, OSError | EdgeboardError) or not (is_named or shutil.disk_usage(where).free < _NEARLY_NOTHING):
        return None
    what, mend = _MENDS[errno.ENOSPC]
    return EdgeboardError(what, where=where, value=error, mend=mend)


@contextlib.contextmanager
def writing_errors(where: object) -> Iterator[None]:
    """Turn a full disk or a read-only folder into the one clear message."""
    try:
        yield
    except OSError as error:
        clear = explain_os_error(error, error.filename or where)
        if clear is None:
            raise
        raise clear from error


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; when the block ends well it takes the folder's place.

    On any error the temporary folder is removed and what stood at `folder` before stays as it was.
    """
    with writing_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.tmp-", dir=folder.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            if folder.exists():
                retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}.tmp-", dir=folder.parent))
                folder.rename(retired / "old")
                temporary.rename(folder)
                shutil.rmtree(retired, ignore_errors=True)
            else:
                temporary.rename(folder)
        except BaseException as error:
            full = full_disk_error(error, folder.parent)  # asked before what fills the disk is removed
            shutil.rmtree(temporary, ignore_errors=True)
            if full:
                raise full from error
            raise


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files and folders that a killed run left beside `path`."""
    for leftover in path.parent.glob(f".{path.name}.tmp-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it takes the file's place."""
    with writing_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.tmp-", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            temporary.chmod(0o644)
            yield temporary
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON that is the same bytes for the same value; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path, made_by: str | None = None) -> Any:
    """Read JSON; a missing or broken file gives the clear message that names the command that makes it."""
    mend = f"run `{made_by}`, which makes it" if made_by else None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EdgeboardError("A file is missing", where=path, mend=mend) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise EdgeboardError("A file is not valid JSON", where=path, value=error, mend=mend) from error


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
