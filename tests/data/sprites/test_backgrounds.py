from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from pipeline.data.sprites import backgrounds, draw_background


def test_background_has_the_promised_form() -> None:
    for index in range(40):
        image = draw_background(4, index)
        assert image.shape == (480, 640, 3)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert image.std() > 8, "a picture of nothing"
        assert 25 < image.mean() < 230, "too dark or too bright to show anything"


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_all_seeds_work(seed: int) -> None:
    assert draw_background(seed, 10**6).shape == (480, 640, 3)


def test_pixels_are_the_same_in_another_process() -> None:
    script = (
        "import hashlib, numpy as np\n"
        "np.random.seed(4)\n"
        "from pipeline.data.sprites import draw_background\n"
        "for index in reversed(range(10)):\n"
        "    print(index, hashlib.sha256(draw_background(9, index).tobytes()).hexdigest())\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    here = [f"{index} {hashlib.sha256(draw_background(9, index).tobytes()).hexdigest()}" for index in range(10)]
    assert sorted(printed.splitlines()) == sorted(here)


def test_every_index_is_another_place() -> None:
    images = [draw_background(3, index)[::8, ::8].astype(float) for index in range(24)]
    images.append(draw_background(4, 0)[::8, ::8].astype(float))
    for i, first in enumerate(images):
        for second in images[:i]:
            assert np.abs(first - second).mean() > 10


@pytest.mark.parametrize("place", range(len(backgrounds.PLACES)))
def test_every_kind_of_place_can_be_drawn_often(place: int) -> None:
    """Rare corners of the random choices (a shelf out of the picture, a tree at its rim) must not fail."""
    for index in range(12):
        image = backgrounds.PLACES[place](np.random.default_rng([place, index]))
        assert image.shape == (480, 640, 3)
        assert image.dtype == np.uint8


def test_chances_of_the_places_are_a_distribution() -> None:
    assert len(backgrounds.CHANCES) == len(backgrounds.PLACES)
    assert sum(backgrounds.CHANCES) == pytest.approx(1)
    assert min(backgrounds.CHANCES) > 0
