"""The whole way of a camera frame on a board: find the face, align it, embed it, ask the gallery."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import preprocess
from pipeline.export.face_finder_export import FINDER_FILE, read_face_finder
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.face_alignment import align_crop
from pipeline.tasks.face_finder import Face, find_faces, in_batches

_ROUNDS = 3


@dataclass(frozen=True)
class BoardFinder:
    """MTCNN as it runs on a board: three exported files and numpy. frames: camera pictures, uint8 RGB `[h, w, 3]`.

    crop_size, margin: of the aligned crop, as in data.<task>.
    """

    folder: Path
    threads: int
    frames: Sequence[NDArray[np.uint8]]
    crop_size: int
    margin: float

    def columns(self, run: Callable[[Any], Any], decide: Callable[[Any], Any], frame_size: int) -> dict[str, Any]:
        """fps_with_finder, and of it finder_ms: medians over every frame, three times; None where no face is found.

        A frame without a face ends after the finder, as it does on the board; it does not count.
        """
        find = self._open()
        whole_ms, finder_ms = [], []
        for _ in range(_ROUNDS):
            for frame in self.frames:
                started = time.perf_counter()
                faces = find(frame)
                found = time.perf_counter()
                if not faces:
                    continue
                crop = align_crop(frame, faces[0].landmarks_xy, self.crop_size, self.margin)
                decide(run(preprocess(crop, frame_size)))
                whole_ms.append(1000 * (time.perf_counter() - started))
                finder_ms.append(1000 * (found - started))
        if not whole_ms:
            return {"fps_with_finder": None, "finder_ms": None, "n_timed_with_finder": 0}
        return {
            "fps_with_finder": 1000 / float(np.median(whole_ms)),
            "finder_ms": float(np.median(finder_ms)),
            "n_timed_with_finder": len(whole_ms),
        }

    def _open(self) -> Callable[[NDArray[np.uint8]], list[Face]]:
        described = read_face_finder(self.folder / FINDER_FILE)
        runs = []
        for name in ("pnet", "rnet", "onet"):
            network = described["networks"][name]
            engine = OnnxRuntimeEngine(self.folder / network["file"], self.threads)
            runs.append(in_batches(engine.run, network["input_shape"][0]))
        return lambda frame: find_faces([frame], described["finder"], *runs)[0]
