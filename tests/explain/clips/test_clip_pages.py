from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.explanation import ClipExplanation, InTime
from pipeline.explain.clips.pages import MAX_COLUMNS, clip_overlay, write_side_by_side, write_variant_sheet
from pipeline.explain.clips.temporal import TimeDependence
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.faithfulness import Faithfulness
from pipeline.explain.hiding import CHANGE
from pipeline.explain.pages import MethodColumn
from pipeline.explain.sheets import MAX_BYTES, Row, Tile, write_sheet
from pipeline.explain.subject import JudgedMap

BLUE, ORANGE = (40, 90, 170), (215, 120, 30)
CLASSES = ["walk", "fall"]


def _count(path: Path, colour: tuple[int, int, int]) -> np.ndarray:
    """How many pixels near the colour each column of the picture has."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return (np.abs(pixels - colour).max(axis=2) <= 6).sum(axis=0)


@pytest.mark.parametrize(
    ("bars", "colour", "tallest"),
    [
        ([0.0], BLUE, 0),
        ([1.0], BLUE, 13),
        ([0.5], BLUE, 6),
        ([-1.0], ORANGE, 13),
        ([-0.5], ORANGE, 6),
        ([1.0] * 99, BLUE, 13),
    ],
)
def test_bars_are_as_long_as_they_say(
    tmp_path: Path, bars: list[float], colour: tuple[int, int, int], tallest: int
) -> None:
    grey = np.full((8, 8, 3), 128, dtype=np.uint8)
    write_sheet(tmp_path / "a.png", "t", "s", ["c"], [Row([Tile(grey, bars=bars)])])
    assert _count(tmp_path / "a.png", colour).max() == pytest.approx(tallest, abs=1)


def test_a_sheet_without_bars_has_no_room_for_them(tmp_path: Path) -> None:
    grey, heights = np.full((8, 8, 3), 128, dtype=np.uint8), []
    for bars in ([], [0.5]):
        write_sheet(tmp_path / "a.png", "t", "s", ["c"], [Row([Tile(grey, bars=bars)])])
        with Image.open(tmp_path / "a.png") as sheet:
            heights.append(sheet.height)
    assert heights[1] - heights[0] == 29


def test_all_frames_of_a_clip_share_the_range_of_colours() -> None:
    importance = np.zeros((2, 4, 4), dtype=np.float32)
    importance[0], importance[1] = 0.2, np.linspace(0.2, 1, 16).reshape(4, 4)
    overlay = clip_overlay(np.full((2, 4, 4, 3), 128, dtype=np.uint8), importance)
    assert overlay.shape == (2, 4, 4, 3)
    assert (overlay[0] == overlay[1, 0, 0]).all()  # the lowest of the clip, though it is the highest of its frame
    assert overlay[1, -1, -1, 0] > overlay[1, -1, -1, 2]


def _explained(frames: int, size: int, seed: int) -> tuple[ExplainedClip, ClipExplanation]:
    rng = np.random.default_rng(seed)
    clip = ExplainedClip(
        "x" * 60, rng.integers(0, 256, (frames, size, size, 3), dtype=np.uint8), 0, tuple(range(frames))
    )
    found = ClipExplanation(
        1,
        InTime(0, 0.7, rng.uniform(-0.2, 0.5, frames), TimeDependence(0.1, 0.0, 0.3)),
        JudgedMap(rng.random((frames, size, size), dtype=np.float32), Faithfulness(0.1, 0.4)),
    )
    return clip, found


@pytest.mark.parametrize(("frames", "n_clips", "n_columns"), [(1, 1, 1), (8, 3, 8), (32, 2, MAX_COLUMNS)])
def test_sheets_stay_small_however_long_the_clips(tmp_path: Path, frames: int, n_clips: int, n_columns: int) -> None:
    clips, found = zip(*(_explained(frames, 24, i) for i in range(n_clips)), strict=True)
    cams = [JudgedMap(np.zeros((frames, 24, 24), dtype=np.float32), Faithfulness(0.2, 0.3)) for _ in clips]
    columns = [
        MethodColumn("RISE", [one.judged for one in found]), MethodColumn("Grad-CAM", cams),
        MethodColumn("LRP", "it cannot be traced"),
    ]  # fmt: skip
    variant = ExplainedVariant(
        "compact", Path("exports/movement/compact/model.onnx"), Path("models/movement/distilled")
    )
    write_variant_sheet(tmp_path / "one.png", "movement", variant, clips, CLASSES, found, found, columns, CHANGE)
    write_side_by_side(tmp_path / "all.png", "movement", clips, CLASSES, {"baseline": found, "compact": found}, CHANGE)
    for page in ("one.png", "all.png"):
        assert (tmp_path / page).stat().st_size <= MAX_BYTES
    with Image.open(tmp_path / "one.png") as sheet:
        assert sheet.width >= 150 + (n_columns + 2) * 48
        assert sheet.width <= max(150 + (n_columns + 2) * 150 + 6, 1000)
