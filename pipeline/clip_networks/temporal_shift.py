"""The temporal shift: some channels of a frame's map come from the frame before it, some from the frame after it.

Method: Lin et al., TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019 (arXiv:1811.08383); with
the past alone it is their online form, which a stream of single frames can follow. In place of mmaction2's own, which
takes the counts anew as a fraction of the width that it finds: in a pruned network other channels would move then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

# Where a frame looks, `causal`: to the past alone.
Shift = Literal["causal", "both"]
# Of a map's channels that come from another frame, in each direction: 1 / 8, as Lin et al. have it.
SHIFT_DIVISOR = 8


class TemporalShift(nn.Module):
    """`[N * T, C, H, W]` of N clips of `clip_frames` T to the same shape; what lies before or behind a clip is zero.

    The first n_future channels come from the next frame, the next n_past from the one before, the others stay: the
    order of mmaction2 and, without a future, of the online form of Lin et al., so that their weights fit.
    The counts are no weights, but they belong to the state of the network: pruning changes them.
    """

    def __init__(self, clip_frames: int, n_past: int, n_future: int = 0) -> None:
        super().__init__()
        self.clip_frames = clip_frames
        self.n_past = n_past
        self.n_future = n_future
        self._is_traced = False

    def forward(self, frames_nchw: Tensor) -> Tensor:
        if self._is_traced:
            return frames_nchw * 1  # an operation of its own, for the trace knows a module by the operation it ends in
        n_shifted = self.n_future + self.n_past
        if not n_shifted:
            return frames_nchw
        # An exported file has exactly one clip: its frames are a clip already, and no reshape is left in it.
        is_one_clip = torch.onnx.is_in_onnx_export()
        clips = frames_nchw if is_one_clip else frames_nchw.unflatten(0, (-1, self.clip_frames))
        time, channel = -4, -3
        parts = []
        if self.n_future:
            future = clips.narrow(channel, 0, self.n_future)
            nothing = torch.zeros_like(future.narrow(time, 0, 1))
            parts.append(torch.cat([future.narrow(time, 1, self.clip_frames - 1), nothing], time))
        if self.n_past:
            past = clips.narrow(channel, self.n_future, self.n_past)
            nothing = torch.zeros_like(past.narrow(time, 0, 1))
            parts.append(torch.cat([nothing, past.narrow(time, 0, self.clip_frames - 1)], time))
        parts.append(clips[..., n_shifted:, :, :])
        shifted = torch.cat(parts, channel)
        return shifted if is_one_clip else shifted.flatten(0, 1)

    def lose_channels(self, places: Sequence[int]) -> None:
        """Take these channels of the map away; those that stay keep their direction."""
        n_shifted = self.n_future + self.n_past
        lost_future = sum(place < self.n_future for place in places)
        self.n_past -= sum(place < n_shifted for place in places) - lost_future
        self.n_future -= lost_future

    def get_extra_state(self) -> Tensor:
        return torch.tensor([self.n_past, self.n_future])

    def set_extra_state(self, state: Any) -> None:
        self.n_past, self.n_future = (int(count) for count in state)

    def extra_repr(self) -> str:
        return f"clip_frames={self.clip_frames}, n_past={self.n_past}, n_future={self.n_future}"


class Shifted(nn.Module):
    """A layer that reads shifted maps. The layer is called `net`, as in mmaction2, whose weights fit by that."""

    def __init__(self, net: nn.Module, width: int, clip_frames: int, shift: Shift) -> None:
        """width: of the maps."""
        super().__init__()
        fold = width // SHIFT_DIVISOR
        self.shift = TemporalShift(clip_frames, fold, fold if shift == "both" else 0)
        self.net = net

    def forward(self, frames_nchw: Tensor) -> Tensor:
        maps: Tensor = self.net(self.shift(frames_nchw))
        return maps


def shifts_of(network: nn.Module) -> dict[str, TemporalShift]:
    return {name: module for name, module in network.named_modules() if isinstance(module, TemporalShift)}


@contextmanager
def shifts_as_identity(network: nn.Module) -> Iterator[None]:
    """Inside, no map is shifted: for what traces dependencies between channels, whose places a shift leaves alone."""
    shifts = shifts_of(network).values()
    for shift in shifts:
        shift._is_traced = True
    try:
        yield
    finally:
        for shift in shifts:
            shift._is_traced = False
