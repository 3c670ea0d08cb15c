"""One run on the board: verify, build, check, time in turn. What comes out are raw samples, not statistics."""

import os
import random
import time

from . import clocks, compare, cores
from .engines import KINDS, choose
from .facts import board_facts
from .files import DeviceError, disk_error
from .load import OtherLoad
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
              "bundles": {}, "builds": [], "checks": [], "errors": [], "samples": [],
              "sensors": {"series": []}, "other_load_cores": []}  # fmt: skip
    with clocks.at_maximum(options["max_clocks"], work, say), cores.pinned(root) as facts["processors"]:
        facts["clocks_while_timed"] = board_facts(engines_folder, root)["clocks"]
        unpacked = []
        for folder in map(os.path.abspath, bundles):
            n_files = verify(folder)
            bundle = Bundle(folder)
            unpacked.append(bundle)
            result["bundles"][bundle.task] = bundle.manifest
            say("%s: %d files verified" % (bundle.task, n_files))
        forms = [None] + sorted({form for bundle in unpacked for form in bundle.further_forms()})
        for form in forms:
            entries = []
            for bundle in unpacked:
                for model in bundle.models(engine_name, form):
                    engine = KINDS[engine_name](facts, bundle.folder, engines_folder, work)
                    if _prepare(engine, bundle, model, result, say):
                        entries.append((engine, bundle, model))
            with Sampler(root) as sampler:
                others = OtherLoad(root)
                _time_in_turn(entries, options, result, say)
                if entries:
                    result["other_load_cores"].append(others.cores())
                # A last reading after the last turn, so that a short run has one at all.
                time.sleep(0.15)
            result["sensors"]["rails_from"] = sampler.rails_from
            result["sensors"]["series"] += sampler.series
    result["finished"] = time.time()
    return result


def _about(bundle, model):
    about = {"task": bundle.task, "variant": model["variant"], "precision": model["precision"]}
    return dict(about, form=model["form"]) if "form" in model else about


def _in_words(about):
    return " ".join(about[name] for name in ("task", "variant", "form", "precision") if name in about)


def _prepare(engine, bundle, model, result, say):
    """Build and check one model; tells whether it may be timed."""
    about = _about(bundle, model)
    is_again = model["variant"] == SELF_CHECK
    name = _in_words(about)
    step = "build"
    baseline = (bundle.task, BASELINE, model.get("form"))
    if is_again and any((one["task"], one["variant"], one.get("form")) == baseline for one in result["errors"]):
        return False
    try:
        if not is_again:
            say("%s: opening with %s" % (name, engine.name))
        built = engine.open(model)
        if is_again:
            return True
        result["builds"].append(dict(about, **built))
        step = "check"
        answers = engine.answers(model, bundle.frames(model))
        outputs = model.get("outputs", bundle.outputs)
        check = compare.compare(answers, bundle.expected(model), model["precision"], outputs, model.get("row"))
        result["checks"].append(dict(about, **check))
        if not check["passed"]:
            raise DeviceError(check["words"])
    except (DeviceError, OSError) as raised:
        error = _in_a_message(raised)
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


def _time_in_turn(entries, options, result, say):
    """A B C, B C A, ...: every round times every variant once, in an order of its own."""
    order = random.Random(0)
    failed = set()
    for round_ in range(options["rounds"] if entries else 0):
        form = " as " + entries[0][2]["form"] if "form" in entries[0][2] else ""
        say("timing round %d of %d: %d variants in turn%s" % (round_ + 1, options["rounds"], len(entries) - len(failed), form))
        turns = list(range(len(entries)))
        order.shuffle(turns)
        for turn, place in enumerate(turns):
            engine, bundle, model = entries[place]
            if place in failed:
                continue
            about = _about(bundle, model)
            try:
                seen, rows = engine.time(model, bundle.frames(model), round_, options)
            except (DeviceError, OSError) as raised:
                error = _in_a_message(raised)
                failed.add(place)
                result["errors"].append(dict(about, step="time", words=error.what, mend=error.mend))
                say("%s: NOT TIMED: %s" % (_in_words(about), error))
                continue
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            result["samples"].append(dict(about, round=round_, turn=turn, **dict(seen, **columns)))


def _in_a_message(error):
    """A disk that fills up costs a variant, not the run; any other error of the system is a defect of ours."""
    if isinstance(error, OSError):
        error = disk_error(error, error.filename or "where the run writes")
        if not isinstance(error, DeviceError):
            raise error
    return error


def work_folder(run):
    folder = os.path.join(run, "work")
    os.makedirs(folder, exist_ok=True)
    return folder
