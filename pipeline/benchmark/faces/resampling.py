"""Which faces a resampled test set has: whole recordings of the known people, and whole strangers."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.resampled import interval
from pipeline.benchmark.statistics import Estimate, wilson
from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.probes import Probes

_BLOCK_ELEMENTS = 4_000_000  # bounds the memory at some 100 MB however many faces there are


@dataclass(frozen=True)
class ProbeResampling:
    """The same resamples for whatever is measured with an equal one.

    known_group, stranger_group: for each face the number of the group it is drawn with, -1 where it is of the other
    kind. Faces of one recording look alike, and a stranger is alike to somebody in all recordings of him: drawn one by
    one they would claim intervals that are too narrow. Known people stay: they are the gallery's, and what varies is
    how they were recorded; strangers stand for all strangers. Both kinds are drawn apart, so that every resample has as
    many groups of each as the test split: a stratified cluster bootstrap (Davison and Hinkley 1997, Bootstrap Methods
    and their Application, sections 3.2 and 3.8).
    """

    seed: int
    resamples: int
    known_group: tuple[int, ...]
    stranger_group: tuple[int, ...]

    @classmethod
    def over(cls, probes: Probes, seed: int, resamples: int) -> ProbeResampling:
        """Raises EdgeboardError for no resamples."""
        if resamples < 1:
            raise EdgeboardError("A bootstrap needs resamples", value=resamples, allowed="1 or more")
        is_known = probes.is_known
        recordings = list(zip(probes.persons, probes.recordings, strict=True))
        return cls(seed, resamples, _numbered(recordings, is_known), _numbered(probes.persons, ~is_known))

    @property
    def n_known_groups(self) -> int:
        return max(self.known_group, default=-1) + 1

    @property
    def n_stranger_groups(self) -> int:
        return max(self.stranger_group, default=-1) + 1

    def weights(self, widest: int = 1) -> Iterator[NDArray[np.int64]]:
        """How often each face is there, `[b, N]` by blocks of resamples; the blocks' size changes no number.

        widest: how many columns the caller makes of them.
        """
        kinds = [
            (np.random.default_rng([self.seed, kind]), np.array(groups), n_groups)
            for kind, (groups, n_groups) in enumerate(
                ((self.known_group, self.n_known_groups), (self.stranger_group, self.n_stranger_groups))
            )
        ]
        block = max(1, _BLOCK_ELEMENTS // max(len(self.known_group), widest, 1))
        for start in range(0, self.resamples, block):
            size = min(block, self.resamples - start)
            weights = np.zeros((size, len(self.known_group)), dtype=np.int64)
            for generator, groups, n_groups in kinds:
                if n_groups:
                    drawn = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=size)
                    weights[:, groups >= 0] = drawn[:, groups[groups >= 0]]
            yield weights


def share_interval(value: float, resampled: NDArray[np.float64], n_groups: int) -> Estimate:
    """The percentile interval of a share in [0, 1], `[resamples]` resampled.

    Where no resample differs, since there is no mistake at all, the bootstrap would claim to know it exactly. Then it
    is Wilson's interval of so many trials as there are independent groups: n_groups.
    """
    known = resampled[~np.isnan(resampled)]
    if n_groups > 1 and known.size and np.ptp(known) == 0:
        of_groups = wilson(round(value * n_groups), n_groups)
        return Estimate(value, min(value, of_groups.low), max(value, of_groups.high))
    return interval(value, resampled, (0.0, 1.0), n_groups)


def _numbered(keys: Sequence[Hashable], is_in: NDArray[np.bool_]) -> tuple[int, ...]:
    numbers: dict[Hashable, int] = {}
    return tuple(
        numbers.setdefault(key, len(numbers)) if inside else -1 for key, inside in zip(keys, is_in, strict=True)
    )
