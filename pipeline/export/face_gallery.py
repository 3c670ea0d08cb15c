"""The gallery that ships with each exported file: the known people by that file's embeddings, and its threshold."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import Frames, normalise
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file
from pipeline.metrics.open_set.probes import Probes, compare
from pipeline.metrics.open_set.threshold import choose_threshold
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.gallery import Gallery, GalleryError, Threshold, enrol, save

GALLERY_FILE = "gallery.json"
# Where TensorRT runs another file than ONNX Runtime: its int8 rounds otherwise, and other embeddings come out.
TENSORRT_GALLERY_FILE = "gallery.tensorrt.json"
# Of a gallery that nobody has been compared with yet.
_NO_THRESHOLD = Threshold(1.0, 0.5, 0.0, 0, 0, False, "none was chosen yet")


def write_galleries(
    folder: Path,
    published_as: Path,
    entry: dict[str, Any],
    enrolled: Frames,
    validation: Frames,
    false_accept_rate: float,
) -> None:
    """Write a gallery beside each file of a variant, and name them in the variant's entry of the export report.

    folder: with the files; published_as: where it will lie, for the paths. `entry["gallery"]` is that of the file for
    ONNX Runtime, `entry["tensorrt"]["gallery"]` that of TensorRT's: the same where the file is the same, None without
    one. Each was made through the very file that ships, by ONNX Runtime.
    """
    entry["gallery"] = (published_as / GALLERY_FILE).as_posix()
    made = {GALLERY_FILE: entry["file"]}
    tensorrt = entry["tensorrt"]
    tensorrt["gallery"] = entry["gallery"] if tensorrt["file"] else None
    if tensorrt["file"] and tensorrt["sha256"] != entry["sha256"]:
        tensorrt["gallery"] = (published_as / TENSORRT_GALLERY_FILE).as_posix()
        made[TENSORRT_GALLERY_FILE] = tensorrt["file"]
    for name, file in made.items():
        save(make_gallery(folder / Path(file).name, enrolled, validation, false_accept_rate), folder / name)


def make_gallery(model: Path, enrolled: Frames, validation: Frames, false_accept_rate: float) -> Gallery:
    """Enrol the people of `enrolled` (the training split) and choose the threshold on `validation`.

    Both need sources, `<person>/<recording>`. People are in the order of their class numbers.
    Raises EdgeboardError for a name that a gallery cannot hold and for embeddings without direction.
    """
    embeddings = embeddings_of(model, enrolled)
    gallery = Gallery(sha256_file(model), embeddings.shape[1], _NO_THRESHOLD)
    try:
        for label, name in enumerate(enrolled.class_names):
            own = np.flatnonzero(enrolled.labels == label)
            recordings = [sources_of(enrolled)[i] for i in own]
            gallery = enrol(gallery, name, embeddings[own], recordings)
    except GalleryError as error:
        raise EdgeboardError(**{"where": model, **error.parts}) from error
    probes = probes_of(embeddings_of(model, validation), validation, gallery)
    return gallery._replace(threshold=choose_threshold(probes, false_accept_rate))


def embeddings_of(model: Path, frames: Frames) -> NDArray[np.float32]:
    """`[N, D]`, each frame by itself, as on the board."""
    # One thread a frame: the sums, and with them the threshold, do not depend on the number of cores.
    engine = OnnxRuntimeEngine(model, threads=1)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # ONNX Runtime releases the interpreter lock
        return np.concatenate(list(pool.map(lambda frame: engine.run(normalise(frame[None])), frames.frames_nhwc)))


def probes_of(embeddings_nd: NDArray[np.float32], frames: Frames, gallery: Gallery) -> Probes:
    sources = sources_of(frames)
    people = [source.partition("/")[0] for source in sources]
    return compare(embeddings_nd, [one.templates for one in gallery.people], frames.labels, people, sources)


def sources_of(frames: Frames) -> list[str]:
    assert frames.sources is not None, "frames of a data folder know their sources"
    return frames.sources
