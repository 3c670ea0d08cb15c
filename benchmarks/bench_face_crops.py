"""Cropping faces in batches against calling facenet-pytorch's MTCNN for one image after another.

    python benchmarks/bench_face_crops.py [folder with <person>/*.jpg] [--rounds 9] [--images 64] [--threads 0]

Without a folder: drawn people of 400 x 264 pixels. From decoded images to crops of 160 x 160, everything in memory.
Every round times all in turn on the same images, and the ratios are those of the rounds: median, lowest and highest.
"MTCNN" is `MTCNN(image)` as its documentation calls it; "MTCNN, our smallest face" is the same with min_face_size set
to the size from which we seek faces, so that what is left is won without looking for less. Then how often the face is
the same one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.data.face_crops.crops import Crop, crop_faces
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.data.workers import usable_cores
from pipeline.tasks.boxes import iou_matrix

MIN_FACE = 0.1
Frame = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description="Images per second of cropping faces, ours and facenet-pytorch's.")
    parser.add_argument("folder", nargs="?", type=Path, help="a folder with <person>/*.jpg")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=64, help="of each round")
    parser.add_argument("--threads", type=int, default=0, help="of PyTorch and OpenCV; 0: all cores")
    given = parser.parse_args()
    threads = given.threads or usable_cores()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    frames = _read(given.folder, given.images) if given.folder else _draw(given.images)
    _compare(frames, given.rounds, threads)
    _print_agreement(frames)


def _compare(frames: list[Frame], rounds: int, threads: int) -> None:
    longer = statistics.median(max(frame.shape) for frame in frames)
    finder, plain, equal = FaceFinder(MIN_FACE), MTCNN(), MTCNN(min_face_size=round(MIN_FACE * longer))
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: list(crop_faces([(f"{i}", frame) for i, frame in enumerate(frames)], finder)),
        "MTCNN": lambda: [plain(frame) for frame in frames],
        "MTCNN, our smallest face": lambda: [equal(frame) for frame in frames],
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for at in range(-1, rounds):
        # Each goes first in a third of the rounds: what runs before another warms or heats the processor for it.
        names = list(ways)[at % 3 :] + list(ways)[: at % 3]
        for name in names:
            began = time.perf_counter()
            ways[name]()
            if at >= 0:  # the first round warms up
                times[name].append(time.perf_counter() - began)
    for name, seconds in times.items():
        rates = sorted(len(frames) / value for value in seconds)
        print(f"{name:>25}: {statistics.median(rates):6.1f} images/s, {threads} threads "
              f"({rates[0]:.1f} to {rates[-1]:.1f})")  # fmt: skip
    for name in list(ways)[1:]:
        ratios = sorted(other / own for other, own in zip(times[name], times["ours"], strict=True))
        print(f"ours: {statistics.median(ratios):.2f} times the rate of {name} "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f} in {rounds} rounds)")  # fmt: skip


def _print_agreement(frames: list[Frame]) -> None:
    """The largest face of each image by the plain call against ours, and, as a measure of what that can say, against
    the plain call with another smallest face."""
    plain = _largest(MTCNN(keep_all=True), frames)
    longer = statistics.median(max(frame.shape) for frame in frames)
    other = _largest(MTCNN(keep_all=True, min_face_size=round(MIN_FACE * longer)), frames)
    ours = [faces[0].box_xyxy if faces else None for faces in FaceFinder(MIN_FACE).find(frames)]
    answers = crop_faces([(f"{i}", frame) for i, frame in enumerate(frames)], FaceFinder(MIN_FACE))
    print(f"{sum(isinstance(answer, Crop) for answer in answers)} of {len(frames)} images give a crop")
    for name, boxes in (("ours", ours), ("MTCNN, our smallest face", other)):
        ious = np.array([_iou(one, two) for one, two in zip(plain, boxes, strict=True)])
        shares = ", ".join(f"IoU > {least}: {(ious > least).mean():.3f}" for least in (0.5, 0.8, 0.9))
        print(f"the largest face of MTCNN and of {name}: {shares}, of {len(frames)} images")


def _largest(mtcnn: MTCNN, frames: Sequence[Frame]) -> list[NDArray[np.float32] | None]:
    found = [mtcnn.detect(frame)[0] for frame in frames]
    return [None if boxes is None else boxes[0].astype(np.float32) for boxes in found]


def _iou(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> float:
    if one is None or other is None:
        return float(one is other)
    return float(iou_matrix(one[None], other[None])[0, 0])


def _read(folder: Path, count: int) -> list[Frame]:
    paths = sorted(folder.glob("*/*.jpg"))
    if not paths:
        raise SystemExit(f"no <person>/*.jpg in {folder}")
    step = max(1, len(paths) // count)
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths[::step][:count]]


def _draw(count: int) -> list[Frame]:
    frames = []
    for i in range(count):
        person, recording, rng = (np.random.default_rng([stream, i]) for stream in range(3))
        frames.append(draw_portrait(draw_person(person), draw_recording(recording), rng, 400, 264).frame_rgb)
    return frames


if __name__ == "__main__":
    main()
