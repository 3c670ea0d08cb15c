"""A data folder of easy clips, a square that falls or rises, and what a step of movement needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from pipeline.artifact import Meta, save_artifact, untrained_network
from pipeline.compress.step import StepContext
from pipeline.data.clips.film_strip import film_strip
from pipeline.files import write_json
from pipeline.params import Params, check_params
from pipeline.tasks import TASKS
from pipeline.training.train import describe
from tests.conftest import REPOSITORY, TINY, TINY_MOVEMENT, set_params
from tests.picture_folder import write_csv

CLASS_NAMES = ["fall", "rise"]  # which the mirror of the augmentation does not exchange
LENGTH, SIDE = 8, 32


def write_clip_folder(folder: Path, per_class: dict[str, int]) -> Path:
    """`folder`/index.csv, report.json and film strips with `per_class` clips of each class in each split."""
    generator = np.random.default_rng(0)
    rows = []
    for split, count in per_class.items():
        for name in CLASS_NAMES:
            for i in range(count):
                file = f"clips/{split}/{name}/{i:03d}.jpg"
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(film_strip(_clip(name, generator)))
                rows.append({"file": file, "label": name, "split": split, "source": file, "mask": "",
                             "width": SIDE, "height": SIDE, "sha256": "0"})  # fmt: skip
    write_csv(folder / "index.csv", rows)
    write_json(
        folder / "report.json", {"classes": CLASS_NAMES, "data_hash": "0", "clip": {"frames": LENGTH, "fps": 6.0}}
    )
    return folder


def clip_params(folder: Path, **changes: Any) -> Params:
    """Tiny parameters of the task movement in `folder`; changes: `train__movement__epochs=3`."""
    file = folder / "params.yaml"
    file.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    always = {"train.movement.architecture": "tsm_resnet8", "train.movement.small_epochs": 0}
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    set_params(file, TINY | TINY_MOVEMENT | always | changed)
    return check_params(yaml.safe_load(file.read_text()))


def clip_meta(params: Params, **changes: Any) -> Meta:
    options = params.train.of("movement")
    meta = Meta("movement", options.architecture, CLASS_NAMES, options.frame_size, [], **options.network_form())
    return replace(meta, **changes)


def clip_context(folder: Path, **changes: Any) -> StepContext:
    """A context in `folder` whose baseline is an untrained network of train.movement."""
    params = clip_params(folder, **changes)
    data = write_clip_folder(folder / "data", {"train": 6, "val": 2, "test": 1})
    torch.manual_seed(1)
    meta = clip_meta(params)
    baseline = folder / "baseline"
    baseline.mkdir()
    network = untrained_network(meta).eval()
    save_artifact(baseline, network, meta, {"step": "train", **describe(network, meta.frame_size)})
    return StepContext(TASKS["movement"], params, data, baseline, folder / "checkpoints")


def _clip(name: str, generator: np.random.Generator) -> np.ndarray:  # type: ignore[type-arg]
    frames = np.broadcast_to(generator.integers(60, 140, (SIDE, SIDE, 3), dtype=np.uint8), (LENGTH, SIDE, SIDE, 3))
    frames = frames.copy()
    x, places = int(generator.integers(0, SIDE // 2)), range(0, 2 * LENGTH, 2)
    for frame, y in zip(frames, places if name == "fall" else reversed(places), strict=True):
        frame[y : y + SIDE // 2, x : x + SIDE // 2] = 230
    return frames
