from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.controls import colour_histogram, histogram_control
from pipeline.data.dataset import SPLITS, Row, write_index


def test_histogram_sums_to_one_when_squared_and_ignores_places() -> None:
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    histogram = colour_histogram(image)
    assert histogram.shape == (512,)
    assert np.square(histogram).sum() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(histogram, colour_histogram(image[::-1, ::-1].copy()))


@pytest.mark.parametrize(("told_by_colour", "low", "high"), [(True, 1.0, 1.0), (False, 0.2, 0.8)])
def test_control_sees_colours_and_nothing_else(tmp_path: Path, told_by_colour: bool, low: float, high: float) -> None:
    """Classes that differ in colour are told apart; classes that differ in shape only are not."""
    rng = np.random.default_rng(0)
    rows = []
    for split in SPLITS:
        for i in range(40):
            label = "ab"[i % 2]
            image = np.full((32, 32, 3), 40, dtype=np.uint8)
            if told_by_colour:
                image[:16] = (220, 60, 20) if label == "a" else (20, 60, 220)
            else:
                image[(slice(0, 16),) if label == "a" else (slice(None), slice(0, 16))] = (220, 60, 20)
            image = np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / f"{split}{i}.png")
            rows.append(Row(f"{split}{i}.png", label, split, str(i), "", 32, 32, ""))
    write_index(tmp_path, rows)
    control = histogram_control(tmp_path, ["a", "b"])
    assert low <= control["value"] <= high
    assert control["n"] == 40
    assert control["low"] <= control["value"] <= control["high"]
