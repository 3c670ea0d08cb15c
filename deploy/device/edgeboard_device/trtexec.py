"""TensorRT through its command line tool: which flags a version knows, building, running, and reading what it wrote.

An unknown flag is a failure, so the flags are a table by version. They are those of samples/common/sampleOptions.cpp in
the branches of github.com/NVIDIA/TensorRT; formats are those of samples/common/sampleReporting.cpp there. Inputs
are given as names inside its working folder: it splits that list at commas and colons.
"""

import json
import os
import re
import shutil
import subprocess
import time

from .files import DeviceError

FOLDERS = ("/usr/src/tensorrt/bin", "/usr/bin")  # up to JetPack 7.1, from 7.2 on
ENGINE_FLAGS = {"fp32": [], "fp16": ["--fp16"], "int8": ["--int8", "--fp16"]}  # int8 alone leaves the rest fp32
# First version -> how it names what changed: the memory a build may use, and a build without a run.
FLAGS = (
    ((10, 0), {"workspace": "--memPoolSize=workspace:%d", "build_only": "--skipInference"}),
    ((8, 6), {"workspace": "--memPoolSize=workspace:%d", "build_only": "--skipInference"}),
    ((8, 4), {"workspace": "--memPoolSize=workspace:%d", "build_only": "--buildOnly"}),
    ((8, 2), {"workspace": "--workspace=%d", "build_only": "--buildOnly"}),
)
_VERSION = re.compile(r"\[TensorRT v(\d+)\]")
_STARTED, _ENDED = "Starting inference", "Warmup completed"
_UNSTABLE = "GPU compute time is unstable"
_KILLED = (-9, 137)


def find():
    """Path of trtexec, or None."""
    for folder in FOLDERS:
        path = os.path.join(folder, "trtexec")
        if os.access(path, os.X_OK):
            return path
    return shutil.which("trtexec")


