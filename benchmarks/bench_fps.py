"""Our FPS against what anybody would write by hand, and against ONNX Runtime's own tool, on the same file.

    python benchmarks/bench_fps.py [model.onnx] [--picture 480x640] [--threads 2] [--rounds 40] [--frames 25]

Four pairs, each timed in turn and with an order of its own in every round; a ratio of 1 is the same, the interval is
that of the rounds:

- *network*: `fps_network` of the benchmark stage on a picture that was prepared once, against the median of a bare loop
  around `InferenceSession.run` with that picture and the same settings;
- *whole frame*: `fps` of the benchmark stage against a bare loop around preparing, running and decoding;
- *onnxruntime_test*: the benchmark stage on a session as that tool opens it (all threads, which spin; a new one every
  time, for two sessions of one file differ by where their weights came to lie) against the mean latency that it
  prints. It is the runtime's own tool in its wheel. `onnxruntime_perf_test`, the one in C++, is on
  neither PyPI nor Debian, nor among the files of a release (github.com/microsoft/onnxruntime/issues/17332). It runs
  one prepared picture again and again, so here ours does;
- *fresh pictures*: ours as the stage times it, where the network is handed a picture that has just been prepared,
  against ours on one picture: what caches and sleeping threads cost in real use, which no loop over one picture shows.

Without a file: ResNet-18 at 112 pixels with random weights, exported here.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from rich.console import Console
from rich.table import Table

from pipeline.benchmark.affinity import pinned
from pipeline.benchmark.load import watching_other_load
from pipeline.benchmark.statistics import Estimate, speedup
from pipeline.benchmark.timing import decode_top1, time_in_turn
from pipeline.data.frames import preprocess
from pipeline.errors import BAD_INPUT_EXIT_CODE, EdgeboardError
from pipeline.targets.cores import physical_cores
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

WITHIN = 0.03
WARMUP = 20  # of every call of our own timing, which takes more where they are not settled
COLD_FRAMES = 20  # of the tool, whose mean has its first frames in it

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """ours, theirs: a round of each, `frames` latencies in ms, or one mean of as many."""

    name: str
    ours: Callable[[int], Samples]
    theirs: Callable[[int], Samples]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="an exported classifier; without it, a random ResNet-18")
    parser.add_argument("--picture", default="480x640", help="height x width of the camera picture")
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--frames", type=int, default=25, help="of a round")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, pinned(given.threads) as processors:
        try:
            model = given.model or _random_resnet(Path(folder))
            picture = _picture(given.picture)
            pairs = _pairs(model, picture, given.threads)
        except EdgeboardError as error:
            print(error, file=sys.stderr)
            return BAD_INPUT_EXIT_CODE
        with watching_other_load() as other_load:
            timed = [_in_turn(pair, given.rounds, given.frames) for pair in pairs]
    table = Table(
        "pair", "our FPS", "their FPS", "ratio", "95 %", f"within {WITHIN:.0%}",
        title=str(model) if given.model else "resnet18 at 112 px, random weights",
        caption=f"ratio: our FPS over theirs; {given.rounds} rounds of {given.frames} frames; threads: {given.threads}"
        f", processors: {processors}; other processes used {other_load.cores:.2f} cores",
    )  # fmt: skip
    for pair, (ours, theirs, ratio) in zip(pairs, timed, strict=True):
        table.add_row(
            pair.name,
            f"{1000 / np.median(np.concatenate(ours)):.1f}",
            f"{1000 / np.median(np.concatenate(theirs)):.1f}",
            f"{ratio.value:.3f}",
            f"{ratio.low:.3f}-{ratio.high:.3f}",
            _verdict(ratio),
        )
    (Console() if sys.stdout.isatty() else Console(width=160)).print(table)
    return 0


def _verdict(ratio: Estimate) -> str:
    if ratio.low >= 1 - WITHIN and ratio.high <= 1 + WITHIN:
        return "yes"
    return "no" if ratio.high < 1 - WITHIN or ratio.low > 1 + WITHIN else "cannot be told"


def _in_turn(pair: Pair, rounds: int, frames: int) -> tuple[list[Samples], list[Samples], Estimate]:
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for _ in range(rounds):
        sides = [(ours, pair.ours), (theirs, pair.theirs)]
        for place in rng.permutation(2):
            taken, side = sides[place]
            taken.append(side(frames))
    return ours, theirs, speedup(ours, theirs, seed=0)


def _pairs(model: Path, picture_hwc: NDArray[np.uint8], threads: int) -> list[Pair]:
    engine = OnnxRuntimeEngine(model, threads)
    size = engine.input_shape[-1]
    frame = preprocess(picture_hwc, size)
    if engine.input_shape != frame.shape:
        raise EdgeboardError("Not a network of single pictures", where=model, value=engine.input_shape)
    class_names = [str(i) for i in range(engine.run(frame).shape[-1])]

    def decode(outputs: NDArray[np.float32]) -> Any:
        return decode_top1(outputs, class_names)

    def fresh(one: NDArray[np.uint8]) -> NDArray[np.float32]:
        return preprocess(one, size)

    def ours(
        run: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        part: str | None,
        prepare: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    ) -> Callable[[int], Samples]:
        def take(frames: int) -> Samples:
            return time_in_turn(
                {"ours": run},
                [picture_hwc],
                prepare,
                {"ours": decode},
                rounds=1,
                frames_per_turn=frames,
                warmup=WARMUP,
                seed=0,
            ).rounds_ms("ours", part)[0]

        return take

    session = _session_by_hand(model, threads)
    name = session.get_inputs()[0].name

    def whole() -> None:
        decode(session.run(None, {name: preprocess(picture_hwc, size)})[0])

    def our_mean(frames: int) -> Samples:
        tool = ort.InferenceSession(str(model), providers=ort.get_available_providers())
        times = ours(lambda one: tool.run(None, {name: one})[0], "network_ms", lambda _: frame)(frames)
        return np.array([times.mean()])

    return [
        Pair(
            "network against a bare loop",
            ours(engine.run, "network_ms", lambda _: frame),
            _loop(lambda: session.run(None, {name: frame})),
        ),
        Pair("whole frame against a bare loop", ours(engine.run, None, fresh), _loop(whole)),
        Pair("network against onnxruntime_test", our_mean, lambda frames: _of_the_tool(model, {name: frame}, frames)),
        Pair(
            "network on fresh pictures against it on one",
            ours(engine.run, "network_ms", fresh),
            ours(engine.run, "network_ms", lambda _: frame),
        ),
    ]


def _session_by_hand(model: Path, threads: int) -> ort.InferenceSession:
    """With the settings of our engine, and none of its code."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _loop(call: Callable[[], object]) -> Callable[[int], Samples]:
    def take(frames: int) -> Samples:
        times = []
        for _ in range(WARMUP + frames):
            start = perf_counter()
            call()
            times.append(1000 * (perf_counter() - start))
        return np.array(times[WARMUP:])

    return take


