"""A data folder of easy pictures with boxes: every object is a coloured square, and the colour is its class.

Also what a step that works on a detector needs: tiny parameters, a small detector, and a context.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml

from pipeline.artifact import Meta, save_artifact
from pipeline.compress.step import StepContext
from pipeline.detectors import Detector
from pipeline.files import write_json
from pipeline.networks import build_network
from pipeline.params import Params, check_params
from pipeline.tasks import TASKS
from pipeline.training.train import describe
from tests.conftest import REPOSITORY, TINY, set_params
from tests.picture_folder import write_csv

CLASS_NAMES = ["blue", "green", "red"]
# RGB of the squares, by class; what is around them is grey.
COLOURS = {0: (30, 30, 230), 1: (30, 230, 30), 2: (230, 30, 30)}
SIZE = 96
SSDLITE = "ssdlite320_mobilenet_v3_large"


def write_detection_folder(folder: Path, pictures: dict[str, int], size_wh: tuple[int, int] = (120, 90)) -> Path:
    """`folder`/index.csv, annotations.csv, report.json and JPEGs, so many `pictures` in each split.

    The fifth of five pictures is empty; the others have
    one square and two in turn, which do not overlap.
    """
    generator = np.random.default_rng(0)
    width, height = size_wh
    rows: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for split, count in pictures.items():
        (folder / "images" / split).mkdir(parents=True)
        for i in range(count):
            image_hwc = np.full((height, width, 3), generator.integers(90, 150), dtype=np.uint8)
            file = f"images/{split}/{i:03d}.jpg"
            found = [] if i % 5 == 4 else _squares(generator, width, height, 1 + i % 5 % 2)
            for xmin, ymin, side, label in found:
                image_hwc[ymin : ymin + side, xmin : xmin + side] = COLOURS[label]
                boxes.append({"image": file, "xmin": xmin, "ymin": ymin, "xmax": xmin + side, "ymax": ymin + side,
                              "class": CLASS_NAMES[label]})  # fmt: skip
            cv2.imwrite(str(folder / file), image_hwc[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
            largest = max(found, key=lambda one: one[2], default=None)
            rows.append({"file": file, "label": CLASS_NAMES[largest[3]] if largest else "", "split": split,
                         "source": file, "mask": "", "width": width, "height": height, "sha256": "0"})  # fmt: skip
    write_csv(folder / "index.csv", rows)
    write_csv(folder / "annotations.csv", sorted(boxes, key=lambda one: one["image"]))
    write_json(folder / "report.json", {"task": "suspect", "classes": CLASS_NAMES, "data_hash": "0"})
    return folder


def detection_params(folder: Path, **changes: Any) -> Params:
    """Tiny parameters of the task suspect in `folder`; changes: `train__suspect__epochs=3`."""
    file = folder / "params.yaml"
    file.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    always = {
        "train.precision": "32-true",
        "train.suspect.architecture": SSDLITE,
        "train.suspect.pretrained": "none",
        "train.suspect.frame_size": SIZE,
        "train.suspect.warm_up_epochs": 0,
        "train.suspect.warm_up_size": 32,
        "train.suspect.small_epochs": 0,
        "train.suspect.epochs": 1,
        "train.suspect.batch_size": 8,
    }
    set_params(file, TINY | always | {key.replace("__", "."): value for key, value in changes.items()})
    return check_params(yaml.safe_load(file.read_text()))


def detection_context(folder: Path, pictures: dict[str, int] | None = None, **changes: Any) -> StepContext:
    """A context in `folder` whose baseline is an untrained SSDLite."""
    params = detection_params(folder, **changes)
    data = write_detection_folder(folder / "data", pictures or {"train": 10, "val": 5, "test": 1})
    baseline = save_detector(folder / "baseline", new_detector(seed=1))
    return StepContext(TASKS["suspect"], params, data, baseline, folder / "checkpoints")


def new_detector(architecture: str = SSDLITE, seed: int = 0, frame_size: int = SIZE) -> Detector:
    """In eval mode, with random weights whose batch normalisation differs from channel to channel."""
    torch.manual_seed(seed)
    network = build_network(architecture, len(CLASS_NAMES), frame_size).eval()
    assert isinstance(network, Detector)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    return settled(network)


def settled(network: Detector) -> Detector:
    """The detector with the statistics of random frames: with those of no frame at all its answers are 1e-15."""
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [module.momentum for module in norms]
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    frames = torch.randn(4, 3, network.frame_size, network.frame_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.train()(frames)
    for module, momentum in zip(norms, momenta, strict=True):
        module.momentum = momentum
    return network.eval()


def save_detector(folder: Path, network: Detector, architecture: str = SSDLITE, **changes: Any) -> Path:
    folder.mkdir()
    meta = Meta("suspect", architecture, CLASS_NAMES, network.frame_size, recipe=[])
    report = {"step": "train", **describe(network, network.frame_size)}
    save_artifact(folder, network, replace(meta, **changes), report)
    return folder


def _squares(generator: np.random.Generator, width: int, height: int, n: int) -> list[tuple[int, int, int, int]]:
    """xmin, ymin, side and label of squares, each in a part of the picture of its own."""
    share = width // n
    found = []
    for place in range(n):
        side = int(generator.integers(height // 4, min(share, height) * 3 // 4))
        xmin = place * share + int(generator.integers(0, share - side))
        found.append((xmin, int(generator.integers(0, height - side)), side, int(generator.integers(0, 3))))
    return found
