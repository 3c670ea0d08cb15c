"""How well faces are recognised and strangers refused: shares in [0, 1], each with its 95 % interval.

    top1                          known faces nearest to their own person, no threshold (closed set)
    tar_at_far_1_percent, …       genuine pairs accepted where at most that share of impostor pairs is; the threshold
                                  is chosen on the very pairs, as is usual for a receiver operating characteristic
    eer                           equal error rate over the same pairs
    dir                           known faces accepted under the right name, at the shipped threshold
    fpir                          strangers' faces taken for anybody, at the shipped threshold
    rank1_with_unknowns           all faces decided rightly at it: the right name, or "unknown" for strangers
    rank1_with_unknowns_balanced  the mean of that over known faces and that over strangers, however many of each

Intervals are over recordings and strangers (ProbeResampling). They hold for this gallery: how it would have come out
with other enrolment photos or another training is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.faces.resampling import ProbeResampling, share_interval
from pipeline.benchmark.resampled import ResampledDifference, difference
from pipeline.benchmark.statistics import RESAMPLES, Estimate
from pipeline.benchmark.statistics import paired_difference as paired_shares
from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.identification import is_rank_one, is_right
from pipeline.metrics.open_set.probes import Probes
from pipeline.metrics.open_set.verification import Pairs

FALSE_ACCEPT_RATES = {"tar_at_far_1_percent": 0.01, "tar_at_far_0_1_percent": 0.001}
_NO_KNOWN = "no face of a known person"
_NO_STRANGER = "no face of a stranger"


@dataclass(frozen=True, eq=False)
class OpenSetAccuracy:
    """measures: every name above; None where `not_measured` has the reason.

    resampled: float64 `[resamples]` for each measure that is there, of the same resamples for every variant measured on
    these faces with an equal `resampling`; NaN where a resample does not define it.
    """

    measures: dict[str, Estimate | None]
    not_measured: dict[str, str]
    threshold: float
    counts: dict[str, int]
    resampled: dict[str, NDArray[np.float64]]
    resampling: ProbeResampling

    def columns(self) -> dict[str, Any]:
        """All of it for a report: numbers, None for what is not defined."""
        columns: dict[str, Any] = {"threshold": self.threshold}
        for name, estimate in self.measures.items():
            columns |= estimate.columns(name) if estimate else dict.fromkeys((name, f"{name}_low", f"{name}_high"))
        return {**columns, **self.counts, "resamples": self.resampling.resamples, "not_measured": self.not_measured}


def measure_open_set(probes: Probes, threshold: float, seed: int, resamples: int = RESAMPLES) -> OpenSetAccuracy:
    """Judge the similarities of the test split's faces; threshold: chosen on the validation split (choose_threshold).

    Raises EdgeboardError for no faces and no resamples.
    """
    if not len(probes.labels):
        raise EdgeboardError("There is no face to measure on")
    resampling = ProbeResampling.over(probes, seed, resamples)
    pairs = Pairs(probes)
    blocks = [_measure(probes, pairs, threshold, weights) for weights in resampling.weights(2 * pairs.n_thresholds + 2)]
    resampled = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    values = _measure(probes, pairs, threshold, np.ones((1, len(probes.labels)), dtype=np.int64))
    reasons = _reasons(probes, pairs)
    measures: dict[str, Estimate | None] = {
        name: None if name in reasons else share_interval(float(value[0]), resampled[name], _n_groups(name, resampling))
        for name, value in values.items()
    }
    counts = {
        "n_known_faces": int(probes.is_known.sum()),
        "n_known_recordings": resampling.n_known_groups,
        "n_known_people": len(set(probes.labels[probes.is_known].tolist())),
        "n_gallery_people": probes.scores.shape[1],
        "n_stranger_faces": int((~probes.is_known).sum()),
        "n_stranger_people": resampling.n_stranger_groups,
        "n_genuine_pairs": pairs.n_genuine,
        "n_impostor_pairs": pairs.n_impostors,
    }
    kept = {name: values for name, values in resampled.items() if name not in reasons}
    return OpenSetAccuracy(measures, reasons, threshold, counts, kept, resampling)


def paired_differences(variant: OpenSetAccuracy, baseline: OpenSetAccuracy) -> dict[str, ResampledDifference]:
    """Every measure that both have, variant minus baseline, on the same faces with the same resamples.

    Each variant stands at its own threshold. Where no resample tells them apart, the interval is Newcombe's of so many
    pairs as there are independent groups (see `statistics.paired_difference`), for the bootstrap's would have no width.
    Raises EdgeboardError where the faces, the seed or the resamples are not the same.
    """
    if variant.resampling != baseline.resampling or variant.counts != baseline.counts:
        raise EdgeboardError("A paired difference needs the same faces, seed and resamples for both")
    return {
        name: _difference(name, variant, baseline) for name in variant.resampled if name in baseline.resampled
    }  # fmt: skip


def _difference(name: str, variant: OpenSetAccuracy, baseline: OpenSetAccuracy) -> ResampledDifference:
    one, other = variant.measures[name], baseline.measures[name]
    assert one is not None
    assert other is not None
    value = one.value - other.value
    differences = variant.resampled[name] - baseline.resampled[name]
    known = differences[~np.isnan(differences)]
    n_groups = _n_groups(name, variant.resampling)
    if n_groups < 2 or not known.size:
        return ResampledDifference(value, -1.0, 1.0, 1.0)
    if np.ptp(known) == 0 and value == 0:
        is_one = np.arange(n_groups) < round(one.value * n_groups)
        alike = paired_shares(is_one, is_one)
        return ResampledDifference(value, alike.low, alike.high, 1.0)
    return difference(value, differences, n_groups)


def _measure(
    probes: Probes, pairs: Pairs, threshold: float, weights_bn: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Each measure of b weighted test sets, `[b]`; NaN where one has no such face."""
    known, right = probes.is_known, is_right(probes, threshold)
    rates = pairs.rates(weights_bn)
    of_known, of_strangers = _share(right, known, weights_bn), _share(right, ~known, weights_bn)
    return {
        "top1": _share(is_rank_one(probes), known, weights_bn),
        **{name: rates.tar_at(far) for name, far in FALSE_ACCEPT_RATES.items()},
        "eer": rates.equal_error(),
        "dir": of_known,
        "fpir": 1 - of_strangers,
        "rank1_with_unknowns": _share(right, np.ones_like(known), weights_bn),
        "rank1_with_unknowns_balanced": (of_known + of_strangers) / 2,
    }


