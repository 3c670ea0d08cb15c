"""The board's folder: files by their SHA-256, releases made of them, and which release is the current one.

blobs/<sha256>             whole files; <sha256>.part: one that is being sent, and goes on where the line was cut
releases/<task>/<id>/      a bundle; its files are links to the blobs; id: SHA-256 of its SHA256SUMS
current/<task>             symbolic link to a release, switched by one rename
engines/<key>.plan, .json  see pipeline
runs/<run>/                see jobs
"""

import contextlib
import fcntl
import hashlib
import os
import select
import shutil
import sys
import time

from .files import EXIT_BUSY, DeviceError, disk_error, read_sums, sha256_file

_WAIT_S = 60  # for a lock; a sender whose line is dead lets go of it before
_SILENT_S = 30
_BLOCK = 1 << 18
SUMS = "SHA256SUMS"


class Store:
    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        try:
            # Galleries are biometric data: nobody else on the board is to read them.
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            for name in ("blobs", "releases", "current", "engines", "runs"):
                os.makedirs(self.path(name), exist_ok=True)
        except OSError as error:
            raise disk_error(error, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def release(self, task, release):
        return self.path("releases", task, release)

    def missing(self, sums_text):
        """(sha256, offset) of every file that has to be sent; offset: bytes of it that are here already."""
        result = []
        for sha, _ in read_sums(sums_text):
            blob = self.path("blobs", sha)
            if not os.path.exists(blob) and sha not in [one for one, _ in result]:
                part = blob + ".part"
                result.append((sha, os.path.getsize(part) if os.path.isfile(part) else 0))
        return result

    def receive(self, items, source=None):
        """Append what comes on stdin to the files that are being sent, one after the other; take over what is right.

        items: (sha256, offset, size) of each, of which the bytes from offset to size come.
        """
        # Not through Python's buffer, which select cannot see into.
        source = (sys.stdin if source is None else source).fileno()
        for sha, offset, size in items:
            with _locked(self.path("blobs", "." + sha + ".lock"), "another push is sending the same file just now"):
                self._receive_one(source, sha, offset, size)
                os.unlink(self.path("blobs", "." + sha + ".lock"))

    def _receive_one(self, source, sha, offset, size):
        blob = self.path("blobs", sha)
        part = blob + ".part"
        if os.path.exists(blob):
            with open(os.devnull, "wb") as nowhere:
                _copy(source, nowhere, size - offset)
            return
        try:
            with open(part, "ab") as file:
                if file.tell() != offset:
                    what = "%s has %d bytes on the board, not %d" % (sha[:12], file.tell(), offset)
                    raise DeviceError(what, "run the same command again")
                missing = _copy(source, file, size - offset)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise disk_error(error, part)
        if missing:
            what = "the line was cut after %d of %d bytes of %s" % (size - missing, size, sha[:12])
            raise DeviceError(what, "run the same command again: it goes on from there")
        if sha256_file(part) != sha:
            os.unlink(part)
            what = "%s did not arrive as it was sent (wrong SHA-256); it was thrown away" % sha[:12]
            raise DeviceError(what, "run the same command again")
        os.replace(part, blob)

    def install(self, task, sums_text, keep, in_use=()):
        """Make a release of the files, verify it, switch to it, and drop all but the last `keep`. Gives its id."""
        sums = read_sums(sums_text)
        release = hashlib.sha256(sums_text.encode()).hexdigest()
        target = self.release(task, release)
        with _locked(self.path("store.lock"), "another push is changing the releases just now"):
            if not os.path.isdir(target):
                self._compose(target, sums, sums_text)
            try:
                verify(target)
            except DeviceError as error:
                # Its files are links to the blobs: what is wrong in one is wrong in the other.
                shutil.rmtree(target)
                for sha, _ in sums:
                    self._drop_if_wrong(sha)
                raise DeviceError(error.what, "run the same command again: what is wrong will be sent anew")
            os.utime(target)
            link = self.path("current", task)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(link + ".new")
            os.symlink(os.path.join("..", "releases", task, release), link + ".new")
            os.replace(link + ".new", link)
            self._prune(task, release, keep, in_use)
        return release

    def current(self, task):
        link = self.path("current", task)
        return os.path.basename(os.readlink(link)) if os.path.islink(link) else None

    def _compose(self, target, sums, sums_text):
        temporary = target + ".tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            os.makedirs(temporary)
            for sha, name in sums:
                path = os.path.join(temporary, *name.split("/"))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                _link(self.path("blobs", sha), path)
            with open(os.path.join(temporary, SUMS), "w", encoding="utf-8") as file:
                file.write(sums_text)
            os.replace(temporary, target)
        except FileNotFoundError as error:
            raise DeviceError("A file of the bundle was never sent: %s" % error, "run the same command again")
        except OSError as error:
            raise disk_error(error, temporary)

    def _drop_if_wrong(self, sha):
        blob = self.path("blobs", sha)
        if os.path.exists(blob) and sha256_file(blob) != sha:
            os.unlink(blob)

    def _prune(self, task, release, keep, in_use):
        folder = self.path("releases", task)
        others = [one for one in os.listdir(folder) if one != release and one not in in_use]
        others.sort(key=lambda one: os.path.getmtime(os.path.join(folder, one)), reverse=True)
        for one in others[max(keep - 1, 0) :]:
            shutil.rmtree(os.path.join(folder, one), ignore_errors=True)
        used = set()
        for sums in self._all_sums():
            used |= {sha for sha, _ in sums}
        for name in os.listdir(self.path("blobs")):
            if "." not in name and name not in used:
                os.unlink(self.path("blobs", name))
        for name in os.listdir(self.path("engines")):
            onnx = name.split("-")[0]
            if onnx not in {sha[:16] for sha in used}:
                os.unlink(self.path("engines", name))

    def _all_sums(self):
        for task in os.listdir(self.path("releases")):
            for release in os.listdir(self.path("releases", task)):
                path = self.path("releases", task, release, SUMS)
                if os.path.isfile(path):
                    with open(path, encoding="utf-8") as file:
                        yield read_sums(file.read())


def verify(release):
    """Check every file of a release against its SHA256SUMS. Raises DeviceError."""
    try:
        with open(os.path.join(release, SUMS), encoding="utf-8") as file:
            sums = read_sums(file.read())
    except FileNotFoundError:
        raise DeviceError("No bundle lies there: %s" % release, "push it first, or unpack a bundle there")
    for sha, name in sums:
        path = os.path.join(release, *name.split("/"))
        if not os.path.isfile(path) or sha256_file(path) != sha:
            raise DeviceError("Wrong SHA-256 or missing on the board: %s" % path)
    return len(sums)


@contextlib.contextmanager
def _locked(path, words):
    with open(path, "a") as file:
        until = time.monotonic() + _WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise DeviceError(words, "try again in a minute", EXIT_BUSY)
                time.sleep(0.2)
        yield


def _copy(source, file, count):
    """Copy `count` bytes; gives how many are missing where the source ended before.

    Where nothing comes for a while the line is dead, and must not hold the lock.
    """
    while count > 0:
        if not select.select([source], [], [], _SILENT_S)[0]:
            raise DeviceError("nothing came for %d s" % _SILENT_S, "run the same command again")
        block = os.read(source, min(_BLOCK, count))
        if not block:
            break
        file.write(block)
        count -= len(block)
    return count


def _link(blob, path):
    try:
        os.link(blob, path)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links, as on some sticks
        shutil.copyfile(blob, path)
