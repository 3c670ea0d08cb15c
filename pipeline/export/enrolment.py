"""Photos and videos of one person to embeddings, by an exported file: to enrol somebody, or to ask who it is."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.face_crops.crops import Crop, CropOptions, crop_faces
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.data.folder import Skipped
from pipeline.data.frames import preprocess
from pipeline.data.photos import SUFFIXES as PHOTO_SUFFIXES
from pipeline.data.recordings.listing import Kind, Recording
from pipeline.data.recordings.reading import FrameChoice, read_recording
from pipeline.data.recordings.video import SUFFIXES as VIDEO_SUFFIXES
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.gallery import ConfusableWarning, Gallery, GalleryError, enrol, load, save


@dataclass(frozen=True)
class Faces:
    """embeddings: `[n, D]`, one of each face; names: where each was found; files: of which file each is, by its place.

    skipped: pictures without one clear face, with the reason.
    """

    embeddings: NDArray[np.float32]
    names: list[str]
    files: list[int]
    skipped: list[Skipped]


@dataclass(frozen=True)
class FaceReader:
    """How faces are read: the exported file, the side of its frames in pixels, and the options of data.<task>."""

    model: Path
    frame_size: int
    choice: FrameChoice
    crops: CropOptions
    min_face: float

    def read(self, files: Sequence[Path]) -> Faces:
        """Raises EdgeboardError for a file that is neither a photo nor a video, and where no face is clear in any."""
        engine = OnnxRuntimeEngine(self.model, threads=1)
        skipped: list[Skipped] = []
        embeddings, names, of_files = [], [], []
        file_of: dict[str, int] = {}
        pictures = self._pictures(files, skipped, file_of)
        for found in crop_faces(pictures, FaceFinder(self.min_face), self.crops):
            if not isinstance(found, Crop):
                skipped.append(Skipped(found.name, found.reason))
                continue
            embeddings.append(engine.run(preprocess(found.pixels, self.frame_size))[0])
            names.append(found.name)
            of_files.append(file_of[found.name])
        if not embeddings:
            raise EdgeboardError(
                "There is no clear face in any picture",
                value="; ".join(f"{one.file}: {one.reason}" for one in skipped[:5]),
                mend="take photos with one face, in light, looking at the camera",
            )
        return Faces(np.stack(embeddings), names, of_files, skipped)

    def _pictures(
        self, files: Sequence[Path], skipped: list[Skipped], file_of: dict[str, int]
    ) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """file_of: is filled with the place in `files` that each picture is of, for its name alone does not tell."""
        for place, (file, called) in enumerate(_called(files)):
            read = read_recording(self.choice, Recording("", called, file, _kind(file)))
            if isinstance(read, Skipped):
                skipped.append(read)
                continue
            several = len(read.frames) > 1
            for frame in read.frames:
                name = f"{called} at {frame.time_s:.2f} s" if several else called
                file_of[name] = place
                yield name, frame.rgb


def enrol_person(path: Path, start: Path, name: str, faces: Faces, model_sha256: str, *, replace: bool) -> list[str]:
    """Add the person to the gallery file `path`, which begins as a copy of `start` where it is not there yet.

    Gives warnings for people. Raises EdgeboardError for an unusable or taken name and for another model's gallery.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConfusableWarning)
        gallery = changed(gallery_in_use(path, start, model_sha256), name, faces, replace=replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(gallery, path)
    return [str(one.message) for one in caught if issubclass(one.category, ConfusableWarning)]


def changed(gallery: Gallery, name: str, faces: Faces, *, replace: bool) -> Gallery:
    try:
        return enrol(gallery, name, faces.embeddings, [str(file) for file in faces.files], replace=replace)
    except GalleryError as error:
        raise EdgeboardError(**error.parts) from error


def gallery_in_use(own: Path, shipped: Path, model_sha256: str) -> Gallery:
    """The gallery of one's own, and where there is none yet the one that ships with the exported file.

    Raises EdgeboardError for one that is damaged or was made with another file, as after another training.
    """
    if not own.exists():
        return open_gallery(shipped, model_sha256)
    try:
        return load(own, model_sha256)
    except GalleryError as error:
        mend = f"move {own} away, then enrol its people anew: the gallery begins again as the one that ships"
        raise EdgeboardError(**{**error.parts, "mend": mend}) from error


def open_gallery(path: Path, model_sha256: str | None = None) -> Gallery:
    """As pipeline.tasks.gallery.load, with our own error."""
    try:
        return load(path, model_sha256)
    except GalleryError as error:
        raise EdgeboardError(**error.parts) from error


def _called(files: Sequence[Path]) -> list[tuple[Path, str]]:
    """Each file once, and how it is called: by its name, where another has the same by its path."""
    once = list({file.resolve(): file for file in files}.values())
    names = Counter(file.name for file in once)
    return [(file, file.name if names[file.name] == 1 else str(file)) for file in once]


def _kind(file: Path) -> Kind:
    if not file.is_file():
        raise EdgeboardError("There is no such file", where=file)
    suffix = file.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in PHOTO_SUFFIXES:
        return "photo"
    raise EdgeboardError(
        "The file is neither a photo nor a video",
        where=file,
        allowed=", ".join([*sorted(PHOTO_SUFFIXES), *sorted(VIDEO_SUFFIXES)]),
    )
