#!/usr/bin/env python3
"""Edgeboard on the board: probe it, take bundles over, and measure them. push_to_jetson.sh calls it over ssh.

It stands alone: Python 3.6 or newer and its standard library, with TensorRT's trtexec, or the module onnxruntime. From
an unpacked bundle, without a line to anywhere:

    python3 run_on_device.py run . > result.json
"""

import argparse
import json
import os
import sys

if sys.version_info < (3, 6):
    sys.exit("Error: the board's Python is %s; 3.6 or newer is needed" % sys.version.split()[0])

from edgeboard_device import engines, facts, jobs, measure, store  # noqa: E402
from edgeboard_device.files import DeviceError  # noqa: E402

_STATE_CODES = {jobs.DONE: 0, jobs.FAILED: 1, jobs.LOST: 4, jobs.RUNNING: 3}


def probe(given):
    """What this board is; with --need, whether so many bytes fit on its disk and --engine is there."""
    board = facts.board_facts(given.folder, given.root)
    if given.json:
        print(json.dumps(board, sort_keys=True))
    else:
        for line in facts.in_words(board):
            print(line)
        print("engine: %s" % engines.choose(given.engine, board))
    if given.need > facts.free_bytes(given.folder):
        need, free = -(-given.need >> 20), facts.free_bytes(given.folder) >> 20
        mend = "free some space there, push fewer --tasks, or choose another --folder"
        raise DeviceError("The board's disk is too full: %d MiB free, %d MiB needed" % (free, need), mend)


def missing(given):
    """SHA256SUMS on stdin -> what has to be sent, a line `<sha256> <bytes that are here already>` each."""
    for sha, offset in store.Store(given.folder).missing(sys.stdin.read()):
        print("%s %d" % (sha, offset))


def receive(given):
    """Take files on stdin, one after the other: of each the SHA-256, the offset it begins at, and its size."""
    words = given.items
    items = [(words[i], int(words[i + 1]), int(words[i + 2])) for i in range(0, len(words), 3)]
    store.Store(given.folder).receive(items)


def install(given):
    """SHA256SUMS on stdin -> a verified release, and the current one."""
    home = store.Store(given.folder)
    print(home.install(given.task, sys.stdin.read(), given.keep, jobs.releases_in_use(home)))


def verify(given):
    """Check the files of an unpacked bundle or a release."""
    print("%d files as they should be" % store.verify(given.bundle))


def start(given):
    """A request as JSON on stdin -> the name of the run that does it."""
    run, is_new = jobs.start(store.Store(given.folder), given.run, json.load(sys.stdin), given.root)
    print("%s %s" % (run, "new" if is_new else "joined"))


def work(given):
    """The detached worker; not to be called by hand."""
    jobs.work(store.Store(given.folder), given.run, given.root)


def status(given):
    """The log of a run after its first --since lines. Exit code: 0 done, 1 failed, 3 still running, 4 lost."""
    home = store.Store(given.folder)
    state = jobs.status(home, given.run, given.since, given.wait, lambda line: print(line, flush=True))
    return _STATE_CODES[state]


def result(given):
    """The raw result of a run on stdout; with --sum only its SHA-256."""
    path, sha = jobs.result_path(store.Store(given.folder), given.run)
    if given.sum:
        print(sha)
        return
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(file.read())


def collected(given):
    """Say that the result has arrived."""
    jobs.collected(store.Store(given.folder), given.run)


def run(given):
    """Measure an unpacked bundle here and now; the result goes to stdout, progress to stderr."""
    work_in = measure.work_folder(given.bundle)
    options = {name: getattr(given, name) for name in ("rounds", "iterations", "seconds")}
    done = measure.measure(
        [given.bundle], given.engine, options, work_in, work_in, lambda line: print(line, file=sys.stderr), given.root
    )
    print(json.dumps(done, sort_keys=True))


VERBS = (probe, missing, receive, install, verify, start, work, status, result, collected, run)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    made = {}
    for verb in VERBS:
        one = made[verb.__name__] = verbs.add_parser(verb.__name__, help=verb.__doc__, description=verb.__doc__)
        one.add_argument("--folder", default=".", help="where Edgeboard's files lie on the board")
        one.add_argument("--root", default="/", help="where /proc, /sys and /etc are read from")
        one.set_defaults(call=verb)
    for name in ("start", "work", "status", "result", "collected"):
        made[name].add_argument("run")
    for name in ("verify", "run"):
        made[name].add_argument("bundle")
    for name in ("probe", "run"):
        made[name].add_argument("--engine", choices=["auto"] + sorted(engines.KINDS), default="auto")
    for name in ("rounds", "iterations", "seconds"):
        made["run"].add_argument("--" + name, type=int, default=measure.DEFAULTS[name])
    made["probe"].add_argument("--need", type=int, default=0, help="bytes")
    made["probe"].add_argument("--json", action="store_true")
    made["receive"].add_argument("items", nargs="+", metavar="SHA256 OFFSET SIZE")
    made["install"].add_argument("task")
    made["install"].add_argument("--keep", type=int, default=2)
    made["status"].add_argument("--since", type=int, default=0)
    made["status"].add_argument("--wait", type=float, default=0)
    made["result"].add_argument("--sum", action="store_true")
    given = parser.parse_args()
    if given.verb is None:
        parser.print_help()
        return 2
    try:
        return given.call(given) or 0
    except DeviceError as error:
        sys.stdout.flush()
        print("Error: %s" % error, file=sys.stderr)
        return error.code
    except BrokenPipeError:
        # The line is cut; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
