"""Precision over recall at IoU 0.5 as one small picture, the same bytes for the same matches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.files import replacing_file
from pipeline.metrics.matching import RECALLS, Matches

# Okabe and Ito's colours, safe for the colour-blind; black is the mean's. More classes than colours change the line.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLES = ("-", "--", ":", "-.")


def write_pr_curve(path: Path, matches: Matches, title: str) -> None:
    """Write a PNG with a line for each class that has boxes and one for their mean, the AP@50 of each in the legend.

    Drawn is pycocotools' interpolated precision: at each recall the best that is reached there or at a higher one.
    """
    from matplotlib.figure import Figure  # without pyplot, which would look for a screen

    figure = Figure(figsize=(7.6, 4.6), layout="constrained")
    axes = figure.subplots()
    curves = {
        f"{name} ({one.n_boxes.sum()})": one.precision[0]
        for name, one in zip(matches.class_names, matches.classes, strict=True)
        if one.precision is not None
    }
    for i, (name, precision) in enumerate(curves.items()):
        colour, style = _COLOURS[i % len(_COLOURS)], _STYLES[i // len(_COLOURS) % len(_STYLES)]
        label = f"{precision.mean():.3f}  {name}"
        axes.plot(RECALLS, precision, style, color=colour, linewidth=1.4, label=label)
    mean = np.mean(list(curves.values()), axis=0)
    axes.plot(RECALLS, mean, color="black", linewidth=3, zorder=1.9, label=f"{mean.mean():.3f}  mean")
    axes.set(xlim=(0, 1.005), ylim=(0, 1.02), xlabel="recall", ylabel="precision", title=title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=9, title="AP@50  class (boxes)", alignment="left", frameon=False)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})