def version(trtexec):
    """Like "8.5.2", from the line that every call begins with: 8502 is 8.5.2, 100300 is 10.3.0."""
    try:
        done = subprocess.run(
            [trtexec, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DeviceError("trtexec cannot be run: %s" % error, "see whether `%s --help` runs on the board" % trtexec)
    found = _VERSION.search(done.stdout.decode("utf-8", "replace"))
    if not found:
        raise DeviceError("%s does not say its version" % trtexec, "see what `%s --help` says on the board" % trtexec)
    digits = int(found.group(1))
    unit = 10000 if digits >= 100000 else 1000
    return "%d.%d.%d" % (digits // unit, digits % unit // 100, digits % 100)


def flags_of(tensorrt):
    """The names of the flags that changed, for a version like "8.5.2"."""
    number = tuple(int(part) for part in tensorrt.split(".")[:2])
    if number >= (11, 0):
        raise DeviceError(
            "TensorRT %s knows only strongly typed networks, and trtexec has no --fp16 and --int8 there" % tensorrt,
            "use TensorRT 8.2 to 10.x, or --engine onnxruntime",
        )
    for first, flags in FLAGS:
        if number >= first:
            return flags
    raise DeviceError("TensorRT %s is too old" % tensorrt, "JetPack 4.6.1 or newer, or --engine onnxruntime")


def workspace_mib(memory_mib):
    """An eighth of the memory, in powers of two: a board shares it between CPU, GPU and build."""
    size = 64
    while size * 2 <= min((memory_mib or 1024) // 8, 2048):
        size *= 2
    return size


def build_flags(tensorrt, precision, memory_mib):
    """The flags that decide what an engine is."""
    return ENGINE_FLAGS[precision] + [flags_of(tensorrt)["workspace"] % workspace_mib(memory_mib)]


def build_command(trtexec, tensorrt, onnx, engine, flags):
    only = flags_of(tensorrt)["build_only"]
    return [trtexec, "--onnx=" + onnx, "--saveEngine=" + engine] + flags + [only]


def answer_command(trtexec, engine, inputs, output):
    """One frame, for its outputs. inputs: (name, file) of each."""
    once = ["--iterations=1", "--duration=0", "--warmUp=0"]
    return [
        trtexec,
        "--loadEngine=" + engine,
        _inputs(inputs),
        "--exportOutput=" + output,
    ] + once


def time_command(trtexec, engine, inputs, times, iterations, seconds, warmup_ms):
    # Spinning waits for the GPU without the wake-up of a thread, which would be timed too.
    how = ["--useSpinWait", "--iterations=%d" % iterations, "--duration=%d" % seconds, "--warmUp=%d" % warmup_ms]
    return [
        trtexec,
        "--loadEngine=" + engine,
        _inputs(inputs),
        "--exportTimes=" + times,
    ] + how


def _inputs(inputs):
    return "--loadInputs=" + ",".join("%s:%s" % one for one in inputs)


def run(command, folder, log):
    """Run trtexec in `folder`; its words go to the file `log`. Gives {"began", "ended", "unstable"}: the times, on the
    monotonic clock, between which it measured (None where it did not say), and its warning of restless times.

    Raises DeviceError where it fails, with its last words.
    """
    seen = {"began": None, "ended": None, "unstable": None}
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with open(log, "w", encoding="utf-8") as file:
        file.write("%s\n" % " ".join(command))
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            file.write(line)
            if _STARTED in line:
                seen["began"] = time.monotonic()
            elif _ENDED in line and seen["ended"] is None:
                seen["ended"] = time.monotonic()
            elif _UNSTABLE in line:
                seen["unstable"] = line.split("] ")[-1].strip()
    code = process.wait()
    if code in _KILLED:
        raise DeviceError(
            "trtexec was killed (rc %d): most likely the board ran out of memory" % (128 - code if code < 0 else code),
            "close the desktop (sudo systemctl isolate multi-user.target), add swap, then run the same command again",
        )
    if code:
        raise DeviceError("trtexec failed (rc %d): %s" % (code, _last_words(log)), "the whole log: %s" % log)
    return seen


def read_times(path, warmup_ms):
    """Rows of --exportTimes without those of the warm-up, which 8.2 has in the same file.

    Each is {"latency_ms", "h2d_ms", "compute_ms", "d2h_ms"}.
    """
    with open(path, encoding="utf-8") as file:
        rows = _json(file.read(), path)
    # Later versions have no such column, and leave the warm-up out themselves.
    if rows and "endToEndMs" in rows[0]:
        rows = [row for row in rows if row["startComputeMs"] >= warmup_ms]
    if not rows:
        raise DeviceError("trtexec timed nothing: %s" % path)
    names = (("latency_ms", "latencyMs"), ("h2d_ms", "h2dMs"), ("compute_ms", "computeMs"), ("d2h_ms", "d2hMs"))
    return [{ours: float(row[theirs]) for ours, theirs in names} for row in rows]


def read_outputs(path):
    """Name -> values of every output tensor in a file of --exportOutput; NaN and infinity are kept."""
    with open(path, encoding="utf-8") as file:
        tensors = _json(file.read(), path)
    return {one["name"]: [float(value) for value in one["values"]] for one in tensors}


def _json(text, path):
    # C++ writes nan and inf, which JSON does not have and Python calls otherwise.
    text = re.sub(r"(?<![\w\"])-?nan(?![\w\"])", "NaN", text)
    text = re.sub(r"(?<![\w\"])(-?)inf(?![\w\"])", r"\1Infinity", text)
    try:
        return json.loads(text)
    except ValueError as error:
        raise DeviceError("trtexec wrote a file that cannot be read: %s: %s" % (path, error))


def _last_words(log):
    with open(log, encoding="utf-8") as file:
        lines = [line.strip() for line in file.read().splitlines()[1:] if line.strip()]
    errors = [line for line in lines if "[E]" in line or "error" in line.lower()]
    return "; ".join((errors or lines)[-3:]) or "it said nothing"
