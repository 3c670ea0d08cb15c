"""Our compact network against the strongest chain of the peers that can be installed beside it.

The peer is NNCF's post-training int8 of the same baseline with the same calibration frames, run in ONNX Runtime and
in OpenVINO (from the same ONNX file). All are timed in turn in one process, whole frames at batch 1 with the same
number of threads, and their accuracy is measured on the same test frames. Needs a finished `make repro`.

    python benchmarks/bench_peers.py [task]
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NNCF_CI", "1")  # its switch for telemetry: a benchmark must not wait for a network
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from rich.console import Console
from rich.table import Table

from pipeline.benchmark.accuracy import predict
from pipeline.benchmark.load import watching_other_load
from pipeline.benchmark.statistics import frames_per_second, paired_difference, speedup, wilson
from pipeline.benchmark.timing import decode_top1, time_in_turn
from pipeline.compress.quantization.calibration import calibration_frames
from pipeline.data.frames import load_frames, normalise, preprocess, read_image
from pipeline.errors import EdgeboardError
from pipeline.files import read_json
from pipeline.params import load_params
from pipeline.targets.cores import physical_cores
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
OURS = "ours: compact, ONNX Runtime"
BASELINE = "baseline fp32, ONNX Runtime"
ROUNDS, FRAMES_PER_TURN, WARMUP = 60, 10, 40


def nncf_onnxruntime(
    baseline: Path, inputs: list[NDArray[np.float32]], folder: Path, threads: int
) -> tuple[Network, int]:
    import nncf
    import onnx

    model = onnx.load(baseline)
    name = model.graph.input[0].name
    quantized = nncf.quantize(model, nncf.Dataset(inputs, lambda frame: {name: frame}), subset_size=len(inputs))
    path = folder / "nncf.onnx"
    onnx.save(quantized, path)
    return OnnxRuntimeEngine(path, threads).run, path.stat().st_size


def nncf_openvino(baseline: Path, inputs: list[NDArray[np.float32]], folder: Path, threads: int) -> tuple[Network, int]:
    import nncf
    import openvino

    core = openvino.Core()
    quantized = nncf.quantize(core.read_model(baseline), nncf.Dataset(inputs), subset_size=len(inputs))
    openvino.save_model(quantized, folder / "nncf.xml")
    network, size = _openvino(core, folder / "nncf.xml", threads)
    return network, size + (folder / "nncf.bin").stat().st_size


def _openvino(core: Any, path: Path, threads: int) -> tuple[Network, int]:
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = core.compile_model(path, "CPU", settings).create_infer_request()
    return lambda frames: request.infer([frames], share_inputs=True)[0].copy(), path.stat().st_size


def main(task: str = "fire") -> None:
    params = load_params()
    made_by = f"dvc repro export@{task}"
    exports = read_json(Path("exports", task, "report.json"), made_by=made_by)
    files = {name: Path(exports["variants"][name]["file"]) for name in ("baseline", "compact")}
    size, classes, data = exports["frame_size"], exports["class_names"], Path("data", task)
    test = load_frames(data, "test", size, classes)
    n_calibration = params.compress.quantize.calibration_frames
    calibration = calibration_frames(load_frames(data, "train", size, classes), n_calibration, params.seed)
    inputs = [normalise(frame[None]) for frame in calibration]
    threads = params.benchmark.threads or physical_cores()
    # A log has no width to read, and 80 columns would cut the numbers.
    console = Console() if sys.stdout.isatty() else Console(width=140)
    with tempfile.TemporaryDirectory(prefix="edgeboard-") as folder:
        out = Path(folder)
        made: dict[str, tuple[Network, int]] = {
            name: (OnnxRuntimeEngine(file, threads).run, file.stat().st_size)
            for name, file in ((BASELINE, files["baseline"]), (OURS, files["compact"]))
        }
        made["NNCF int8, ONNX Runtime"] = nncf_onnxruntime(files["baseline"], inputs, out, threads)
        made["NNCF int8, OpenVINO"] = nncf_openvino(files["baseline"], inputs, out, threads)
        decisions = {name: predict(run, test.frames_nhwc).argmax(1) for name, (run, _) in made.items()}
        with watching_other_load() as load:
            timings = time_in_turn(
                {name: run for name, (run, _) in made.items()},
                [read_image(test.files[i]) for i in np.linspace(0, len(test) - 1, 16).round().astype(int)],
                lambda picture: preprocess(picture, size),
                dict.fromkeys(made, lambda outputs: decode_top1(outputs, classes)),
                rounds=ROUNDS, frames_per_turn=FRAMES_PER_TURN, warmup=WARMUP, seed=params.seed,
            )  # fmt: skip
    table = Table(title=f"{task}: {len(test)} test frames, {threads} threads, batch 1, timed in turn")
    for heading in ("", "accuracy (95 %)", "ours minus it (paired)", "MB", "FPS", "ours is faster by"):
        table.add_column(heading, no_wrap=True)
    ours_correct = decisions[OURS] == test.labels
    for name, (_, n_bytes) in made.items():
        correct = decisions[name] == test.labels
        accuracy = wilson(int(correct.sum()), len(test))
        difference = paired_difference(ours_correct, correct)
        fps = frames_per_second(timings.rounds_ms(name), params.seed)
        faster = speedup(timings.rounds_ms(OURS), timings.rounds_ms(name), params.seed)
        table.add_row(
            name,
            f"{accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]",
            f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]",
            f"{n_bytes / 1e6:.2f}",
            f"{fps.value:.0f}",
            f"{faster.value:.2f}× [{faster.low:.2f}, {faster.high:.2f}]",
        )
    console.print(table)
    if not load.is_quiet:
        console.print(f"Other processes used {load.cores:.1f} cores meanwhile: repeat on a quiet machine.")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except EdgeboardError as error:
        sys.exit(f"Error: {error}")
