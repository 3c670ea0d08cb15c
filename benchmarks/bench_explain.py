"""RISE and Score-CAM as the stage makes them against one mask at a time and against the plain library call.

    python benchmarks/bench_explain.py model.onnx artifact_folder [--rounds 9] [--masks 128] [--frames 4]

model.onnx: an exported classifier, best an int8 one; artifact_folder: its float network. Every round times all ways in
turn, each going first in some rounds, and the ratios are those of the rounds: median with the 95 % interval of the
bootstrap over rounds. Ours makes the maps of --frames frames together, as the stage does, and its time is per map.

RISE: "one mask at a time" is the loop that one writes first, through the same exported file with all cores inside each
layer: make a mask, hide, ask, add. "PyTorch loop" is the same on the float network, as captum's users write it, for it
has no RISE. The masks in stock are made before the rounds, as they are once for all variants and frames.
"bare sessions" is the floor: the hidden frames made before, the same batches asked on all cores, and nothing else done.
Score-CAM: grad-cam's ScoreCAM on the float network; the loop asks the exported file for one channel after another;
ours asks it in chunks, a frame on each core, and silent channels once. A last line tells how alike the maps are.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.artifact import load_artifact
from pipeline.explain.answers import BatchScores, probabilities
from pipeline.explain.batched_file import BatchedFile
from pipeline.explain.drift import drift
from pipeline.explain.interval import RESAMPLES
from pipeline.explain.methods.layers import cam_layer
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps
from pipeline.explain.methods.score_cam import probabilities_of, score_cam
from pipeline.explain.methods.unfolded import out_of_place
from pipeline.explain.rise import RiseMasks, make_masks
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

Map = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description="Maps per second of RISE and Score-CAM.")
    parser.add_argument("file", type=Path, help="an exported classifier")
    parser.add_argument("artifact", type=Path, help="the folder of its float network")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--masks", type=int, default=128)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(1)
    network = out_of_place(load_artifact(given.artifact)[0])
    batched = BatchedFile(given.file)
    answers = probabilities(batched.run, given.file)
    single = probabilities(OnnxRuntimeEngine(given.file, threads=given.threads).run)
    frames = [_frame(batched.input_shape[-1], seed) for seed in range(given.frames)]
    masks = make_masks(given.masks, frames[0].shape[-1], seed=0)
    stock = MaskStock(masks)
    hidden = [frame * full[:, None] for frame in frames for _, full in stock.batches()]
    of_network = probabilities_of(network)
    with ThreadPoolExecutor(given.threads) as pool:
        _compare(
            f"RISE, {given.masks} masks",
            {
                "ours": lambda: list(pool.map(lambda frame: rise_maps(answers, frame, [0], stock)[0], frames)),
                "one mask at a time": lambda: [_rise_loop(single, frames[0], masks)],
                "PyTorch loop": lambda: [_rise_loop(of_network, frames[0], masks)],
                "bare sessions": lambda: _bare(pool, batched, hidden, len(frames)),
            },
            given.rounds,
        )
        layer = cam_layer(network, torch.from_numpy(frames[0]))
        _compare(
            f"Score-CAM, {_channels(network, layer, frames[0])}",
            {
                "ours": lambda: list(
                    pool.map(lambda frame: score_cam(network, frame, [0], answers=answers)[0], frames)
                ),
                "one channel at a time": lambda: [_score_cam_loop(network, layer, single, frames[0])],
                "grad-cam": lambda: [_library_score_cam(network, layer, frames[0])],
            },
            given.rounds,
        )


def _bare(pool: ThreadPoolExecutor, file: BatchedFile, hidden: list[Map], n_maps: int) -> list[Map]:
    """As many results as maps, so that the time is per map."""
    found = list(pool.map(file.run, hidden))
    return [np.stack(found[:1])] * n_maps


def _frame(size: int, seed: int) -> NDArray[np.float32]:
    """A smooth scene: what it shows does not matter to the time, but silent channels should be as in a photo."""
    blobs = np.random.default_rng(seed).random((8, 8, 3)).astype(np.float32)
    scene = cv2.resize(blobs, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray((scene.transpose(2, 0, 1)[None] - 0.45) / 0.225)


def _rise_loop(answer: BatchScores, frame: NDArray[np.float32], masks: RiseMasks) -> Map:
    total = np.zeros(frame.shape[-2:])
    coverage = np.zeros_like(total)
    for i in range(len(masks)):
        mask = masks.mask(i)
        total += answer(frame * mask)[0, 0] * mask
        coverage += mask
    return (total / coverage).astype(np.float32)


def _score_cam_loop(network: nn.Module, layer: nn.Module, answer: BatchScores, frame: NDArray[np.float32]) -> Map:
    signal = _signal(network, layer, frame)
    scores = []
    for channel in signal:
        grown = cv2.resize(channel, frame.shape[-2:], interpolation=cv2.INTER_LINEAR)
        grown = (grown - grown.min()) / (np.ptp(grown) + 1e-8)
        scores.append(answer(frame * grown)[0, 0])
    weights = np.array(scores) / np.sum(scores)
    cam = np.maximum((weights[:, None, None] * signal).sum(0), 0)
    return cv2.resize(cam.astype(np.float32), frame.shape[-2:], interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _library_score_cam(network: nn.Module, layer: nn.Module, frame: NDArray[np.float32]) -> Map:
    from pytorch_grad_cam import ScoreCAM

    # Its progress bar goes to stderr, which costs little.
    with contextlib.redirect_stderr(io.StringIO()), ScoreCAM(network, [layer]) as cam:
        return cam(torch.from_numpy(frame), [lambda logits: logits.log_softmax(-1)[0]])[0]


def _signal(network: nn.Module, layer: nn.Module, frame: NDArray[np.float32]) -> Map:
    caught: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, output: caught.append(output))
    with torch.inference_mode():
        network(torch.from_numpy(frame))
    handle.remove()
    return caught[0][0].numpy()


def _channels(network: nn.Module, layer: nn.Module, frame: NDArray[np.float32]) -> str:
    signal = _signal(network, layer, frame)
    silent = int((np.ptp(signal, axis=(1, 2)) == 0).sum())
    return f"{len(signal)} channels of {signal.shape[1]} x {signal.shape[2]}, {silent} of them silent"


def _compare(title: str, ways: dict[str, Callable[[], list[Map]]], rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in ways}
    maps: dict[str, Map] = {}
    for at in range(-1, rounds):
        first = max(at, 0) % len(ways)
        for name in [*list(ways)[first:], *list(ways)[:first]]:
            began = time.perf_counter()
            found = ways[name]()
            if at >= 0:  # the first round warms up
                times[name].append((time.perf_counter() - began) / len(found))
            maps[name] = found[0]
    print(title)
    for name, seconds in times.items():
        print(f"{name:>24}: {1 / statistics.median(seconds):7.3f} maps/s")
    for name in list(ways)[1:]:
        median, low, high = _median_ratio(times[name], times["ours"])
        is_map = maps[name].shape == maps["ours"].shape
        alike = f"; rank correlation of the maps {1 - drift(maps['ours'], maps[name]):.3f}" if is_map else ""
        print(f"    ours: {median:.2f} times the rate of {name} ({low:.2f} to {high:.2f}){alike}")


def _median_ratio(others: list[float], ours: list[float]) -> tuple[float, float, float]:
    ratios = np.array(others) / np.array(ours)
    drawn = np.random.default_rng(0).integers(0, len(ratios), size=(RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(ratios[drawn], axis=1), [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


if __name__ == "__main__":
    main()
