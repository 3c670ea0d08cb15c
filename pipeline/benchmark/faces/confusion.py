"""Who is taken for whom, at the threshold that ships: strangers and `unknown` are a row and a column of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.files import replacing_file
from pipeline.metrics.open_set.probes import Probes

STRANGERS, UNKNOWN = "strangers", "unknown"
_LARGEST_WITH_NAMES = 60


def confusion(probes: Probes, threshold: float) -> NDArray[np.int64]:
    """`[C + 1, C + 1]` counts of faces: rows are the true person, the last row strangers; columns the name that is
    said, the last column unknown.
    """
    n_people = probes.scores.shape[1]
    said = np.where(probes.best >= threshold, probes.scores.argmax(axis=1), n_people)
    true = np.where(probes.is_known, probes.labels, n_people)
    counts = np.zeros((n_people + 1, n_people + 1), dtype=np.int64)
    np.add.at(counts, (true, said), 1)
    return counts


def most_confused(counts: NDArray[np.int64], names: Sequence[str], most: int = 10) -> list[dict[str, Any]]:
    """The wrong names that are said most often: [{"person", "taken_for", "n"}]."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    wrong[:, -1] = 0  # to be unknown is to be taken for nobody
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    rows = [*names, STRANGERS]
    pairs = [(int(place) // len(wrong), int(place) % len(wrong)) for place in order]
    return [
        {"person": rows[true], "taken_for": names[said], "n": int(wrong[true, said])}
        for true, said in pairs
        if wrong[true, said]
    ]


def write_confusion(path: Path, counts: NDArray[np.int64], names: Sequence[str], title: str) -> None:
    """A PNG of shares of each row; the same bytes for the same counts."""
    from matplotlib.figure import Figure  # without pyplot, which would look for a screen

    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = min(12.0, 4 + 0.17 * len(counts))
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    axes.set(xlabel="name that is said", ylabel="true person", title=title)
    if len(counts) <= _LARGEST_WITH_NAMES:
        places = range(len(counts))
        axes.set_xticks(places, [*names, UNKNOWN], rotation=90, fontsize=6)
        axes.set_yticks(places, [*names, STRANGERS], fontsize=6)
    figure.colorbar(image, ax=axes, label="share of the person's faces", shrink=0.8)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})
