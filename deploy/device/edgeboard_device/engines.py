"""The engines of a run: what opens a variant's file on this board, answers frames, and times them."""

import os
import time

from . import ort, trtexec
from .files import DeviceError, read_json, sha256_file, sha256_json, write_json
from .stream import Decisions, first_values, raw
from .warmup import began_warm

_LONGEST_WARMUP = 8  # times the one that was asked for; a board that is still restless then is timed as it is


def choose(wanted, facts):
    """Give "tensorrt" or "onnxruntime". Raises DeviceError where the board has not what was asked for, or nothing."""
    if wanted in ("tensorrt", "auto") and facts["trtexec"]:
        trtexec.flags_of(facts["tensorrt"])
        return "tensorrt"
    if wanted in ("onnxruntime", "auto") and facts["onnxruntime"]:
        return "onnxruntime"
    if wanted == "tensorrt" and "trtexec_fails" in facts:
        raise DeviceError(facts["trtexec_fails"])
    if wanted == "tensorrt":
        raise DeviceError("The board has no trtexec in %s or its PATH" % ", ".join(trtexec.FOLDERS),
                          "sudo apt install nvidia-jetpack on the board, or --engine onnxruntime")  # fmt: skip
    if wanted == "onnxruntime":
        raise DeviceError("The board's Python has no module onnxruntime",
                          "python3 -m pip install --user onnxruntime on the board, or --engine tensorrt")  # fmt: skip
    raise DeviceError("The board has neither trtexec nor the Python module onnxruntime",
                      "sudo apt install nvidia-jetpack there, or python3 -m pip install --user onnxruntime")  # fmt: skip


