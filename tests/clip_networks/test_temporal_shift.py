"""Which channel comes from which frame, also when some of them are gone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.clip_networks.temporal_shift import Shift, Shifted, TemporalShift, shifts_as_identity


def numbered(clips: int, frames: int, channels: int) -> torch.Tensor:
    """`[clips * frames, channels, 1, 1]`: 100 * clip + 10 * frame + channel + 1, so that zero is nobody's number."""
    clip, frame, channel = torch.meshgrid(*map(torch.arange, (clips, frames, channels)), indexing="ij")
    return (100 * clip + 10 * frame + channel + 1).float().flatten(0, 1)[..., None, None]


@pytest.mark.parametrize(
    ("n_past", "n_future", "expected"),
    [
        (0, 0, [[1, 2, 3], [11, 12, 13], [21, 22, 23]]),
        (1, 0, [[0, 2, 3], [1, 12, 13], [11, 22, 23]]),
        (0, 1, [[11, 2, 3], [21, 12, 13], [0, 22, 23]]),
        (1, 1, [[11, 0, 3], [21, 2, 13], [0, 12, 23]]),
        (3, 0, [[0, 0, 0], [1, 2, 3], [11, 12, 13]]),
        (0, 3, [[11, 12, 13], [21, 22, 23], [0, 0, 0]]),
    ],
)
def test_channels_come_from_their_frame(n_past: int, n_future: int, expected: list[list[int]]) -> None:
    shifted = TemporalShift(3, n_past, n_future)(numbered(1, 3, 3))
    assert shifted[..., 0, 0].tolist() == expected


def test_clips_of_a_batch_do_not_see_each_other() -> None:
    both = TemporalShift(2, 1, 1)(numbered(2, 2, 3))
    assert both[..., 0, 0].tolist() == [[11, 0, 3], [0, 2, 13], [111, 0, 103], [0, 102, 113]]


@pytest.mark.parametrize("clip_frames", [1, 2, 8])
def test_both_directions_are_the_shift_of_mmaction2(clip_frames: int) -> None:
    from pipeline.clip_networks.mmaction_parts import build_part

    build_part({"type": "TSNHead", "num_classes": 2, "in_channels": 2})  # from here on mmaction2 can be imported
    from mmaction.models.backbones.resnet_tsm import TemporalShift as Theirs

    frames = torch.randn(2 * clip_frames, 24, 3, 3)
    ours = Shifted(nn.Identity(), 24, clip_frames, "both")(frames)
    assert torch.equal(ours, Theirs.shift(frames, clip_frames, shift_div=8))


@pytest.mark.parametrize(("shift", "counts"), [("causal", (3, 0)), ("both", (3, 3))])
def test_an_eighth_of_the_channels_moves_in_each_direction(shift: Shift, counts: tuple[int, int]) -> None:
    made = Shifted(nn.Identity(), 24, 4, shift).shift
    assert (made.n_past, made.n_future) == counts


@pytest.mark.parametrize(
    ("lost", "counts"),
    [
        ([], (3, 2)),
        ([0], (3, 1)),  # the future comes first
        ([2], (2, 2)),
        ([5, 6, 7], (3, 2)),
        ([0, 1, 2, 3, 4], (0, 0)),
        ([7, 4, 1], (2, 1)),
    ],
)
def test_kept_channels_keep_their_direction(lost: list[int], counts: tuple[int, int]) -> None:
    frames = torch.randn(4, 8, 2, 2)
    shift = TemporalShift(4, n_past=3, n_future=2)
    kept = [place for place in range(8) if place not in lost]
    expected = shift(frames)[:, kept]
    shift.lose_channels(lost)
    assert (shift.n_past, shift.n_future) == counts
    assert torch.equal(shift(frames[:, kept]), expected)


def test_the_counts_are_saved_with_the_weights() -> None:
    made, fresh = (Shifted(nn.Conv2d(16, 2, 1), 16, 4, "both") for _ in range(2))
    made.shift.lose_channels([0, 3])
    fresh.load_state_dict(made.state_dict())
    assert (fresh.shift.n_past, fresh.shift.n_future) == (1, 1)
    assert not list(made.shift.parameters()), "nothing that training could change, or that counts as a weight"


def test_inside_the_trace_nothing_moves_and_afterwards_it_does_again() -> None:
    shift = TemporalShift(2, 1, 1)
    frames = torch.randn(2, 4, 2, 2)
    with shifts_as_identity(shift):
        assert torch.equal(shift(frames), frames)
    assert not torch.equal(shift(frames), frames)
