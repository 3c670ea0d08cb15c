"""Work that outlives the line: started once, detached, and asked after as often as one likes.

    runs/<run>/request.json, log, pid, rc, result.json, collected

One run at a time, by a lock that the worker inherits and holds to its end. The same request again joins the run that is
under way, or gives the one that is done and was not collected yet.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

from .engines import choose
from .facts import board_facts
from .files import (
    EXIT_BUSY,
    DeviceError,
    number_of,
    read_json,
    sha256_file,
    sha256_json,
    text_of,
    write_json,
    write_text,
)
from .measure import measure, work_folder

RUNNING, DONE, FAILED, LOST = "running", "done", "failed", "lost"
_KEPT_RUNS = 5


def start(store, run, request, root):
    """Start `run`, or find the one that does or did the same. Gives (name of the run, True where it is a new one)."""
    same = sha256_json({name: request[name] for name in ("releases", "engine", "options")})
    lock = open(store.path("run.lock"), "a")
    if not _taken(lock):
        under_way = _under_way(store)
        if under_way and under_way["same"] == same:
            return under_way["run"], False
        name = under_way["run"] if under_way else "another one"
        raise DeviceError(
            "The board is busy with the run %s" % name, "wait until it is done, then push again", EXIT_BUSY
        )
    for other in reversed(_runs(store)):
        card = _card(store, other)
        if card and card["same"] == same and state(store, other) == DONE and not _is_collected(store, other):
            return other, False
    _end_what_a_lost_worker_left(store)
    choose(request["engine"], board_facts(store.folder, root))  # so that the clear line comes at once
    folder = store.path("runs", run)
    os.makedirs(folder)
    write_json(os.path.join(folder, "request.json"), dict(request, same=same))
    write_text(store.path("running"), run)
    script = os.path.abspath(sys.argv[0])
    with open(os.path.join(folder, "log"), "a") as log:
        process = subprocess.Popen(
            [sys.executable, script, "work", "--folder", store.folder, "--root", root, run],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=[lock.fileno()],
        )  # fmt: skip
    write_text(os.path.join(folder, "pid"), str(process.pid))
    _prune(store, keep=run)
    return run, True


def work(store, run, root):
    """The detached worker. Leaves result.json where it could measure, and rc at any rate unless it is killed."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    folder = store.path("runs", run)
    request = read_json(os.path.join(folder, "request.json"))
    code = 1

    def say(line):
        print("%s %s" % (time.strftime("%H:%M:%S"), line), flush=True)

    try:
        bundles = [store.release(task, release) for task, release in sorted(request["releases"].items())]
        work_in = work_folder(folder)
        result = measure(bundles, request["engine"], request["options"], store.path("engines"), work_in, say, root)
        result.update(run=run, request=request)
        write_json(os.path.join(folder, "result.json"), result)
        say("done: %d turns timed, %d failures" % (len(result["samples"]), len(result["errors"])))
        code = 0
    except DeviceError as error:
        say("Error: %s" % error)
        code = error.code
    except BaseException:
        say("Error: a defect of the program on the board\n" + traceback.format_exc())
        raise
    finally:
        write_text(os.path.join(folder, "rc"), str(code))


def state(store, run):
    # Asked again where nobody holds the lock: a run that ends in between has let go of it, and has left its code.
    for is_held in (True, False):
        code = text_of(store.path("runs", run, "rc"))
        if code is not None:
            return DONE if code == "0" else FAILED
        if is_held and (_under_way(store) or {}).get("run") == run and _is_locked(store):
            return RUNNING
    return LOST


def status(store, run, since, wait_s, write):
    """Write the lines of the log after the first `since`, each behind its number, as they come, for at most `wait_s`.

    Gives the state at the end.
    """
    if not os.path.isdir(store.path("runs", run)):
        raise DeviceError("There is no run %s on the board" % run, "push again")
    until = time.monotonic() + wait_s
    while True:
        # Asked before the log is read, so that the last lines of a run that ends in between are not lost.
        now = state(store, run)
        for number, line in enumerate(_lines(store.path("runs", run, "log")), 1):
            if number > since:
                write("%d\t%s" % (number, line))
                since = number
        if now != RUNNING or time.monotonic() > until:
            return now
        time.sleep(0.2)


def result_path(store, run):
    path = store.path("runs", run, "result.json")
    if not os.path.isfile(path):
        raise DeviceError("The run %s has no result" % run, "push again")
    return path, sha256_file(path)


def collected(store, run):
    """The result lies safely on the host: the next push of the same measures anew."""
    write_text(store.path("runs", run, "collected"), "")


def releases_in_use(store):
    under_way = _under_way(store)
    if not under_way or not _is_locked(store):
        return []
    return list(_card(store, under_way["run"])["releases"].values())


def _lines(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except FileNotFoundError:
        return []
    # What has no end yet is still being written.
    return text.split("\n")[:-1]


def _runs(store):
    return sorted(os.listdir(store.path("runs")))


def _card(store, run):
    try:
        return read_json(store.path("runs", run, "request.json"))
    except (OSError, ValueError):
        return None


def _is_collected(store, run):
    return os.path.exists(store.path("runs", run, "collected"))


def _under_way(store):
    run = text_of(store.path("running"))
    card = _card(store, run) if run else None
    return dict(card, run=run) if card else None


def _is_locked(store):
    with open(store.path("run.lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _taken(lock):
    """Take the lock. Somebody who only looks whether it is held has it for a moment, too."""
    for _ in range(5):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.1)
    return False


def _prune(store, keep):
    """By the board's own order: runs are named by the clocks of the hosts that pushed, which may differ."""
    others = [run for run in _runs(store) if run != keep]
    others.sort(key=lambda run: os.path.getmtime(store.path("runs", run)))
    for old in others[: -(_KEPT_RUNS - 1)]:
        shutil.rmtree(store.path("runs", old), ignore_errors=True)


def _end_what_a_lost_worker_left(store):
    """A worker that was killed leaves its trtexec behind, which would share the GPU with the next run.

    Its own: of the worker's process group, and at work in the run's folder (numbers of processes come again).
    """
    run = text_of(store.path("running"))
    group = number_of(store.path("runs", run, "pid")) if run else None
    if group is None:
        return
    folder = os.path.realpath(store.path("runs", run))
    for _ in range(50):
        left = [pid for pid in _processes() if _group(pid) == group and _works_in(pid, folder)]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _group(pid):
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _works_in(pid, folder):
    try:
        return (os.readlink("/proc/%d/cwd" % pid) + os.sep).startswith(folder + os.sep)
    except OSError:
        return False