class TensorRT:
    """release: folder of the bundle; engines: where built engines are kept; work: for logs and passing files."""

    name = "tensorrt"

    def __init__(self, facts, release, engines, work):
        self._facts, self._release, self._engines, self._work = facts, release, engines, work
        self._plan = self._warmup_ms = None

    def open(self, model):
        """Build the engine or take it from those kept. Gives what the result says of it."""
        if model["precision"] == "int8" and not self._facts["has_int8"]:
            raise DeviceError("this board's GPU (SM %s) has no int8" % self._facts["sm"])
        flags = trtexec.build_flags(self._facts["tensorrt"], model["precision"], self._facts["memory_mib"])
        made_of = {
            "onnx": model["sha256"],
            "tensorrt": self._facts["tensorrt"],
            "sm": self._facts["sm"],
            "flags": flags,
        }
        # Begins with the file that it was built of, by which it is dropped with the last release that has this file.
        key = "%s-%s" % (model["sha256"][:16], sha256_json(made_of)[:16])
        plan, card = (os.path.join(self._engines, key + end) for end in (".plan", ".json"))
        self._plan = plan
        said = {"key": key, "flags": flags, "cached": True}
        if _is_whole(plan, card):
            return dict(said, size_bytes=os.path.getsize(plan), seconds=read_json(card)["seconds"])
        name = "%s.plan" % os.getpid()
        command = trtexec.build_command(self._facts["trtexec"], self._facts["tensorrt"], model["path"], name, flags)
        began = time.monotonic()
        try:
            trtexec.run(command, self._work, self._log("build", model))
            built = os.path.join(self._work, name)
            if not os.path.isfile(built) or not os.path.getsize(built):
                raise DeviceError("trtexec ended well but wrote no engine", "is the board's disk full?")
            made_of.update(sha256=sha256_file(built), seconds=time.monotonic() - began)
            os.replace(built, plan)
            write_json(card, made_of)
        finally:
            _remove(os.path.join(self._work, name))
        return dict(said, cached=False, size_bytes=os.path.getsize(plan), seconds=made_of["seconds"])

    def answers(self, model, frames):
        """Flat outputs for each frame; of a live form, the decisions of a stream of them."""
        live = model.get("live")
        self._start_caches(model, frames[0])
        decisions = Decisions(live["clip_frames"]) if live else None
        answers = []
        for frame in frames:
            outputs = self._outputs(model, frame)
            if live is None:
                answers.append(next(iter(outputs.values())))
                continue
            for cache in live["caches"]:
                self._write(model, cache, raw(outputs[cache["output"]]))
            answers.append(decisions.after(outputs[model["output"]]))
        return answers

    def time(self, model, frames, turn, options):
        """A turn. One that did not begin as it went on is timed again after twice the warm-up, which then stays."""
        frame = frames[turn % len(frames)]
        warmup = self._warmup_ms or options["warmup_ms"]
        longest = _LONGEST_WARMUP * options["warmup_ms"]
        while True:
            seen, rows = self._time(model, frame, warmup, options)
            settled = began_warm([row["latency_ms"] for row in rows])
            if settled is not False or warmup >= longest:
                break
            warmup *= 2
        self._warmup_ms = warmup
        return dict(seen, warmup_ms=warmup, settled=settled), rows

    def _time(self, model, frame, warmup_ms, options):
        out = os.path.join(self._work, "times.json")
        inputs = self._pass(model, frame)
        how = (options["iterations"], options["seconds"], warmup_ms)
        command = trtexec.time_command(self._facts["trtexec"], "engine.plan", inputs, "times.json", *how)
        seen = trtexec.run(command, self._work, self._log("time", model))
        if seen["began"] is not None:
            seen["began"] += warmup_ms / 1000.0
        try:
            return seen, trtexec.read_times(out, warmup_ms)
        finally:
            _remove(out)

    def _outputs(self, model, frame):
        out = os.path.join(self._work, "outputs.json")
        inputs = self._pass(model, frame)
        command = trtexec.answer_command(self._facts["trtexec"], "engine.plan", inputs, "outputs.json")
        trtexec.run(command, self._work, self._log("check", model))
        try:
            return trtexec.read_outputs(out)
        finally:
            _remove(out)

    def _pass(self, model, frame):
        """Gives what --loadInputs takes: names without commas and colons, at which trtexec would split the path."""
        for source, name in ((self._plan, "engine.plan"), (frame, "frame.f32")):
            link = os.path.join(self._work, name)
            _remove(link)
            os.symlink(os.path.abspath(source), link)
        inputs = [(model["input"], "frame.f32")]
        if model.get("live"):
            # While it is timed, the caches stay as the stream of the check left them.
            self._start_caches(model, frame, only_missing=True)
            inputs += [(cache["input"], _cache_file(model, cache)) for cache in model["live"]["caches"]]
        return inputs

    def _start_caches(self, model, frame, only_missing=False):
        for cache in (model.get("live") or {}).get("caches", ()):
            if not only_missing or not os.path.exists(os.path.join(self._work, _cache_file(model, cache))):
                self._write(model, cache, first_values(cache, frame))

    def _write(self, model, cache, values):
        with open(os.path.join(self._work, _cache_file(model, cache)), "wb") as file:
            file.write(values)

    def _log(self, what, model):
        return os.path.join(self._work, "%s-%s.log" % (what, model["label"]))


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, facts, release, engines, work):
        self._threads = len(facts["processors"])
        self._session = None

    def open(self, model):
        is_live = bool(model.get("live"))
        self._session = (
            ort.LiveSession(model["path"], self._threads, model) if is_live else ort.Session(model["path"], self._threads)
        )
        return {"threads": self._threads, "cached": False, "size_bytes": os.path.getsize(model["path"])}

    def answers(self, model, frames):
        return self._session.answers(frames)

    def time(self, model, frames, turn, options):
        return self._session.time(frames, options["iterations"], options["seconds"])


KINDS = {one.name: one for one in (TensorRT, OnnxRuntime)}


def _cache_file(model, cache):
    return "%s-%s.f32" % (model["sha256"][:16], "".join(one if one.isalnum() else "_" for one in cache["input"]))


def _is_whole(plan, card):
    try:
        return sha256_file(plan) == read_json(card)["sha256"]
    except (OSError, ValueError, KeyError):
        return False


def _remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
