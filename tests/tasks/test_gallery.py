"""The gallery: who is known, who is a stranger, and a file that holds nothing but that."""

from __future__ import annotations

import ast
import base64
import inspect
import json
import stat
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.tasks import gallery as gallery_module
from pipeline.tasks.gallery import (
    ConfusableWarning,
    Gallery,
    GalleryError,
    Identity,
    Threshold,
    as_text,
    enrol,
    identify,
    load,
    remove,
    save,
    similarities,
    usable_name,
)

THRESHOLD = Threshold(0.6, 0.01, 0.01, 200, 10, True, "the smallest that accepts at most 2 of 200")
EMPTY = Gallery("a" * 64, 3, THRESHOLD)
X, Y, Z = np.eye(3)


def between(one: np.ndarray, other: np.ndarray, cosine: float) -> np.ndarray:
    """A vector at this cosine to `one`, turned towards `other`."""
    return cosine * one + np.sqrt(1 - cosine**2) * other


def two_people() -> Gallery:
    return enrol(enrol(EMPTY, "Ann", X[None]), "Bo", Y[None])


@pytest.mark.parametrize(
    ("embedding", "name", "similarity", "nearest", "runner_up"),
    [
        (X, "Ann", 1.0, "Ann", "Bo"),
        (7.5 * X, "Ann", 1.0, "Ann", "Bo"),  # the length says nothing
        (between(Y, Z, 0.61), "Bo", 0.61, "Bo", "Ann"),
        (between(Y, Z, 0.59), None, 0.59, "Bo", "Ann"),
        (Z, None, 0.0, "Ann", "Bo"),  # as far from both: the one enrolled first
        (-X, None, 0.0, "Bo", "Ann"),
    ],
)
def test_who_it_is(embedding: np.ndarray, name: str | None, similarity: float, nearest: str, runner_up: str) -> None:
    found = identify(embedding, two_people())
    assert (found.name, found.nearest, found.runner_up) == (name, nearest, runner_up)
    assert found.similarity == pytest.approx(similarity, abs=1e-6)
    cosines = sorted(float(embedding @ one / np.linalg.norm(embedding)) for one in (X, Y))
    assert found.margin == pytest.approx(cosines[1] - cosines[0], abs=1e-6)


def test_a_face_exactly_at_the_threshold_is_known_and_one_bit_below_is_not() -> None:
    gallery = enrol(EMPTY, "Ann", np.array([[0.3, 0.4, 0.5]]))
    face = np.array([0.5, 0.1, 0.4])
    similarity = identify(face, gallery).similarity
    assert similarity is not None
    for threshold, name in ((similarity, "Ann"), (float(np.nextafter(similarity, 2)), None)):
        assert identify(face, gallery._replace(threshold=THRESHOLD._replace(similarity=threshold))).name == name


def test_everybody_is_a_stranger_to_an_empty_gallery_and_one_person_has_no_runner_up() -> None:
    assert identify(X, EMPTY) == Identity(None, None, None, None, None)
    alone = identify(X, enrol(EMPTY, "Ann", X[None]))
    assert (alone.name, alone.runner_up, alone.margin) == ("Ann", None, None)
    assert similarities(np.ones((4, 3)), []).shape == (4, 0)


def test_a_long_video_does_not_outvote_a_photo() -> None:
    faces = np.concatenate([np.repeat(X[None], 9, axis=0), Y[None]])
    sessions = ["video"] * 9 + ["photo"]
    (by_recording,) = enrol(EMPTY, "Ann", faces, sessions).people
    (by_face,) = enrol(EMPTY, "Ann", faces).people
    np.testing.assert_allclose(by_recording.templates, [(X + Y) / np.sqrt(2)], atol=1e-6)
    np.testing.assert_allclose(by_face.templates, [(9 * X + Y) / np.sqrt(82)], atol=1e-6)
    assert (by_recording.n_images, by_recording.n_recordings) == (10, 2)


def test_lengths_of_embeddings_do_not_weigh_in_a_template() -> None:
    (person,) = enrol(EMPTY, "Ann", np.stack([100 * X, 0.01 * Y])).people
    np.testing.assert_allclose(person.templates, [(X + Y) / np.sqrt(2)], atol=1e-6)


