"""In which form the exported files are used while they are timed: what goes in, what runs, what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.timing import Decode, Network, Preprocess
from pipeline.data.frames import preprocess
from pipeline.targets.onnxruntime import OnnxRuntimeEngine


@dataclass(frozen=True)
class Form:
    """pictures: decoded camera pictures `[H, W, 3]`, or clips of them `[T, H, W, 3]`, uint8 RGB: a decision each.

    open_network: a variant's file, opened anew at every call.
    """

    pictures: Sequence[NDArray[np.uint8]]
    preprocess: Preprocess
    open_network: Callable[[ExportedVariant], Network]
    decoder: Callable[[ExportedVariant], Decode]


def frame_by_frame(
    pictures: Sequence[NDArray[np.uint8]],
    frame_size: int,
    threads: int,
    decoder: Callable[[ExportedVariant], Callable[[NDArray[np.float32]], Any]],
) -> Form:
    """The file that ships sees one picture at a time."""
    return Form(
        pictures,
        lambda picture_hwc: preprocess(picture_hwc, frame_size),
        lambda one: OnnxRuntimeEngine(one.file, threads).run,
        decoder,
    )
