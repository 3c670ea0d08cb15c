"""Files of the board: hashes, and writing so that nothing half-written is ever seen."""

import errno
import hashlib
import json
import os
import tempfile

EXIT_BAD = 2  # bad input, or a state that the user can mend
EXIT_BUSY = 75  # EX_TEMPFAIL of sysexits.h: try again later


class DeviceError(Exception):
    """One clear message for the person at the other end of the line: what, and what to do now."""

    def __init__(self, what, mend=None, code=EXIT_BAD):
        super().__init__(what if mend is None else "%s\n  mend:    %s" % (what, mend))
        self.what = what
        self.mend = mend
        self.code = code


def disk_error(error, where):
    """The clear message for an error of the disk; any other error as it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        mend = "free some space there (old releases: --keep 1), then run the same command again"
        return DeviceError("No space is left on the board's disk: %s" % where, mend)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        mend = "choose another --folder, or change its owner"
        return DeviceError("The board's folder may not be written: %s" % where, mend)
    return error


def sha256_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_json(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_text(path, text):
    """Temporary name, then rename: a cut in power leaves the old file or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise disk_error(error, path)


def write_json(path, value):
    write_text(path, json.dumps(value, sort_keys=True) + "\n")


def read_sums(text):
    """`sha256sum`'s lines as [(sha256, path)]; refuses what could lead out of the folder."""
    sums = []
    for line in text.splitlines():
        sha, _, name = line.partition("  ")
        parts = name.split("/")
        if len(sha) != 64 or set(sha) - set("0123456789abcdef") or not name or "" in parts or ".." in parts:
            raise DeviceError("Not a line of SHA256SUMS: %r" % line[:200], "make the bundle anew")
        sums.append((sha, name))
    if not sums:
        raise DeviceError("SHA256SUMS is empty", "make the bundle anew")
    return sums


def text_of(path):
    """What a file of /proc or /sys says, None where it cannot be read. The device tree ends its texts in NUL."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip("\0\n ")
    except OSError:
        return None


def number_of(path):
    text = text_of(path)
    try:
        return int(text)
    except (TypeError, ValueError):
        return None