def test_of_several_templates_the_nearest_decides() -> None:
    faces = np.stack([X, between(X, Y, 0.98), Z])
    gallery = enrol(EMPTY._replace(rule="max"), "Ann", faces, ["a", "a", "b"])
    gallery = enrol(gallery, "Bo", Y[None])
    assert [len(person.templates) for person in gallery.people] == [2, 1]
    assert identify(Z, gallery).similarity == pytest.approx(1)
    mean = enrol(EMPTY, "Ann", faces, ["a", "a", "b"])
    assert identify(Z, mean).similarity < 0.8  # type: ignore[operator]
    units = np.random.default_rng(0).normal(size=(20, 3))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    each = [np.max([units @ row for row in person.templates], axis=0) for person in gallery.people]
    np.testing.assert_allclose(similarities(units, [p.templates for p in gallery.people]), np.stack(each, 1), atol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["", "   ", " Ann", "Ann ", "../Ann", "a/b", "a\\b", ".", "..", "A\nnn", "A\0nn", "x" * 101, "Unknown", "\udc80"],
)
def test_an_unusable_name_is_refused(name: str) -> None:
    with pytest.raises(GalleryError, match="cannot be called so"):
        enrol(EMPTY, name, X[None])


@pytest.mark.parametrize(
    "name", ["O'Hara", 'Ann "A" Lee', "Иван Петров", "李", "Jörg", "a", "unknown soldier", "x" * 100]
)
def test_people_have_all_sorts_of_names(name: str, tmp_path: Path) -> None:
    gallery = enrol(EMPTY, unicodedata.normalize("NFD", name), X[None])
    assert gallery.names == [unicodedata.normalize("NFC", name)]
    save(gallery, tmp_path / "gallery.json")
    assert identify(X, load(tmp_path / "gallery.json")).name == usable_name(name)
    assert name in (tmp_path / "gallery.json").read_text(encoding="utf-8") or '"' in name
    assert remove(gallery, unicodedata.normalize("NFD", name)).people == ()


@pytest.mark.parametrize("again", ["Ann", "ann", "ANN"])
def test_a_name_is_given_once_unless_it_is_replaced(again: str) -> None:
    gallery = two_people()
    with pytest.raises(GalleryError, match=r"already\n  value: +Ann"):
        enrol(gallery, again, Z[None])
    replaced = enrol(gallery, again, Z[None], replace=True)
    assert replaced.names == ["Bo", again]
    assert identify(Z, replaced).name == again
    assert identify(X, replaced).name is None
    assert gallery.names == ["Ann", "Bo"]  # what was given stays


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (np.ones((2, 4)), "another size"),
        (np.ones(3), "another size"),
        (np.ones((0, 3)), "at least one face"),
        (np.array([X, [0, np.nan, 1]]), r"rows \[1\]"),
        (np.array([[np.inf, 0, 1]]), "no direction"),
        (np.zeros((1, 3)), "no direction"),
        (np.stack([X, -X]), "no direction"),  # their mean has none
    ],
)
def test_unusable_embeddings_are_refused(embeddings: np.ndarray, message: str) -> None:
    with pytest.raises(GalleryError, match=message):
        enrol(EMPTY, "Ann", embeddings)
    if embeddings.ndim == 2 and len(embeddings) == 1:
        with pytest.raises(GalleryError, match=message):
            identify(embeddings[0], two_people())


def test_recordings_must_be_as_many_as_embeddings() -> None:
    with pytest.raises(GalleryError, match="2 names, 1 embeddings"):
        enrol(EMPTY, "Ann", X[None], ["a", "b"])


