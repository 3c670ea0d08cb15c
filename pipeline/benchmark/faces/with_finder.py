"""The whole way of a camera frame on a board: find the face, align it, embed it, ask the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.forms import Decoder, Form
from pipeline.benchmark.rows import BASELINE
from pipeline.benchmark.statistics import frames_per_second, percentile, speedup
from pipeline.benchmark.timing import Timings
from pipeline.data.frames import preprocess
from pipeline.export.face_finder_file import FINDER_FILE, read_face_finder
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.face_alignment import align_crop
from pipeline.tasks.face_choosing import choose_face
from pipeline.tasks.face_finder import find_faces, in_batches

FORM = "with_finder"
# A frame takes several times as long as the network by itself, and the finder's part is the same for all variants.
_MOST_ROUNDS = 10


class BoardFinder:
    """MTCNN as it runs on a board: three exported files and numpy, and the crop that face_finder.json asks for.

    folder: exports/<task>/finder. A picture is taken as it is: cameras are asked for the size that one wants.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        described = read_face_finder(folder / FINDER_FILE)
        networks = [described["networks"][name] for name in ("pnet", "rnet", "onet")]
        self._runs = [
            in_batches(OnnxRuntimeEngine(folder / one["file"], threads).run, one["input_shape"][0]) for one in networks
        ]
        self._finder = described["finder"]
        crop = described["crop"]
        self._cut = {name: crop[name] for name in ("size", "margin")}
        self._choice = {name: value for name, value in crop.items() if name not in self._cut}

    def crop(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The face of a frame (uint8 RGB `[h, w, 3]`), upright, `[size, size, 3]`; None without one clear face."""
        faces = find_faces([frame], self._finder, *self._runs)[0]
        chosen, _ = choose_face(faces, (frame.shape[0], frame.shape[1]), **self._choice)
        return None if chosen is None else align_crop(frame, chosen.landmarks_xy, **self._cut)


def with_finder(
    finder: BoardFinder, frames: Sequence[NDArray[np.uint8]], frame_size: int, threads: int, decoder: Decoder
) -> Form | None:
    """Whole camera frames, uint8 RGB `[h, w, 3]`. None where no frame has one clear face.

    Only frames with a face are timed: the others end after the finder, as they do on a board.
    """
    with_face = [frame for frame in frames if finder.crop(frame) is not None]
    if not with_face:
        return None

    def prepare(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        crop = finder.crop(frame)
        assert crop is not None, "it had a face before"
        return preprocess(crop, frame_size)

    return Form(
        with_face,
        prepare,
        lambda one: OnnxRuntimeEngine(one.file, threads).run,
        decoder,
        columns=finder_columns,
        most_rounds=_MOST_ROUNDS,
    )


def finder_columns(timings: Timings, name: str, seed: int) -> dict[str, Any]:
    """fps_with_finder and speedup_with_finder, each with its interval, and n_timed_with_finder.

    finder_ms: median of what comes before the network: finding the face, choosing it, aligning it; None where too few
    were timed. All are of frames as large as those in data/<task>/frames, 240 x 320 pixels where they are drawn.
    """
    whole, baseline = timings.rounds_ms(name), timings.rounds_ms(BASELINE)
    return {
        **frames_per_second(whole, seed).columns("fps_with_finder"),
        **speedup(whole, baseline, seed).columns("speedup_with_finder"),
        "finder_ms": percentile(np.concatenate(timings.rounds_ms(name, "preprocess_ms")), 50),
        "n_timed_with_finder": sum(len(one) for one in whole),
    }
