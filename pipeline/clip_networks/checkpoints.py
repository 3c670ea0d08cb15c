"""Weights of clip networks that come from elsewhere: from mmaction2's own trainings, from other shifts and frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

# In mmaction2's TimeSformer: for the class token and for every patch of a frame.
_POSITIONS = "backbone.pos_embed"
# What a TemporalShift saves beside the weights.
_EXTRA_STATE = "_extra_state"

# What the log of a training is made of. mmengine keeps it in its checkpoints, numpy arrays and functions included.
_OF_A_LOG = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    "builtins.getattr",
    "numpy.ndarray",
    "numpy.dtype",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
)


class _Nothing:
    """Stands for everything in a log, so that reading a file runs none of what it names."""

    def __init__(self, *_arguments: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass


@contextmanager
def logs_as_nothing() -> Iterator[None]:
    """Inside, torch.load with weights_only reads a checkpoint that mmengine's runner wrote, but for its log.

    Otherwise it refuses the file for that, https://github.com/open-mmlab/mmengine/issues/1655.
    """
    with torch.serialization.safe_globals([(_Nothing, name) for name in _OF_A_LOG]):
        yield


def clip_weights(own: dict[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` as weights for the network whose state is `own`.

    Without the counts of the temporal shifts: train.<task>.shift decides them.
    """
    weights = {name: tensor for name, tensor in state.items() if not name.endswith(_EXTRA_STATE)}
    return with_positions_of(own, weights)


def with_positions_of(own: dict[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` for the network whose state is `own`, which sees frames of another size.

    Only a transformer's differs: what was learnt of the positions of patches is interpolated, as Dosovitskiy et al.
    2021 do (arXiv:2010.11929, section 3.2).
    """
    if not (is_of_one_frame_size(own) and is_of_one_frame_size(state)):
        return state
    return state | {_POSITIONS: _interpolated(state[_POSITIONS], own[_POSITIONS])}


def is_of_one_frame_size(own: dict[str, Tensor]) -> bool:
    """Whether the network with this state sees frames of one size only, but for a detector."""
    return _POSITIONS in own


def weight_names(own: dict[str, Tensor]) -> list[str]:
    """Of all in a state that is a weight, or a statistic of one."""
    return [name for name in own if not name.endswith((_EXTRA_STATE, "num_batches_tracked"))]


def _interpolated(positions_1pd: Tensor, own_1pd: Tensor) -> Tensor:
    """`[1, 1 + P, D]` of a square of P patches, as many as `own_1pd` has; as they are where that cannot be."""
    n_old, n_new = positions_1pd.shape[1] - 1, own_1pd.shape[1] - 1
    old, new = math.isqrt(n_old), math.isqrt(n_new)
    if n_old == n_new or old**2 != n_old or positions_1pd.shape[2] != own_1pd.shape[2]:
        return positions_1pd
    of_class, of_patches = positions_1pd[:, :1], positions_1pd[:, 1:]
    grid = of_patches.transpose(1, 2).unflatten(2, (old, old))
    resized = interpolate(grid, (new, new), mode="bicubic", align_corners=False)
    return torch.cat([of_class, resized.flatten(2).transpose(1, 2)], dim=1)