def _share(is_so: NDArray[np.bool_], among: NDArray[np.bool_], weights_bn: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray((weights_bn @ (is_so & among)) / (weights_bn @ among))


def _reasons(probes: Probes, pairs: Pairs) -> dict[str, str]:
    """Why a measure is not defined on these faces, for each that is not."""
    reasons: dict[str, str] = {}
    if not pairs.n_impostors:
        reasons |= dict.fromkeys((*FALSE_ACCEPT_RATES, "eer"), "no pair of different people")
    for name, far in FALSE_ACCEPT_RATES.items():
        if 0 < pairs.n_impostors * far < 1 - 1e-9:
            reasons[name] = f"{pairs.n_impostors} impostor pairs cannot resolve {far:g}, which takes {round(1 / far)}"
    with_unknowns: Mapping[str, str] = dict.fromkeys(("rank1_with_unknowns", "rank1_with_unknowns_balanced"), "")
    if probes.is_known.all():
        reasons |= dict.fromkeys(("fpir", *with_unknowns), _NO_STRANGER)
    if not probes.is_known.any():
        reasons |= dict.fromkeys(("top1", "dir", *FALSE_ACCEPT_RATES, "eer", *with_unknowns), _NO_KNOWN)
    return reasons


def _n_groups(name: str, resampling: ProbeResampling) -> int:
    """Of how many independent groups a measure is: where both kinds decide, of the rarer."""
    known, strangers = resampling.n_known_groups, resampling.n_stranger_groups
    if name == "fpir":
        return strangers
    if name.startswith("rank1_with_unknowns"):
        return min(known, strangers)
    return known
