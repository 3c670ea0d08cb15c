"""In which form the exported files are used while they are timed: what goes in, what runs, what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.timing import Decode, Network, Preprocess, Timings
from pipeline.data.frames import preprocess
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

Decoder = Callable[[ExportedVariant], Decode]


@dataclass(frozen=True)
class Form:
    """pictures: decoded camera pictures `[H, W, 3]`, or clips of them `[T, H, W, 3]`, uint8 RGB: a decision each.

    open_network: a variant's file, opened anew at every call. Of a further form, columns: what a row says of a
    variant, from the times, its name and the seed, where that is something else than <form>_per_s and <form>_speedup.
    most_rounds: more are not timed, for a picture takes long.
    """

    pictures: Sequence[NDArray[np.uint8]]
    preprocess: Preprocess
    open_network: Callable[[ExportedVariant], Network]
    decoder: Decoder
    columns: Callable[[Timings, str, int], dict[str, Any]] | None = None
    most_rounds: int | None = None


def frame_by_frame(
    pictures: Sequence[NDArray[np.uint8]],
    frame_size: int,
    threads: int,
    decoder: Decoder,
) -> Form:
    """The file that ships sees one picture at a time."""
    return Form(
        pictures,
        lambda picture_hwc: preprocess(picture_hwc, frame_size),
        lambda one: OnnxRuntimeEngine(one.file, threads).run,
        decoder,
    )
