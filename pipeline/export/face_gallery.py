"""The gallery that ships with an exported file: the known people by that file's embeddings, and its threshold."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import Frames, normalise
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file
from pipeline.metrics.open_set.probes import Probes, compare
from pipeline.metrics.open_set.threshold import choose_threshold
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.gallery import Gallery, GalleryError, Threshold, enrol

GALLERY_FILE = "gallery.json"
# Of a gallery that nobody has been compared with yet.
_NO_THRESHOLD = Threshold(1.0, 0.5, 0.0, 0, 0, False, "none was chosen yet")


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
