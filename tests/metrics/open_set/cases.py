"""Similarities with known answers, and random ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.metrics.open_set.probes import Probes


def probes(
    scores: Sequence[Sequence[float]] | np.ndarray, labels: Sequence[int], recordings: Sequence[str] | None = None
) -> Probes:
    """Person c of the gallery is called "c", every stranger's face is another person."""
    persons = [str(label) if label >= 0 else f"stranger {i}" for i, label in enumerate(labels)]
    names = [f"recording {i}" for i in range(len(labels))] if recordings is None else recordings
    table = np.asarray(scores, dtype=np.float64)
    return Probes(table, np.asarray(labels, dtype=np.int64), tuple(persons), tuple(names))


def random_probes(
    seed: int,
    n_people: int = 5,
    n_known: int = 60,
    n_strangers: int = 40,
    *,
    shift: float = 1.5,
    spread: float = 0.0,
    per_recording: int = 4,
    steps: int | None = None,
) -> Probes:
    """Normal scores: own ones are higher by `shift`; `spread` is what the faces of a recording share.

    steps: scores are rounded to so many per unit, which makes ties.
    """
    generator = np.random.default_rng(seed)
    n = n_known + n_strangers
    labels = np.r_[np.arange(n_known) // per_recording % n_people, np.full(n_strangers, -1)]
    group = np.arange(n) // per_recording
    shared = generator.normal(size=(group.max() + 1, n_people))[group]
    scores = generator.normal(size=(n, n_people)) * np.sqrt(1 - spread) + shared * np.sqrt(spread)
    scores += shift * (labels[:, None] == np.arange(n_people))
    if steps:
        scores = np.round(scores * steps) / steps
    persons = [str(label) if label >= 0 else f"stranger {g}" for label, g in zip(labels, group, strict=True)]
    return Probes(scores, labels, tuple(persons), tuple(f"recording {g}" for g in group))


PERFECT = probes([[0.9, 0.1], [0.2, 0.8], [0.9, 0.3], [0.1, 0.2], [0.3, 0.3]], [0, 1, 0, -1, -1])
COLLAPSED = probes(np.full((5, 2), 0.5), [0, 1, 0, -1, -1])
REVERSED = probes([[0.1, 0.9], [0.8, 0.2]], [0, 1])
