"""The picture of what is given for what is risked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.benchmark.faces.roc_curve import _search_curve, _verification_curve, write_roc_curve
from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.identification import is_right
from pipeline.metrics.open_set.verification import Pairs
from tests.metrics.open_set.cases import COLLAPSED, PERFECT, probes, random_probes


@pytest.mark.parametrize("n_variants", [1, 7])
def test_the_picture_is_small_and_the_same_bytes_twice(tmp_path: Path, n_variants: int) -> None:
    variants = {f"variant {i}": (random_probes(0, shift=1 + i / 3), 1.5) for i in range(n_variants)}
    for name in ("one.png", "two.png"):
        write_roc_curve(tmp_path / name, variants, "face")
    data = (tmp_path / "one.png").read_bytes()
    assert data == (tmp_path / "two.png").read_bytes()
    assert len(data) < 150_000


def test_the_picture_shows_what_differs(tmp_path: Path) -> None:
    for name, variants in {
        "perfect": {"v": (PERFECT, 0.5)},
        "collapsed": {"v": (COLLAPSED, 0.5)},
        "two": {"v": (PERFECT, 0.5), "w": (COLLAPSED, 0.5)},
        "threshold": {"v": (PERFECT, 0.85)},
        "no strangers": {"v": (probes([[0.9, 0.1]], [0]), 0.5)},
    }.items():
        write_roc_curve(tmp_path / f"{name}.png", variants, "t")
    pictures = [np.asarray(Image.open(path).convert("RGB")).astype(int) for path in sorted(tmp_path.iterdir())]
    for i in range(5):
        assert np.abs(pictures[i] - pictures[i - 1]).sum() > 1000


@pytest.mark.parametrize("faces", [probes([[0.9, 0.1]], [-1]), probes([[0.9]], [0])])
def test_a_curve_without_pairs_of_both_kinds_is_refused(tmp_path: Path, faces: object) -> None:
    with pytest.raises(EdgeboardError, match="pairs"):
        write_roc_curve(tmp_path / "roc.png", {"v": (faces, 0.5)}, "t")  # type: ignore[dict-item]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("steps", [None, 5])
def test_what_is_drawn_is_what_is_measured(steps: int | None) -> None:
    faces = random_probes(4, steps=steps)
    far, tar = _verification_curve(faces)
    assert tar[far <= 0.1].max() == pytest.approx(Pairs(faces).rates().tar_at(0.1)[0])
    fpir, found = _search_curve(faces)
    for threshold in np.unique(faces.best)[::7]:
        right = is_right(faces, threshold)
        place = np.flatnonzero(np.isclose(fpir, (~right[~faces.is_known]).mean()))
        assert np.isclose(found[place], right[faces.is_known].mean()).any()
    assert (np.diff(fpir) >= 0).all()
    assert (np.diff(found) >= 0).all()
    assert (fpir[0], found[0], fpir[-1]) == (0, 0, 1)