def test_a_double_is_told_but_not_refused() -> None:
    gallery = two_people()
    with pytest.warns(ConfusableWarning, match=r"Cy can be taken for Ann \(0\.700\): the threshold is 0\.600"):
        gallery = enrol(gallery, "Cy", between(X, Z, 0.7)[None])
    assert gallery.names == ["Ann", "Bo", "Cy"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enrol(two_people(), "Cy", between(X, Z, 0.5)[None])
        enrol(gallery, "Ann", X[None] * 2 - Z, replace=True)  # not like herself before; far from Cy


def test_a_removed_person_is_a_stranger_and_the_others_are_not() -> None:
    gallery = remove(two_people(), "Ann")
    assert gallery.names == ["Bo"]
    assert identify(X, gallery).name is None
    assert identify(Y, gallery).name == "Bo"


@pytest.mark.parametrize(
    ("gallery", "name", "allowed"),
    [
        (two_people(), "Anne", "Ann"),
        (two_people(), "bo", "Bo"),
        (two_people(), "Zacharias", "Ann, Bo"),
        (EMPTY, "Ann", "nobody; the gallery is empty"),
    ],
)
def test_whom_to_remove_must_be_there(gallery: Gallery, name: str, allowed: str) -> None:
    with pytest.raises(GalleryError) as caught:
        remove(gallery, name)
    assert caught.value.parts["allowed"] == allowed
    clear = EdgeboardError(**caught.value.parts)
    assert str(clear) == str(caught.value)


def random_gallery(rule: str = "max") -> Gallery:
    generator = np.random.default_rng(5)
    gallery = Gallery("b" * 64, 512, THRESHOLD, rule)
    for name in ("Ann", "Bo", "Cy"):
        gallery = enrol(gallery, name, generator.normal(size=(6, 512)), ["one", "one", "one", "two", "two", "three"])
    return gallery


@pytest.mark.parametrize("gallery", [EMPTY, two_people(), random_gallery(), random_gallery("mean")])
def test_a_file_gives_back_the_very_gallery(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery.json"
    save(gallery, path)
    read = load(path, gallery.model_sha256)
    assert read._replace(people=()) == gallery._replace(people=())
    for mine, theirs in zip(read.people, gallery.people, strict=True):
        assert (mine.name, mine.n_images, mine.n_recordings) == (theirs.name, theirs.n_images, theirs.n_recordings)
        np.testing.assert_array_equal(mine.templates, theirs.templates)
        assert mine.templates.dtype == np.float32
    save(read, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes() == as_text(gallery).encode()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["again.json", "gallery.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_is_a_template_so_that_people_can_compare_two_files() -> None:
    before, after = (as_text(gallery).splitlines() for gallery in (random_gallery(), remove(random_gallery(), "Bo")))
    gone = [line for line in before if line not in after]
    assert sum(len(base64.b64decode(line.strip(' ",'))) == 4 * 512 for line in gone if len(line) > 1000) == 3
    assert [line for line in gone if len(line) < 1000] == ['   "name": "Bo",']


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gallery.json"
    save(two_people(), path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gallery_module.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        save(EMPTY, path)
    assert [path] == list(tmp_path.iterdir())
    assert path.read_bytes() == before


def test_the_gallery_of_another_network_is_refused(tmp_path: Path) -> None:
    save(two_people(), tmp_path / "gallery.json")
    assert load(tmp_path / "gallery.json", "a" * 64).names == ["Ann", "Bo"]
    with pytest.raises(GalleryError, match=r"another network[^\n]*\n.*\n  value: +made with aaaaaaaaaaaa\n"):
        load(tmp_path / "gallery.json", "c" * 64)


def _damaged(**changes: Any) -> str:
    return json.dumps({**json.loads(as_text(two_people())), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        as_text(two_people())[:300],
        _damaged(format="something else"),
        _damaged(embedding_size=4),
        _damaged(rule="median"),
        _damaged(people=json.loads(as_text(two_people()))["people"][:1] * 2),
        _damaged(people=[{"name": "Ann", "templates": ["!!"], "n_images": 1, "n_recordings": 1}]),
        _damaged(people=[{"name": "Ann", "templates": [], "n_images": 1, "n_recordings": 1}]),
        _damaged(people=[{"name": "../Ann", "templates": ["AACAPwAAAAAAAAAA"], "n_images": 1, "n_recordings": 1}]),
        _damaged(people=[{"name": "Ann", "templates": ["AACAPwAAgD8AAAAA"], "n_images": 1, "n_recordings": 1}]),
        _damaged(threshold={"similarity": 0.5}),
        _damaged(threshold={**THRESHOLD._asdict(), "similarity": float("nan")}),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "gallery.json"
    path.write_text(text)
    with pytest.raises(GalleryError) as caught:
        load(path)
    assert "not a gallery" in caught.value.parts["what"]
    assert caught.value.parts["where"] == path


def test_no_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="no gallery"):
        load(tmp_path / "gallery.json")


def test_the_file_runs_on_the_python_of_the_oldest_board() -> None:
    tree = ast.parse(inspect.getsource(gallery_module), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {
        "base64", "binascii", "difflib", "json", "numpy", "os", "pathlib", "tempfile", "typing", "unicodedata",
        "warnings",
    }  # fmt: skip
