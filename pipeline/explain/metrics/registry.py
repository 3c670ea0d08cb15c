"""The metrics of maps: which way is better, between which bounds, from which paper, and what each needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import EdgeboardError
from pipeline.explain.interval import mean_with_interval, share_with_interval
from pipeline.explain.methods.registry import nearest_names

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """bounds: least and largest value, None for no bound; needs: map, answers, mask, method (to map again), network.

    counts_hits: of one map it is 0 or 1, so that the mean is a share.
    """

    name: str
    direction: Direction
    bounds: tuple[float | None, float | None]
    paper: str
    library: str
    needs: tuple[str, ...]
    counts_hits: bool = False


_ALL = (
    Metric("xai_faithfulness", "higher", (-1, 1), "insertion - deletion, see these", "own", ("map", "answers")),
    Metric("deletion_auc", "lower", (0, 1), "Petsiuk et al. 2018, arXiv:1806.07421", "own", ("map", "answers")),
    Metric("insertion_auc", "higher", (0, 1), "Petsiuk et al. 2018, arXiv:1806.07421", "own", ("map", "answers")),
    Metric("faithfulness_correlation", "higher", (-1, 1), "Bhatt et al. 2020, arXiv:2005.00631", "own",
           ("map", "answers")),
    Metric("sparseness", "higher", (0, 1), "Chalasani et al. 2020, arXiv:1810.06583", "quantus", ("map",)),
    Metric("max_sensitivity", "lower", (0, None), "Yeh et al. 2019, arXiv:1901.09392", "own", ("map", "method")),
    Metric("pointing_game", "higher", (0, 1), "Zhang et al. 2016, arXiv:1608.00507", "own", ("map", "mask"),
           counts_hits=True),
    Metric("energy_in_mask", "higher", (0, 1), "Wang et al. 2020, arXiv:1910.01279", "own", ("map", "mask")),
    Metric("energy_in_motion", "higher", (0, 1), "energy in mask, see there, of what moves", "own", ("map", "mask")),
    Metric("fidelity_r2", "higher", (None, 1), "Ribeiro et al. 2016, arXiv:1602.04938", "scikit-learn",
           ("map", "answers")),
    Metric("randomisation_ssim", "lower", (-1, 1), "Adebayo et al. 2018, arXiv:1810.03292", "scikit-image",
           ("map", "method", "network")),
    Metric("randomisation_rank", "lower", (-1, 1), "Adebayo et al. 2018, arXiv:1810.03292", "scipy",
           ("map", "method", "network")),
    Metric("xai_drift", "lower", (0, 2), "1 - Spearman's rank correlation", "scipy", ("map",)),
    Metric("xai_ssim", "higher", (-1, 1), "Wang et al. 2004, doi:10.1109/TIP.2003.819861", "scikit-image", ("map",)),
)  # fmt: skip
METRICS: dict[str, Metric] = {one.name: one for one in _ALL}


def metric(name: str) -> Metric:
    """The metric of that name. Raises EdgeboardError that tells the nearest ones."""
    if name not in METRICS:
        raise EdgeboardError(
            "There is no such metric of maps", value=name, allowed=", ".join(METRICS),
            mend=nearest_names(name, list(METRICS)),
        )  # fmt: skip
    return METRICS[name]


def with_interval(
    name: str, values: Sequence[float | None], seed: int, frame_of: Sequence[int] | None = None
) -> dict[str, float | int | None]:
    """`{name, name_low, name_high, name_n}`: mean over frames with its 95 % interval (see explain.interval): bootstrap,
    of a share Wilson's; both ends None where all values are of one frame, but for a share.

    None among the values is a map on which the metric says nothing; `name_n` counts the others. All are None where no
    map is left. frame_of: the frame of each value, where one frame can have several.
    """
    is_share = metric(name).counts_hits
    kept = [i for i, value in enumerate(values) if value is not None]
    if not kept:
        return {name: None, f"{name}_low": None, f"{name}_high": None, f"{name}_n": 0}
    frames = None if frame_of is None else [frame_of[i] for i in kept]
    numbers = [float(value) for value in values if value is not None]
    mean, low, high = share_with_interval(numbers, frames) if is_share else mean_with_interval(numbers, seed, frames)
    return {name: mean, f"{name}_low": low, f"{name}_high": high, f"{name}_n": len(kept)}


def directions(names: Sequence[str]) -> Mapping[str, Direction]:
    """Which way is better, for the report."""
    return {name: metric(name).direction for name in names}
