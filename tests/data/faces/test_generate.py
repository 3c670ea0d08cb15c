"""The data folder of faces: split by recording, strangers apart, the same bytes whatever the workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.data.faces.generate import SHEETS, generate_face
from pipeline.data.frames import load_frames
from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.errors import EdgeboardError
from pipeline.face_data_options import FaceData
from pipeline.files import sha256_file
from tests.conftest import REAL_DATA, REPOSITORY

NAMES = ["Anna-Lena", "Бори́с O'Neil", "c d", "e", "f"]


def options(**changes: Any) -> FaceData:
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text())["data"]["face"]
    values |= {
        "people": {"known": 2, "strangers_val": 1, "strangers_test": 1},
        "recordings": {"train": 2, "val": 1, "test": 1},
        "frames_per_recording": 2,
        "min_probability": 0.5,
    }
    return FaceData(**{**values, **changes})


def index_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "index.csv", keep_default_na=False)


def write_people(folder: Path, names: list[str], first: int = 0, recordings: int = 4) -> Path:
    """Photos, each a recording of its own."""
    for number, name in enumerate(names, start=first):
        person = draw_person(np.random.default_rng([1, number]))
        (folder / name).mkdir(parents=True)
        for i in range(recordings):
            drawn = draw_portrait(
                person,
                draw_recording(np.random.default_rng([2, number, i])),
                np.random.default_rng([3, number, i]),
            )
            cv2.imwrite(str(folder / name / f"photo {i}.jpg"), drawn.frame_rgb[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("drawn") / "face"
    return folder, generate_face(options(), 7, folder, workers=1)


def test_no_recording_and_no_stranger_is_on_two_sides(drawn: tuple[Path, dict[str, Any]]) -> None:
    index = index_of(drawn[0])
    assert (index.groupby("source")["split"].nunique() == 1).all()
    people = index.assign(person=index["source"].str.split("/").str[0])
    strangers = people[people["label"] == ""]
    assert set(strangers["split"]) == {"val", "test"}
    assert (strangers.groupby("person")["split"].nunique() == 1).all()
    assert not set(strangers["person"]) & set(people.loc[people["label"] != "", "person"])
    known = people[people["label"] != ""]
    assert (known["label"] == known["person"]).all()
    assert (known.groupby("person")["split"].nunique() == 3).all()


def test_frames_of_strangers_have_no_label(drawn: tuple[Path, dict[str, Any]]) -> None:
    folder, report = drawn
    test = load_frames(folder, "test", 64, report["classes"])
    assert set(test.labels.tolist()) == {-1, 0, 1}
    assert test.sources is not None
    assert test.sources == index_of(folder).query("split == 'test'")["source"].tolist()
    assert test.take(np.array([1])).sources == [test.sources[1]]


def test_the_report_tells_what_was_found(drawn: tuple[Path, dict[str, Any]]) -> None:
    folder, report = drawn
    n_frames = (2 * 4 + 2) * 2
    assert report["frames_looked_at"] == n_frames
    assert report["faces_found"]["value"] == len(index_of(folder)) / n_frames
    assert len(index_of(folder)) + len(report["skipped"]) == n_frames
    assert report["counts"]["test"]["people"] == 3
    assert 0 <= report["control_pixel_accuracy"]["value"] <= 1
    assert len(list((folder / SHEETS).iterdir())) == 4, "one for each person"


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(tmp_path: Path) -> None:
    many = options(people={"known": 6, "strangers_val": 1, "strangers_test": 1}, frames_per_recording=1)
    hashes = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        generate_face(many, 7, folder, workers=workers)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        hashes.append({path.relative_to(folder).as_posix(): sha256_file(path) for path in files})
    assert hashes[0] == hashes[1]


def test_a_folder_of_people_with_names_of_all_kinds(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people", NAMES)
    (people / "e" / "no face.jpg").write_bytes((people / "e" / "photo 0.jpg").read_bytes()[:200])
    report = generate_face(options(source=str(people), stranger_fraction=0.4), 7, tmp_path / "face", workers=1)
    index = index_of(tmp_path / "face")
    assert report["strangers"] == {"val": 1, "test": 1}
    assert len(report["classes"]) == 3
    assert set(index["source"].str.split("/").str[0]) == {*NAMES}
    assert any("no face.jpg" in entry["file"] for entry in report["skipped"])
    assert all((tmp_path / "face" / name).is_file() for name in index["file"])


def test_strangers_from_a_folder_of_their_own(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people", NAMES[:2])
    strangers = write_people(tmp_path / "strangers", ["s 1", "s 2"], first=7, recordings=1)
    params = options(source=str(people), strangers=str(strangers))
    report = generate_face(params, 7, tmp_path / "face", workers=1)
    assert report["classes"] == sorted(NAMES[:2])
    assert report["strangers"] == {"val": 1, "test": 1}


@pytest.mark.parametrize(
    ("people", "strangers", "what"),
    [
        pytest.param(["a", "b"], ["b", "c"], "known and a stranger", id="the same name on both sides"),
        pytest.param(["a", "b"], ["c"], "validated and tested", id="one stranger"),
    ],
)
def test_strangers_who_cannot_be_are_refused(
    tmp_path: Path, people: list[str], strangers: list[str], what: str
) -> None:
    params = options(
        source=str(write_people(tmp_path / "people", people)),
        strangers=str(write_people(tmp_path / "strangers", strangers, first=5, recordings=1)),
    )
    with pytest.raises(EdgeboardError, match=what):
        generate_face(params, 7, tmp_path / "face", workers=1)
    assert not (tmp_path / "face").exists()


def test_people_whose_face_is_never_found_are_named(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people", ["a", "b"])
    (people / "nobody").mkdir()
    for i in range(4):
        noise = np.random.default_rng(i).integers(0, 256, (200 + i, 200, 3), dtype=np.uint8)
        cv2.imwrite(str(people / "nobody" / f"{i}.jpg"), noise)
    strangers = write_people(tmp_path / "strangers", ["s", "t"], first=5, recordings=1)
    with pytest.raises(EdgeboardError, match="No face was found") as caught:
        generate_face(options(source=str(people), strangers=str(strangers)), 7, tmp_path / "face", workers=1)
    assert "nobody in " in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"source": "/nowhere"}, "does not exist"),
        ({"strangers": "/tmp"}, "which is synthetic"),
        ({"group_pattern": "("}, "no regular expression"),
    ],
)
def test_options_that_make_no_sense(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        options(**changes)


@pytest.mark.real_data
@pytest.mark.slow
def test_real_people(tmp_path: Path) -> None:
    if not (REAL_DATA / "faces").is_dir():
        pytest.skip("the real faces are not here")
    people = tmp_path / "few"
    people.mkdir()
    for person in sorted((REAL_DATA / "faces").iterdir())[:3]:
        _copy(person, people / person.name, 6)
    strangers = str(REAL_DATA / "faces_unknown")
    report = generate_face(options(source=str(people), strangers=strangers), 7, tmp_path / "face")
    assert report["faces_found"]["value"] > 0.9
    assert report["strangers"] == {"val": 3, "test": 4}


def _copy(source: Path, target: Path, count: int) -> None:
    target.mkdir()
    for file in sorted(source.iterdir())[:count]:
        (target / file.name).write_bytes(file.read_bytes())
