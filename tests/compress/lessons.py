"""What a step that trains needs: easy pictures, tiny parameters, and a baseline of a small architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from pipeline.artifact import Meta, save_artifact
from pipeline.compress.step import StepContext
from pipeline.networks import build_network
from pipeline.params import check_params
from pipeline.tasks import TASKS
from pipeline.training.train import describe
from tests.conftest import REPOSITORY, TINY, set_params
from tests.picture_folder import CLASS_NAMES, write_data_folder

SIZE = 32
SMALL = "shufflenet_v2_x0_5"


def step_context(folder: Path, architecture: str = SMALL, **changes: Any) -> StepContext:
    """A context in `folder` whose baseline is an untrained `architecture`; changes: `train__precision="32-true"`."""
    file = folder / "params.yaml"
    file.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    always = {"train.fire.architecture": architecture, "train.precision": "32-true"}
    set_params(file, TINY | always | {key.replace("__", "."): value for key, value in changes.items()})
    params = check_params(yaml.safe_load(file.read_text()))
    data = write_data_folder(folder / "data", {"train": 6, "val": 3, "test": 1})
    baseline = save(folder / "baseline", new_network(architecture, seed=1), architecture)
    return StepContext(TASKS["fire"], params, data, baseline, folder / "checkpoints")


def new_network(architecture: str = SMALL, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_network(architecture, len(CLASS_NAMES)).eval()


def save(folder: Path, network: torch.nn.Module, architecture: str = SMALL, **changes: Any) -> Path:
    folder.mkdir()
    meta = Meta("fire", architecture, CLASS_NAMES, SIZE, recipe=[])
    save_artifact(folder, network, replace(meta, **changes), {"step": "train", **describe(network, SIZE)})
    return folder


def outputs(network: torch.nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        logits: torch.Tensor = network(torch.randn(2, 3, SIZE, SIZE, generator=generator))
    return logits
