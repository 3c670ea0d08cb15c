"""The highest clocks while a run lasts: the only thing that needs root, on request alone, and without a question."""

import contextlib
import os
import shutil
import subprocess

from .files import DeviceError


@contextlib.contextmanager
def at_maximum(wanted, work, say):
    """Where `wanted`, set the clocks with jetson_clocks and put them back afterwards. The power mode stays as it is."""
    if not wanted:
        yield
        return
    if not shutil.which("jetson_clocks"):
        raise DeviceError("--max-clocks: the board has no jetson_clocks", "push without --max-clocks")
    before = os.path.join(work, "clocks.conf")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(before)
    _as_root("--store", before)
    _as_root()
    say("clocks at their maximum (jetson_clocks)")
    try:
        yield
    finally:
        _as_root("--restore", before)
        say("clocks as they were")


def _as_root(*arguments):
    done = subprocess.run(
        ["sudo", "-n", "jetson_clocks"] + list(arguments),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        words = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise DeviceError(
            "--max-clocks: sudo -n jetson_clocks failed: %s" % " ".join(words),
            "allow it without a password in the board's sudoers (visudo), or push without --max-clocks",
        )
