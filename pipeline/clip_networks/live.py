"""The live form of a network of clips: one frame in, one answer out, and what the frame before left behind.

Method: the online form of Lin et al., TSM, ICCV 2019 (arXiv:1811.08383): where a clip's shift takes channels from the
frame before, the live form takes them from a cache that it filled when it saw that frame. Each frame is computed once.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.clip_networks.difference import FrameDifference
from pipeline.clip_networks.networks import FrameNetwork
from pipeline.clip_networks.temporal_shift import TemporalShift, shifts_of
from pipeline.errors import EdgeboardError


class LiveNetwork(nn.Module):
    """A frame `[1, 3, S, S]` and K caches to its logits `[1, C]` and the K caches for the next frame.

    cache_shapes: `(1, channels, H, W)` of each, in the order in which frames meet them; before the first frame all are
    zero, but those that start as the first frame itself, for which starts_as_frame is True. From there on, the mean
    over the first T logits is the answer of the clip form to those T frames.
    """

    def __init__(self, network: FrameNetwork, frame_size: int) -> None:
        super().__init__()
        is_difference = isinstance(network.entrance, FrameDifference)
        self.entrance = _CachedDifference() if is_difference else nn.Identity()
        # The parts keep their names, so that layers have those of the clip form in an exported file.
        self.backbone = copy.deepcopy(network.backbone)
        head: Any = copy.deepcopy(network.cls_head)
        head.num_segments = 1  # of a TSMHead; a TSNHead is told at each call
        self.cls_head = head
        self.clip_frames = network.clip_frames
        for name, shift in shifts_of(self).items():
            # Pruning may have left a layer without a channel from the past.
            self.set_submodule(name, _CachedShift(shift) if shift.n_past else nn.Identity())
        self.eval()
        with torch.no_grad():
            caches = self._run(torch.zeros(1, 3, frame_size, frame_size), None)[1:]
        self.cache_shapes = [tuple(cache.shape) for cache in caches]
        self.starts_as_frame = [isinstance(module, _CachedDifference) for module in self._cached()]

    def forward(self, frame_1chw: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        return self._run(frame_1chw, caches)

    def _run(self, frame_1chw: Tensor, caches: Any) -> tuple[Tensor, ...]:
        cached = self._cached()
        for place, module in enumerate(cached):
            module.before = None if caches is None else caches[place]
        logits = self.cls_head(self.backbone(self.entrance(frame_1chw)), 1)
        return logits, *(module.now for module in cached)

    def _cached(self) -> list[_Cached]:
        """In the order of the modules, which is that in which they run."""
        return [module for module in self.modules() if isinstance(module, _Cached)]


class _Cached(nn.Module):
    """before: what the frame before left behind; now: what this one leaves."""

    before: Tensor | None
    now: Tensor


class _CachedDifference(_Cached):
    def forward(self, frame_1chw: Tensor) -> Tensor:
        self.now = frame_1chw
        return frame_1chw - (frame_1chw if self.before is None else self.before)


class _CachedShift(_Cached):
    def __init__(self, shift: TemporalShift) -> None:
        super().__init__()
        self._n_past = shift.n_past

    def forward(self, frame_1chw: Tensor) -> Tensor:
        n = self._n_past
        self.now = frame_1chw[:, :n]
        before = torch.zeros_like(self.now) if self.before is None else self.before
        return torch.cat([before, frame_1chw[:, n:]], dim=1)


def has_live_form(network: nn.Module) -> bool:
    """Whether each frame can be judged before the next has come."""
    return isinstance(network, FrameNetwork) and not any(shift.n_future for shift in shifts_of(network).values())


def live_form(network: nn.Module, frame_size: int) -> LiveNetwork:
    """A copy of `network`, in eval mode, that sees one frame of frame_size pixels at a time.

    Raises EdgeboardError where no frame can be judged before the next has come: with a shift from both sides, and with
    convolutions or attention over time.
    """
    if not isinstance(network, FrameNetwork):
        raise EdgeboardError(
            "The architecture has no live form, for it looks at all frames of a clip at once",
            value=type(network).__name__,
            allowed="tsm_* with a causal shift, tsn_*",
            mend="choose another train.<task>.architecture",
        )
    if any(shift.n_future for shift in shifts_of(network).values()):
        raise EdgeboardError(
            "The network looks at the next frame, which a live stream does not have yet",
            value="shift: both",
            allowed="shift: causal",
            mend="train with train.<task>.shift: causal",
        )
    return LiveNetwork(network, frame_size)
