"""One run on the board: verify, build, check, time in turn. What comes out are raw samples, not statistics."""

import os
import random
import time

from . import clocks, compare
from .engines import KINDS, choose
from .facts import board_facts
from .files import DeviceError
from .manifest import BASELINE, SELF_CHECK, Bundle
from .sensors import Sampler
from .store import verify

FORMAT = "edgeboard board result 1"
DEFAULTS = {"rounds": 8, "iterations": 50, "seconds": 1, "warmup_ms": 300, "max_clocks": False}


def measure(bundles, engine_name, options, engines_folder, work, say, root="/"):
    """Give the result as a dict.

    bundles: folders of unpacked bundles. options: those of DEFAULTS that are to be different; each turn has at least
    `iterations` frames and lasts at least `seconds`. say: takes a line of progress. A variant that cannot be built,
    answers wrongly or fails while it is timed is in `errors` and not among the samples.
    """
    options = dict(DEFAULTS, **options)
    # trtexec works in a folder of its own.
    engines_folder, work = os.path.abspath(engines_folder), os.path.abspath(work)
    facts = board_facts(engines_folder, root)
    engine_name = choose(engine_name, facts)
    result = {"format": FORMAT, "board": facts, "engine": engine_name, "options": options, "started": time.time(),
              "bundles": {}, "builds": [], "checks": [], "errors": [], "samples": []}  # fmt: skip
    with clocks.at_maximum(options["max_clocks"], work, say):
        facts["clocks_while_timed"] = board_facts(engines_folder, root)["clocks"]
        entries = []
        for folder in map(os.path.abspath, bundles):
            n_files = verify(folder)
            bundle = Bundle(folder)
            result["bundles"][bundle.task] = bundle.manifest
            say("%s: %d files verified" % (bundle.task, n_files))
            for model in bundle.models(engine_name):
                engine = KINDS[engine_name](facts, folder, engines_folder, work)
                if _prepare(engine, bundle, model, result, say):
                    entries.append((engine, bundle, model))
        _time_in_turn(entries, options, result, say, root)
    result["finished"] = time.time()
    return result


def _prepare(engine, bundle, model, result, say):
    """Build and check one model; tells whether it may be timed."""
    about = {"task": bundle.task, "variant": model["variant"], "precision": model["precision"]}
    is_again = model["variant"] == SELF_CHECK
    name = "%s %s %s" % (bundle.task, model["variant"], model["precision"])
    step = "build"
    if is_again and any((one["task"], one["variant"]) == (bundle.task, BASELINE) for one in result["errors"]):
        return False
    try:
        if not is_again:
            say("%s: opening with %s" % (name, engine.name))
        built = engine.open(model)
        if is_again:
            return True
        result["builds"].append(dict(about, **built))
        step = "check"
        answers = [engine.answer(model, frame) for frame in bundle.frames()]
        check = compare.compare(answers, bundle.expected(model), model["precision"], bundle.outputs)
        result["checks"].append(dict(about, **check))
        if not check["passed"]:
            raise DeviceError(check["words"])
    except DeviceError as error:
        if not is_again:
            result["errors"].append(dict(about, step=step, words=error.what, mend=error.mend))
            say("%s: NOT TIMED, %s failed: %s" % (name, step, error))
        return False
    how = (
        "kept engine"
        if built["cached"]
        else "opened"
        if engine.name == "onnxruntime"
        else "built in %.0f s" % built["seconds"]
    )
    say("%s: %s; outputs as expected on %d frames (differ by %.2g)" % (name, how, check["n"], check["rms_relative"]))
    return True


def _time_in_turn(entries, options, result, say, root):
    """A B C, B C A, ...: every round times every variant once, in an order of its own."""
    order = random.Random(0)
    failed = set()
    with Sampler(root) as sampler:
        for round_ in range(options["rounds"]):
            say(
                "timing round %d of %d: %d variants in turn"
                % (round_ + 1, options["rounds"], len(entries) - len(failed))
            )
            turns = list(range(len(entries)))
            order.shuffle(turns)
            for turn, place in enumerate(turns):
                engine, bundle, model = entries[place]
                if place in failed:
                    continue
                about = {"task": bundle.task, "variant": model["variant"], "precision": model["precision"]}
                try:
                    seen, rows = engine.time(model, bundle.frames(), round_, options)
                except DeviceError as error:
                    failed.add(place)
                    result["errors"].append(dict(about, step="time", words=error.what, mend=error.mend))
                    say("%s %s: NOT TIMED: %s" % (bundle.task, model["variant"], error))
                    continue
                columns = {name: [row[name] for row in rows] for name in rows[0]}
                result["samples"].append(dict(about, round=round_, turn=turn, **dict(seen, **columns)))
        # A last reading after the last turn, so that a short run has one at all.
        time.sleep(0.15)
    result["sensors"] = {"rails_from": sampler.rails_from, "series": sampler.series}


def work_folder(run):
    folder = os.path.join(run, "work")
    os.makedirs(folder, exist_ok=True)
    return folder
