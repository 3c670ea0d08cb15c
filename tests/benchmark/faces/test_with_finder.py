"""What is timed of a whole camera frame: the face found, chosen and cut as in training; frames without one apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.benchmark.faces.with_finder import BoardFinder, finder_columns, with_finder
from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.timing import PARTS, Timings
from pipeline.data.face_crops.crops import Crop, CropOptions, crop_faces
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.data.frames import preprocess
from pipeline.export.face_finder_export import export_face_finder
from tests.data.face_crops.cases import Frame, drawn_frames

OPTIONS = CropOptions(size=96, margin=0.3, min_probability=0.8)
NO_FACE = np.full((240, 320, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> BoardFinder:
    folder = tmp_path_factory.mktemp("faces") / "finder"
    export_face_finder(folder, 13, 0.2, OPTIONS)
    return BoardFinder(folder, threads=1)


def nobody(_: ExportedVariant) -> Callable[[Any], Any]:
    return lambda outputs: outputs


def test_the_crop_is_that_of_training(finder: BoardFinder) -> None:
    frames = drawn_frames(5)
    named = [(str(i), frame) for i, frame in enumerate(frames)]
    there = [one for one in crop_faces(named, FaceFinder(0.2), OPTIONS) if isinstance(one, Crop)]
    assert len(there) >= 3
    for one in there:
        crop = finder.crop(frames[int(one.name)])
        assert crop is not None
        assert crop.shape == (96, 96, 3)
        assert np.abs(crop.astype(int) - one.pixels).mean() < 0.5


def two_faces(frame: Frame) -> Frame:
    return np.concatenate([frame, frame], axis=1)


def test_only_frames_with_one_clear_face_are_timed(finder: BoardFinder) -> None:
    frame = next(one for one in drawn_frames(5) if finder.crop(one) is not None)
    form = with_finder(finder, [NO_FACE, frame, two_faces(frame)], 32, 1, nobody)
    assert form is not None
    assert [one is frame for one in form.pictures] == [True]
    crop = finder.crop(frame)
    assert crop is not None
    np.testing.assert_array_equal(form.preprocess(frame), preprocess(crop, 32))
    assert with_finder(finder, [NO_FACE], 32, 1, nobody) is None


def test_a_row_tells_the_whole_frame_with_its_interval_and_the_finder_of_it() -> None:
    times = {"baseline": (30.0, 10.0, 0.0), "compact": (18.0, 1.5, 0.5)}
    rows = [
        (round_, turn, name, 0, *parts)
        for round_ in range(5)
        for turn, (name, parts) in enumerate(times.items())
        for _ in range(6)
    ]
    timings = Timings(pd.DataFrame(rows, columns=["round", "turn", "variant", "frame", *PARTS]), {})
    found = finder_columns(timings, "compact", 0)
    assert found.pop("fps_with_finder") == pytest.approx(50)
    assert found.pop("speedup_with_finder") == pytest.approx(2)
    assert (found.pop("finder_ms"), found.pop("n_timed_with_finder")) == (18, 30)
    assert found == pytest.approx(
        {f"{name}_with_finder_{end}": value for name, value in (("fps", 50), ("speedup", 2)) for end in ("low", "high")}
    )
