"""The clips of a split, each frame as the network sees it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.room import room_for
from pipeline.data.clips.sampling import ClipSampling
from pipeline.data.frames import SAMPLING, read_index, resize
from pipeline.errors import EdgeboardError
from pipeline.files import read_json


@dataclass(frozen=True, eq=False)
class Clips:
    """clips_nlhwc: uint8 RGB `[N, L, S, S, 3]`, the frames of every clip; labels: class indices `[N]`.

    files: the film strips; sources: what each clip is of (see pipeline.data.dataset).
    """

    clips_nlhwc: NDArray[np.uint8]
    labels: NDArray[np.int64]
    files: list[Path]
    class_names: list[str]
    sources: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[np.int64]) -> Clips:
        """The clips at these places, in this order."""
        return replace(
            self,
            clips_nlhwc=self.clips_nlhwc[chosen],
            labels=self.labels[chosen],
            files=[self.files[i] for i in chosen],
            sources=[self.sources[i] for i in chosen],
        )


def clip_frames(data_folder: Path) -> int:
    """L, how many frames each clip of the data folder has."""
    report = read_json(data_folder / "report.json", f"dvc repro generate@{data_folder.name}")
    try:
        return int(report["clip"]["frames"])
    except (KeyError, TypeError, ValueError):
        raise EdgeboardError(
            "The data folder does not hold clips",
            where=data_folder / "report.json",
            value="there is no number at clip.frames",
            mend=f"dvc repro --force generate@{data_folder.name}",
        ) from None


def clip_sampling(data_folder: Path) -> ClipSampling:
    """How the networks that are trained on the data folder see its clips."""
    path = data_folder / SAMPLING
    return ClipSampling(**read_json(path)) if path.is_file() else ClipSampling()


def clip_places(data_folder: Path, n_taken: int) -> NDArray[np.int64]:
    """`[T]`: which T frames of every clip of the data folder are seen, wherever chance has no part in it.

    Raises EdgeboardError where the clips are too short for so many.
    """
    n_frames, sampling = clip_frames(data_folder), clip_sampling(data_folder)
    if sampling.frames_needed(n_taken) > n_frames:
        raise EdgeboardError(
            "The clips are shorter than what the network sees of them",
            where=data_folder,
            value=f"{n_frames} frames",
            allowed=f"at least {sampling.frames_needed(n_taken)}, of which it sees {n_taken}",
            mend="longer clips (data.movement.seconds or fps), fewer frames (train.movement.clip_frames), or a smaller"
            " data.movement.sampling_stride",
        )
    return sampling.places(n_frames, n_taken)


def load_clips(
    data_folder: Path,
    split: str,
    frame_size: int,
    class_names: list[str],
    places: NDArray[np.int64] | None = None,
) -> Clips:
    """Read and resize every clip of `split` (train, val or test), in the order of index.csv.

    places: which of the frames; None: all. Of many clips the pixels are on the disk and read where they are used, see
    room_for. Raises EdgeboardError where a strip is missing or damaged, and where the disk is full.
    """
    n_frames = clip_frames(data_folder)
    index = read_index(data_folder)
    rows = index[index["split"] == split]
    files = [data_folder / name for name in rows["file"]]
    chosen = np.arange(n_frames) if places is None else places
    clips = room_for((len(files), len(chosen), frame_size, frame_size, 3), data_folder.parent)

    def load(i: int) -> None:
        for number, frame in enumerate(read_film_strip(files[i], n_frames)[chosen]):
            clips[i, number] = resize(frame, frame_size)

    with ThreadPoolExecutor() as pool:  # OpenCV releases the interpreter lock
        list(pool.map(load, range(len(files))))
    labels = np.array([class_names.index(label) for label in rows["label"]], dtype=np.int64)
    return Clips(clips, labels, files, class_names, rows["source"].tolist())
