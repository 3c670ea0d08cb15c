from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.export.leaving import leave_galleries
from pipeline.tasks.gallery import Gallery, Threshold, enrol, load, save

NO_THRESHOLD = Threshold(0.9, 0.01, 0.0, 20, 4, False, "")


class Clone:
    """Two variants with the same people, one of them with a gallery of its own in which somebody was enrolled."""

    def __init__(self, root: Path) -> None:
        self.own = root / "galleries"
        self.shipped = {
            name: self._save(root / name / "gallery.json", "Ann Lee", "Bo") for name in ("baseline", "tiny")
        }
        self._save(self.own / "tiny.json", "Ann Lee", "Bo", "J", "max")

    def leave(self, name: str) -> list[str]:
        return [path.name for path in leave_galleries(self.own, self.shipped, name)]

    def bytes(self) -> list[bytes]:
        return [path.read_bytes() for path in (*self.shipped.values(), *sorted(self.own.iterdir()))]

    def _save(self, path: Path, *names: str) -> Path:
        gallery = Gallery("a" * 64, 4, NO_THRESHOLD)
        for i, name in enumerate(names):
            gallery = enrol(gallery, name, np.eye(4)[i][None])
        path.parent.mkdir(exist_ok=True)
        save(gallery, path)
        return path


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_a_trained_person_leaves_every_variant_and_what_ships_stays_as_it_is(clone: Clone) -> None:
    before = [path.read_bytes() for path in clone.shipped.values()]
    assert clone.leave("Ann Lee") == ["baseline.json", "tiny.json"]
    assert load(clone.own / "baseline.json").names == ["Bo"]
    assert load(clone.own / "tiny.json").names == ["Bo", "J", "max"]
    assert [path.read_bytes() for path in clone.shipped.values()] == before


@pytest.mark.parametrize("name", ["J", "max"])
def test_whoever_could_be_enrolled_can_leave(clone: Clone, name: str) -> None:
    assert clone.leave(name) == ["tiny.json"]
    assert name not in load(clone.own / "tiny.json").names
    assert not (clone.own / "baseline.json").exists(), "nobody left there"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("ann lee", "Ann Lee"),  # that of a name as it was typed
        ("Maxx", "max"),  # in one's own gallery alone
        ("nobody", "Bo"),
        ("Q", "Ann Lee, Bo, J, max"),
    ],
)
def test_of_nobody_the_nearest_names_are_told_and_nothing_changes(clone: Clone, name: str, allowed: str) -> None:
    before = clone.bytes()
    with pytest.raises(EdgeboardError, match="nobody of that name") as caught:
        clone.leave(name)
    assert caught.value.allowed == allowed
    assert clone.bytes() == before


def test_a_damaged_gallery_is_told_before_any_changes(clone: Clone) -> None:
    damaged = clone.own / "zebra.json"
    damaged.write_text("{")
    before = clone.bytes()
    with pytest.raises(EdgeboardError, match="damaged") as caught:
        clone.leave("Bo")
    assert caught.value.where == damaged
    assert clone.bytes() == before


def test_without_any_gallery_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="There is no gallery"):
        leave_galleries(tmp_path / "galleries", {}, "Ann Lee")
    with pytest.raises(EdgeboardError, match="There is no gallery"):
        leave_galleries(tmp_path / "galleries", {"tiny": tmp_path / "gone.json"}, "Ann Lee")
