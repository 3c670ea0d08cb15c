"""What the last finished phase of a step left, so that a killed step goes on from there and not from its start."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.pruning.importance import Scores
from pipeline.files import read_json, replacing_folder


class KeptPhase:
    """folder: of this step alone; its name has to change with whatever the outcome depends on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, network: nn.Module, meta: Meta, scores: Scores, state: dict[str, Any]) -> None:
        """Replaces what an earlier phase left. state: JSON."""
        with replacing_folder(self._folder) as folder:
            save_artifact(folder, network, meta, state)
            save_file({name: tensor.contiguous() for name, tensor in scores.items()}, folder / "scores.safetensors")

    def load(self) -> tuple[nn.Module, Scores, dict[str, Any]] | None:
        """What was saved, or None at the first start."""
        if not self._folder.is_dir():
            return None
        network, _ = load_artifact(self._folder)
        state = read_json(self._folder / "report.json", made_by="dvc repro")
        return network, load_file(self._folder / "scores.safetensors"), state

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
