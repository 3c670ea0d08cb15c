"""Where the inner maps of two classifiers can be compared, and the maps themselves while they train.

A stage is a stretch of a network at one resolution; its map is the output of the module that ends it. Stages are found
by running a blank frame, so that any classifier serves, and paired by resolution, from the last one backwards.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import EdgeboardError
from pipeline.networks import blank_frames

# Within a stage sizes still differ by a pixel or two where convolutions are not padded.
_NEXT_STAGE = 1.5
# Half an octave: nearer to this resolution than to the next one.
_LIKE_RESOLUTION = math.sqrt(2)
# The four stages of a ResNet. Maps before them show edges, and cost the most to compare.
_MOST_PAIRS = 4


@dataclass(frozen=True)
class Stage:
    """name: the module whose output is the map `[N, channels, size, size]`, or `[N, size, size, channels]`."""

    name: str
    channels: int
    size: int
    channels_last: bool


@dataclass(frozen=True)
class Pair:
    student: Stage
    teacher: Stage


def find_stages(network: nn.Module, frame_size: int) -> list[Stage]:
    """The stages of a classifier of `[N, 3, frame_size, frame_size]`, by falling resolution.

    The map of a resolution is that of the least nested module with it, and of the last such one: a whole block rather
    than a branch inside it. Maps of one pixel have no places to compare.
    """
    best: dict[int, tuple[int, Stage]] = {}
    for name, shape in _maps_by_module(network, frame_size):
        stage = _stage(name, shape)
        depth = name.count(".")
        if stage and stage.size > 1 and (stage.size not in best or depth <= best[stage.size][0]):
            best[stage.size] = (depth, stage)
    stages: list[Stage] = []
    for size in sorted(best):
        if not stages or size >= _NEXT_STAGE * stages[-1].size:
            stages.append(best[size][1])
    return stages[::-1]


def pair_stages(student: nn.Module, teacher: nn.Module, frame_size: int) -> list[Pair]:
    """Stages of like resolution, at most the last four, by falling resolution.

    Raises EdgeboardError where there is none.
    """
    students, teachers = find_stages(student, frame_size), find_stages(teacher, frame_size)
    pairs: list[Pair] = []
    free = list(teachers)
    for stage in reversed(students):
        near = min(free, key=lambda other: abs(math.log(other.size / stage.size)), default=None)
        if near and 1 / _LIKE_RESOLUTION < near.size / stage.size < _LIKE_RESOLUTION:
            pairs.append(Pair(stage, near))
            free.remove(near)
    if not pairs:
        raise EdgeboardError(
            "Teacher and student have no maps of like resolution that could be compared",
            where="compress.distill.features",
            value=f"student: {_sizes(students)}; teacher: {_sizes(teachers)}",
            mend="use features: none, another teacher, or a larger frame_size",
        )
    return pairs[:_MOST_PAIRS][::-1]


class MapRecorder:
    """Keeps the outputs of named modules from the last forward pass. A context: afterwards no hook is left."""

    def __init__(self, network: nn.Module, stages: Sequence[Stage]) -> None:
        self._network = network
        self._stages = stages
        self._maps: dict[str, Tensor] = {}

    def __enter__(self) -> MapRecorder:
        self._hooks = [self._record(stage) for stage in self._stages]
        return self

    def __exit__(self, *_error: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._maps.clear()

    def take(self) -> list[Tensor]:
        """The maps `[N, C, H, W]`, in the order of the stages; they are not kept any longer."""
        return [self._maps.pop(stage.name) for stage in self._stages]

    def _record(self, stage: Stage) -> Any:
        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._maps[stage.name] = output.permute(0, 3, 1, 2) if stage.channels_last else output

        return self._network.get_submodule(stage.name).register_forward_hook(keep)


def _maps_by_module(network: nn.Module, frame_size: int) -> list[tuple[str, torch.Size]]:
    """Shapes of the 4-dimensional outputs, in the order in which modules finish; modules that run once."""
    seen: list[tuple[str, torch.Size]] = []

    def note_as(name: str) -> Any:
        def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4:
                seen.append((name, output.shape))

        return note

    # An adaptive pool can make a map larger again: it is the entrance of the head, not the end of a stage. A bare
    # convolution is no activation yet; where nothing else has a map, as in a Vision Transformer, it only cuts patches.
    hooks = [
        module.register_forward_hook(note_as(name))
        for name, module in network.named_modules()
        if name and not isinstance(module, nn.AdaptiveAvgPool2d | nn.Conv2d)
    ]
    was_training = network.training
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            network.eval()(blank_frames(network, frame_size, device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    runs = Counter(name for name, _ in seen)
    return [(name, shape) for name, shape in seen if runs[name] == 1]


def _stage(name: str, shape: torch.Size) -> Stage | None:
    """Frames are square, and so are their maps; by that the channels of a Swin Transformer are told to be last."""
    _, second, third, last = shape
    if third == last:
        return Stage(name, second, last, channels_last=False)
    return Stage(name, last, third, channels_last=True) if second == third else None


def _sizes(stages: Sequence[Stage]) -> str:
    return ", ".join(f"{stage.size}x{stage.size}" for stage in stages) or "none"
