"""Which test clips are explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.loading import clip_frames as frames_of_strip
from pipeline.data.clips.loading import clip_places
from pipeline.data.frames import normalise, read_index, resize
from pipeline.errors import EdgeboardError
from pipeline.explain.frames import choose_indices


@dataclass(frozen=True, eq=False)
class ExplainedClip:
    """frames_thwc: uint8 `[T, S, S, 3]` RGB as the network sees them; label: the true class.

    places: which frames of the film strip they are, `[T]`, in the order of time.
    """

    name: str
    frames_thwc: NDArray[np.uint8]
    label: int
    places: tuple[int, ...]

    @property
    def clip_ntchw(self) -> NDArray[np.float32]:
        """`[1, T, 3, S, S]`, normalised."""
        return normalise(self.frames_thwc)[None]


def load_explained_clips(
    data_folder: Path, class_names: Sequence[str], frame_size: int, clip_frames: int, count: int, seed: int
) -> list[ExplainedClip]:
    """Choose and read clips of the test split, each as the `clip_frames` frames on which it is judged.

    Raises EdgeboardError for an empty split, for classes that the network does not know, and for a damaged strip.
    """
    index = read_index(data_folder)
    rows = index[index["split"] == "test"]
    if rows.empty:
        raise EdgeboardError("The test split has no clips to explain", where=data_folder / "index.csv")
    unknown = sorted(set(rows["label"]) - set(class_names))
    if unknown:
        raise EdgeboardError(
            "The test split has classes that the network does not know",
            where=data_folder / "index.csv",
            value=", ".join(unknown),
            allowed=", ".join(class_names),
            mend="train on this data, or explain the data that it was trained on",
        )
    labels = [list(class_names).index(label) for label in rows["label"]]
    n_frames = frames_of_strip(data_folder)
    places = clip_places(data_folder, clip_frames)
    clips = []
    for i in choose_indices(labels, count, seed):
        file = rows.iloc[i]["file"]
        seen = read_film_strip(data_folder / file, n_frames)[places]
        frames = np.stack([resize(frame, frame_size) for frame in seen])
        clips.append(ExplainedClip(Path(file).stem, frames, labels[i], tuple(places.tolist())))
    return clips
