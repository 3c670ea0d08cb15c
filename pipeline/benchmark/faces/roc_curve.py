"""What a recogniser gives for what it risks, as one small picture, the same bytes for the same similarities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file
from pipeline.metrics.open_set.identification import is_rank_one, is_right
from pipeline.metrics.open_set.probes import Probes
from pipeline.metrics.open_set.verification import Pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, safe for the colour-blind.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLES = ("-", "--", ":", "-.")
_LOWEST_RATE = 1e-4


def write_roc_curve(path: Path, variants: Mapping[str, tuple[Probes, float]], title: str) -> None:
    """Write a PNG: left the receiver operating characteristic over all pairs, right the open-set search of the gallery.

    variants: by name the similarities and the shipped threshold, which is a dot on the right. Left of the shaded border
    there is less than one error in the whole test split: the curve says nothing there.
    Raises EdgeboardError where a variant has no genuine or no impostor pair.
    """
    from matplotlib.figure import Figure  # without pyplot, which would look for a screen

    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    has_strangers = False
    for i, (name, (probes, threshold)) in enumerate(variants.items()):
        pairs = Pairs(probes)
        if not pairs.n_genuine or not pairs.n_impostors:
            raise EdgeboardError("A curve needs pairs of the same and of different people", where=path, value=name)
        look = {
            "color": _COLOURS[i % len(_COLOURS)],
            "linestyle": _STYLES[i // len(_COLOURS) % len(_STYLES)],
            "linewidth": 1.6,
        }
        rates = pairs.rates()
        tar = f"{rates.tar_at(0.01)[0]:.3f}" if pairs.n_impostors >= 100 else "too few"
        label = f"{tar}   {rates.equal_error()[0]:.3f}   {name}"
        left.plot(*_verification_curve(probes), drawstyle="steps-post", label=label, **look)
        if not probes.is_known.all():
            has_strangers = True
            right.plot(*_search_curve(probes), drawstyle="steps-post", **look)
            decided = is_right(probes, threshold)
            fpir, found = (~decided[~probes.is_known]).mean(), decided[probes.is_known].mean()
            dot = f"{found:.3f}   {fpir:.3f}   {name}"
            right.plot([max(fpir, _LOWEST_RATE)], [found], "o", color=look["color"], label=dot, clip_on=False)
    any_probes = next(iter(variants.values()))[0]
    _finish(
        left, "false-accept rate (impostor pairs)", "true-accept rate (genuine pairs)", Pairs(any_probes).n_impostors
    )
    left.legend(loc="lower right", fontsize=8, title="TAR@FAR=1 %, EER", alignment="left")
    if has_strangers:
        n_strangers = int((~any_probes.is_known).sum())
        _finish(right, "strangers taken for anybody (FPIR)", "known faces named rightly (DIR)", n_strangers)
        right.legend(loc="lower right", fontsize=8, title="DIR, FPIR at the threshold (dot)", alignment="left")
    else:
        right.text(0.5, 0.5, "no strangers in the test split", ha="center", va="center")
        right.set_axis_off()
    figure.suptitle(title, fontsize=11)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})


def _verification_curve(probes: Probes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False- and true-accept rates over all thresholds."""
    from sklearn.metrics import roc_curve

    far, tar, _ = roc_curve(probes.is_own.ravel(), probes.scores.ravel())
    return far, tar


def _search_curve(probes: Probes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """FPIR and DIR over all thresholds (Phillips et al. 2011, see `is_right`), both rising."""
    is_named = is_rank_one(probes)
    named, strangers = np.sort(probes.best[is_named]), np.sort(probes.best[~probes.is_known])
    thresholds = np.unique(probes.best)[::-1]
    fpir = 1 - np.searchsorted(strangers, thresholds) / len(strangers)
    found = (len(named) - np.searchsorted(named, thresholds)) / probes.is_known.sum()
    return np.r_[0, fpir], np.r_[0, found]


def _finish(axes: Axes, x: str, y: str, n_errors_possible: int) -> None:
    axes.set(xscale="log", xlim=(_LOWEST_RATE, 1), ylim=(0, 1.02), xlabel=x, ylabel=y)
    axes.axvspan(_LOWEST_RATE, min(1, max(_LOWEST_RATE, 1 / n_errors_possible)), color="0.92", zorder=0)
    axes.grid(alpha=0.3)