def _of_the_tool(model: Path, feeds: dict[str, NDArray[np.float32]], frames: int) -> Samples:
    """Mean latency in ms of the frames after the first ones, from the two means with and without them."""
    cold, all_ = (_printed_mean_ms(model, feeds, n) * n for n in (COLD_FRAMES, COLD_FRAMES + frames))
    return np.array([(all_ - cold) / frames])


def _printed_mean_ms(model: Path, feeds: dict[str, NDArray[np.float32]], frames: int) -> float:
    from onnxruntime.tools.onnxruntime_test import run_model

    with contextlib.redirect_stdout(io.StringIO()) as said:
        run_model(str(model), num_iters=frames, feeds=dict(feeds))
    found = re.search(r"avg latency: ([\d.e+-]+) ms", said.getvalue())
    assert found, f"onnxruntime_test of this version prints no mean: {said.getvalue()}"
    return float(found.group(1))


def _picture(size: str) -> NDArray[np.uint8]:
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if not found:
        raise EdgeboardError("Not the size of a picture", value=size, allowed="height x width, such as 480x640")
    height, width = (int(side) for side in found.groups())
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _random_resnet(folder: Path) -> Path:
    import torch

    from pipeline.networks import build_network

    torch.manual_seed(0)
    path = folder / "resnet18.onnx"
    torch.onnx.export(
        build_network("resnet18", 3, 112).eval(), (torch.zeros(1, 3, 112, 112),), str(path), dynamo=False,
        input_names=["frames"], opset_version=13,
    )  # fmt: skip
    return path


if __name__ == "__main__":
    sys.exit(main())
