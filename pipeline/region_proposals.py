"""The two stages of Faster R-CNN as a graph of fixed shapes and plain operators, on torchvision's layers and weights.

Faster R-CNN: Ren et al. 2015 (arXiv:1506.01497), with a feature pyramid: Lin et al. 2017 (arXiv:1612.03144). The
library's own graph has as many proposals as its suppression leaves, goes over them one by one, and aligns regions by
an operator that TensorRT has as a plugin, or not at all. Here suppression marks proposals instead of removing them,
a fixed number of the best goes on, and regions are aligned by products of matrices.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

# Of each level of the pyramid so many anchors go into the suppression, and so many proposals of all levels go on.
# torchvision's numbers for frames of 320 px are 150 and 150, for those of 800 px 1000 and 1000.
PER_LEVEL = 300
PROPOSALS = 150
# A chain in which each box would suppress the next may be so long and is still resolved exactly.
_ROUNDS = 8
# torchvision's own limits: of a delta of a side, and of the sides of a proposal in pixels.
_LARGEST_LOG_SCALE = math.log(1000.0 / 16)
_SMALLEST_SIDE = 1e-3
# Areas are compared in a unit in which no frame is longer than this: half precision ends at 65504. Halving is exact.
_LONGEST = 128
# Logits have some ten; far enough below all of them, and within half precision.
_LAST = -1e4


class Proposals(NamedTuple):
    """boxes_nk4: xyxy in pixels, zeros where there is none; there_nk: 1 or 0, whether there is one. Best first."""

    boxes_nk4: Tensor
    there_nk: Tensor


class ProposalStage(nn.Module):
    """The best PROPOSALS of a region proposal network, or as many as there are anchors to choose from.

    No gradient goes through them, as in the paper.
    """

    later_kk: Tensor
    anchors_a4: Tensor

    def __init__(self, anchors_a4: Tensor, per_level: list[int], most_iou: float, frame_size: int) -> None:
        """anchors_a4: xyxy in pixels, so many `per_level`. most_iou: of two that overlap by more, one stays."""
        super().__init__()
        self._per_level = per_level
        self._frame_size = frame_size
        self._unit = unit_of(frame_size)
        self._most_iou = most_iou
        self.n = min(PROPOSALS, sum(min(PER_LEVEL, n) for n in per_level))
        self.register_buffer("anchors_a4", anchors_a4, persistent=False)
        self.register_buffer("later_kk", torch.ones(PER_LEVEL, PER_LEVEL).triu(diagonal=1), persistent=False)

    def forward(self, objectness: list[Tensor], deltas: list[Tensor]) -> Proposals:
        """Of each level the logits `[N, a, H, W]` and the box numbers `[N, 4 a, H, W]` of a anchors at each place."""
        boxes, scores = [], []
        levels = zip(objectness, deltas, self.anchors_a4.split(self._per_level), self._per_level, strict=True)
        for logits, numbers, anchors_a4, n in levels:
            best_nk, places_nk = _in_order_of_anchors(logits).topk(min(PER_LEVEL, n), dim=1)
            chosen_nk4 = _rows_at(_in_order_of_anchors(numbers).reshape(numbers.shape[0], n, 4), places_nk)
            boxes_nk4 = decode(chosen_nk4, anchors_a4[places_nk]).clamp(0, self._frame_size)
            there_nk = _has_area(boxes_nk4) * unsuppressed(boxes_nk4 * self._unit, self._most_iou, self.later_kk)
            boxes.append(boxes_nk4 * there_nk[..., None])
            scores.append(best_nk * there_nk + _LAST * (1 - there_nk))
        best_nk, places_nk = torch.cat(scores, dim=1).topk(self.n, dim=1)
        return Proposals(_rows_at(torch.cat(boxes, dim=1), places_nk), (best_nk > _LAST / 2).float())


class RegionPool(nn.Module):
    """What a torchvision MultiScaleRoIAlign gives, of equally many boxes in each frame.

    RoIAlign (He et al. 2017, arXiv:1703.06870) samples a region bilinearly at the crossings of a grid and takes means:
    a product with a matrix from the left, for the rows, and one from the right, for the columns. Each box is aligned
    at all levels of the pyramid, and its matrices are zero at all but its own.
    """

    steps_s: Tensor

    def __init__(self, pool: Any, maps: dict[str, Tensor], frame_size: int) -> None:
        """maps: those of any frame of that size; the library finds out the scales of the levels by itself."""
        super().__init__()
        pool(maps, [torch.tensor([[0.0, 0.0, 1.0, 1.0]])], [(frame_size, frame_size)])
        mapper, (self.side, _) = pool.map_levels, pool.output_size
        n_levels = mapper.k_max - mapper.k_min + 1  # of two levels of one scale only the first is ever taken
        names = [name for name in maps if name in pool.featmap_names][:n_levels]
        first_sides = [mapper.s0 * 2 ** (mapper.k_min + i - mapper.lvl0 - mapper.eps) for i in range(1, n_levels)]
        self._unit = unit_of(frame_size)
        self._first_areas = [(side * self._unit) ** 2 for side in first_sides]
        self._levels = [(name, scale, maps[name].shape[2]) for name, scale in zip(names, pool.scales, strict=False)]
        self._per_row = pool.sampling_ratio
        n_steps = self.side * self._per_row
        self.register_buffer("steps_s", (torch.arange(n_steps) + 0.5) / n_steps, persistent=False)
        for name, _, size in self._levels:
            self.register_buffer(f"places_{name}", torch.arange(float(size)), persistent=False)

    def forward(self, maps: dict[str, Tensor], boxes_nk4: Tensor) -> Tensor:
        """`[N * K, C, 7, 7]` of the boxes, xyxy in pixels of the frame."""
        # Frame by frame: of a batch, what lies between the two products would take gigabytes.
        frames = zip(*(maps[name].float().unbind() for name, _, _ in self._levels), strict=True)
        return torch.cat([self._of_frame(*both) for both in zip(frames, boxes_nk4.unbind(), strict=True)])

    def _of_frame(self, maps_chw: tuple[Tensor, ...], boxes_k4: Tensor) -> Tensor:
        areas_k = _area(boxes_k4 * self._unit)
        # Larger boxes are looked at in coarser maps.
        reached = [torch.ones_like(areas_k), *((areas_k >= least).float() for least in self._first_areas)]
        shares = [*(a - b for a, b in itertools.pairwise(reached)), reached[-1]]
        regions = [
            self._regions(map_chw, boxes_k4 * scale, getattr(self, f"places_{name}"), share_k)
            for map_chw, (name, scale, _), share_k in zip(maps_chw, self._levels, shares, strict=True)
        ]
        return torch.stack(regions).sum(0) if len(regions) > 1 else regions[0]

    def _regions(self, map_chw: Tensor, boxes_k4: Tensor, places_h: Tensor, share_k: Tensor) -> Tensor:
        rows_kph = self._averages(boxes_k4[:, 1], boxes_k4[:, 3], places_h) * share_k[:, None, None]
        columns_kqw = self._averages(boxes_k4[:, 0], boxes_k4[:, 2], places_h)
        channels, _, size = map_chw.shape
        narrow = torch.matmul(rows_kph.flatten(0, 1), map_chw.permute(1, 0, 2).flatten(1))
        found = torch.matmul(narrow.reshape(-1, self.side * channels, size), columns_kqw.transpose(1, 2))
        return found.reshape(-1, self.side, channels, self.side).permute(0, 2, 1, 3)

    def _averages(self, start_k: Tensor, end_k: Tensor, places_h: Tensor) -> Tensor:
        """`[K, 7, H]`: how much of each row of the map each row of the region is made of."""
        n_places = places_h.shape[0]
        length_k = (end_k - start_k).clamp(min=1)
        at_ks = start_k[:, None] + length_k[:, None] * self.steps_s
        inside_ks = (at_ks <= n_places).float()
        hats_ksh = (1 - (at_ks.clamp(0, n_places - 1)[..., None] - places_h).abs()).clamp(min=0) * inside_ks[..., None]
        # unflatten would leave Mod in the exported graph, which TensorRT 8.2 has not.
        return hats_ksh.reshape(-1, self.side, self._per_row, n_places).mean(2)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """`[..., 4]` deltas at their anchors to xyxy (Girshick et al. 2014, arXiv:1311.2524, appendix C)."""
    sizes = anchors[..., 2:] - anchors[..., :2]
    centres = anchors[..., :2] + sizes * (deltas[..., :2] + 0.5)
    half = 0.5 * sizes * deltas[..., 2:].clamp(max=_LARGEST_LOG_SCALE).exp()
    return torch.cat([centres - half, centres + half], dim=-1)


def unsuppressed(boxes_nk4: Tensor, most_iou: float, later_kk: Tensor) -> Tensor:
    """`[N, K]`, 1 or 0: which of the boxes, best first, non-maximum suppression leaves.

    Cluster-NMS (Zheng et al. 2020, arXiv:2005.03572): all boxes at once, again and again; after so many rounds as the
    longest chain of suppression has boxes it is the suppression of one after the other. later_kk: 1 above the diagonal.
    """
    low = torch.maximum(boxes_nk4[:, :, None, :2], boxes_nk4[:, None, :, :2])
    high = torch.minimum(boxes_nk4[:, :, None, 2:], boxes_nk4[:, None, :, 2:])
    sides = (high - low).clamp(min=0)
    overlap_nkk = sides[..., 0] * sides[..., 1]
    areas_nk = _area(boxes_nk4)
    union_nkk = areas_nk[:, :, None] + areas_nk[:, None, :] - overlap_nkk
    k = boxes_nk4.shape[1]
    beats_nkk = (overlap_nkk > most_iou * union_nkk).float() * later_kk[:k, :k]
    kept_nk = torch.ones_like(areas_nk)
    for _ in range(_ROUNDS):
        kept_nk = 1 - (kept_nk[:, :, None] * beats_nkk).amax(dim=1)
    return kept_nk


def _in_order_of_anchors(map_nchw: Tensor) -> Tensor:
    return map_nchw.detach().float().permute(0, 2, 3, 1).flatten(1)


def _rows_at(rows_na4: Tensor, places_nk: Tensor) -> Tensor:
    return rows_na4.gather(1, torch.stack([places_nk] * 4, dim=2))


def unit_of(frame_size: int) -> float:
    """What pixels of a frame are multiplied by before areas are worked out: a power of a half, 1 for small frames."""
    return 0.5 ** max(0, math.ceil(math.log2(frame_size / _LONGEST)))


def _area(boxes: Tensor) -> Tensor:
    sides = boxes[..., 2:] - boxes[..., :2]
    return sides[..., 0] * sides[..., 1]


def _has_area(boxes_nk4: Tensor) -> Tensor:
    sides = boxes_nk4[..., 2:] - boxes_nk4[..., :2]
    return (sides.amin(dim=-1) >= _SMALLEST_SIDE).float()
