"""Batches of clips: other moments every epoch, all frames of a clip alike, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pipeline.data.clips.sampling import ClipSampling
from pipeline.data.frames import Frames
from pipeline.data.loading import EveryMoment
from pipeline.training.batches import plain_batches
from pipeline.training.clip_batches import AugmentedClips, training_batches

L, T, S = 12, 4, 16


def clips(n: int = 5) -> Frames:
    """Every frame is of one grey, by which it is known; every clip stands still but for that."""
    greys = (20 * np.arange(L, dtype=np.uint8))[None, :, None, None, None]
    frames = np.broadcast_to(greys, (n, L, S, S, 3)).copy()
    return Frames(frames, np.arange(n) % 2, [Path(f"{i}.jpg") for i in range(n)], ["a", "b"])


def test_shapes_and_an_incomplete_batch() -> None:
    batches = [(x.shape, y.tolist()) for x, y in training_batches(clips(), T, 2, seed=0)]
    assert [shape for shape, _ in batches] == [(2, T, 3, S, S), (2, T, 3, S, S)], "a batch of one has no statistics"
    plain, labels = next(iter(plain_batches(clips().at_moments(np.array([0, 3, 6, 9])), 8)))
    assert plain.shape == (5, T, 3, S, S)
    assert labels.tolist() == [0, 1, 0, 1, 0]


def test_the_same_seed_gives_the_same_and_another_epoch_another() -> None:
    first, again, other = (
        torch.cat([x for x, _ in training_batches(clips(4), T, 2, seed=3, first_epoch=epoch)]) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_moments_are_in_order_one_of_each_segment() -> None:
    dataset = AugmentedClips(clips(1), T)
    seen = set()
    for seed in range(40):
        means = dataset[0, seed][0].mean((1, 2, 3))
        assert (means.diff() > 0).all(), "brighter with time, whatever light the augmentation gives"
        seen.add(tuple(means.sort().indices.tolist()))
    assert seen == {tuple(range(T))}


def test_moments_are_as_the_data_say() -> None:
    dataset = AugmentedClips(EveryMoment(**vars(clips(1)), sampling=ClipSampling("dense", 2)), T)
    dataset._augment = torch.nn.Identity()  # type: ignore[assignment]
    # Before it is lit otherwise, the grey of a frame tells which one it is.
    places = np.array([dataset[0, seed][0][:, 0, 0, 0].numpy() // 20 for seed in range(60)])
    assert (np.diff(places, axis=1) == 2).all()
    assert set(places[:, 0].tolist()) == {0, 1, 2, 3, 4, 5}


def test_all_frames_of_a_clip_are_cropped_and_lit_alike() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (1, 1, S, S, 3), dtype=np.uint8).repeat(L, axis=1)
    still = Frames(frames, np.zeros(1, np.int64), [Path("0.jpg")], ["a"])
    for seed in range(10):
        clip, _ = AugmentedClips(still, T)[0, seed]
        assert torch.equal(clip, clip[:1].expand_as(clip)), seed
