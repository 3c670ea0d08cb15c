"""The data folder of faces: split by recording, strangers apart, the same bytes whatever the workers."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from pipeline.data.face_crops.crops import Crop, Rejected, crop_faces
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.data.faces.drawn import DrawnFrames, plan_drawn
from pipeline.data.faces.generate import SHEETS, generate_face
from pipeline.data.faces.imported import plan_folder
from pipeline.data.faces.reading import crop_options, smallest_face
from pipeline.data.frames import load_frames
from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.errors import EdgeboardError
from pipeline.face_data_options import FaceData
from pipeline.files import sha256_file
from tests.conftest import REAL_DATA, REPOSITORY
from tests.data.recordings.video_cases import write_video

NAMES = ["Anna-Lena", "Бори́с O'Neil", "c d", "e", "f"]


def options(**changes: Any) -> FaceData:
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text())["data"]["face"]
    values |= {
        "people": {"known": 2, "strangers_val": 1, "strangers_test": 1},
        "recordings": {"train": 2, "val": 1, "test": 1},
        "frames_per_recording": 2,
        "min_probability": 0.5,
        "min_face": 60,
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
    n_frames = (2 * 4 + 1) * 2 + 1  # of the stranger of validation one
    assert report["frames_looked_at"] == n_frames
    assert report["faces_found"]["value"] == len(index_of(folder)) / n_frames
    assert len(index_of(folder)) + len(report["skipped"]) == n_frames
    assert report["counts"]["test"]["people"] == 3
    assert 0 <= report["control_pixel_accuracy"]["value"] <= 1
    assert len(list((folder / SHEETS).iterdir())) == 4, "one for each person"


def _plan(**changes: Any) -> dict[str, list[DrawnFrames]]:
    """Of each person, in order of names."""
    people: dict[str, list[DrawnFrames]] = {}
    for one in plan_drawn(options(**changes), 7).recordings:
        assert isinstance(one.source, DrawnFrames)
        people.setdefault(f"{one.person} {'' if one.is_known else one.split}", []).append(one.source)
    return people


def test_more_strangers_to_validate_with_change_nobody_else() -> None:
    few, many = (_plan(people={"known": 2, "strangers_val": n, "strangers_test": 3}) for n in (20, 50))
    assert few.items() <= many.items()
    assert len(few) == 25
    # Who they were when 20 strangers of validation came before them.
    assert [name for name in few if name.endswith("test")] == [f"person {number:03d} test" for number in (23, 24, 25)]


def test_of_a_stranger_any_frame_may_be_taken_and_it_is_that_frame_of_all() -> None:
    strangers = {"known": 2, "strangers_val": 40, "strangers_test": 1}
    plan = _plan(people=strangers, frames_per_recording=4, frames_per_val_stranger=1)
    taken = [of[0] for name, of in plan.items() if name.endswith("val")]
    read = taken[0].read(), replace(taken[0], n_taken=None).read()
    (name, frame), every = read[0].frames[0], dict(read[1].frames)  # type: ignore[union-attr]
    assert (len(every), len(read[0].frames)) == (4, 1)  # type: ignore[union-attr]
    assert np.array_equal(frame, every[name])
    names = {one.read().frames[0][0] for one in taken[:16]}  # type: ignore[union-attr]
    assert names == set(every)


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
    # Of somebody who has other photos, so that it is no reason why nobody was found.
    cv2.imwrite(str(people / "a" / "tiny.jpg"), np.full((24, 24, 3), 90, dtype=np.uint8))
    cv2.imwrite(str(people / "a" / "small.jpg"), cv2.resize(cv2.imread(str(people / "a" / "photo 0.jpg")), (60, 80)))
    with pytest.raises(EdgeboardError, match="No usable face was found of some people") as caught:
        generate_face(options(source=str(people), strangers=str(strangers)), 7, tmp_path / "face", workers=1)
    assert "nobody in " in str(caught.value)
    assert str(caught.value.value).endswith("; no face was found")


def test_strangers_without_a_face_are_told_before_anything_is_trained(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people", ["a", "b"])
    strangers = tmp_path / "strangers"
    for name in ("s", "t"):
        (strangers / name).mkdir(parents=True)
        cv2.imwrite(str(strangers / name / "wall.jpg"), np.full((200, 200 + ord(name), 3), 90, dtype=np.uint8))
    with pytest.raises(EdgeboardError, match="No usable face was found of some people") as caught:
        generate_face(options(source=str(people), strangers=str(strangers)), 7, tmp_path / "face", workers=1)
    assert caught.value.value == "2 times: all strangers in val, all strangers in test; no face was found"


def test_the_same_file_of_a_known_person_and_a_stranger_is_refused(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people", ["a", "b"])
    strangers = write_people(tmp_path / "strangers", ["s", "t"], first=5, recordings=1)
    shutil.copy(people / "a" / "photo 0.jpg", strangers / "s" / "same.jpg")
    with pytest.raises(EdgeboardError, match="The same file") as caught:
        plan_folder(options(source=str(people), strangers=str(strangers)), 7, "face", workers=1)
    assert "a/photo 0.jpg and s/same.jpg" in str(caught.value)
    # Only alike: for a person to look at.
    Image.open(people / "a" / "photo 0.jpg").save(strangers / "s" / "same.jpg", quality=70)
    plan = plan_folder(options(source=str(people), strangers=str(strangers)), 7, "face", workers=1)
    assert plan.findings["twins"] == [{"file": "a/photo 0.jpg", "other": "s/same.jpg"}]


def test_videos_of_people_and_what_was_cut_from_them_stay_in_one_split(tmp_path: Path) -> None:
    for number, name in enumerate(["a", "b"]):
        (tmp_path / "people" / name).mkdir(parents=True)
        for i in range(4):
            read = DrawnFrames(1, number, i, 9).read()
            frames = [frame for _, frame in read.frames]  # type: ignore[union-attr]
            write_video(tmp_path / "people" / name / f"{i}.mp4", frames, rate=3)
        write_video(tmp_path / "people" / name / "4 cut.mp4", frames[4:], rate=3)
        Image.fromarray(frames[8]).save(tmp_path / "people" / name / "still.jpg")
    strangers = write_people(tmp_path / "strangers", ["s", "t"], first=5, recordings=1)
    params = options(source=str(tmp_path / "people"), strangers=str(strangers), max_side=320, min_face=40)
    report = generate_face(params, 7, tmp_path / "face", workers=1)
    index = index_of(tmp_path / "face")
    known = index[index["label"] != ""]
    assert report["classes"] == ["a", "b"]
    assert known.groupby("source")["split"].nunique().to_dict() == {
        f"{who}/{who}/{i}.mp4": 1 for who in "ab" for i in range(4)
    }
    assert len(known) > 2 * 6
    crops = known[known["source"] == "a/a/3.mp4"]["file"].str.split("/").str[-1]
    assert {name.rsplit("_", 2)[0] for name in crops} == {"3", "4_cut", "still"}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"source": "/nowhere"}, "does not exist"),
        ({"strangers": "/tmp"}, "which is synthetic"),
        ({"group_pattern": "("}, "no regular expression"),
        ({"source": ".", "max_side": 4096}, "one of 103 to 4096 can"),
        ({"source": ".", "max_side": 960, "min_face": 23}, "one of 24 to 960 can"),
        ({"source": ".", "max_side": 64, "min_face": 65}, "one of 2 to 64 can"),
        ({"min_face": 321}, "one of 8 to 320 can"),
    ],
)
def test_options_that_make_no_sense(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        options(**changes)


@pytest.mark.parametrize(
    ("changes", "sought_px"),
    [
        ({"min_face": 40}, 0.1 * 320),
        ({"source": ".", "min_face": 40}, 0.8 * 40),
        ({"source": ".", "min_face": 24}, 0.8 * 24),
        ({"source": ".", "max_side": 4096, "min_face": 103}, 0.8 * 103),
    ],
)
def test_faces_are_sought_a_little_below_the_least_that_is_taken(changes: dict[str, Any], sought_px: float) -> None:
    params = options(**changes)
    frame_side = 320 if params.is_synthetic else params.max_side
    assert smallest_face(params) * frame_side == pytest.approx(sought_px)


@pytest.mark.parametrize(
    ("width", "reason"), [(48, None), (36, r"the face is too small: \d\d pixels; at least 24 \(min_face\)")]
)
def test_the_least_face_is_found_in_a_frame_of_the_largest_size(width: int, reason: str | None) -> None:
    """Seeking from a twentieth of the frame on, neither was found as a face, whatever min_face said."""
    params = options(source=".", min_face=24, min_probability=0.9)
    person = draw_person(np.random.default_rng([1, 0]))
    drawn = draw_portrait(person, draw_recording(np.random.default_rng([2, 0, 0])), np.random.default_rng([3, 0, 0]))
    frame = np.full((720, 960, 3), 120, dtype=np.uint8)
    small = cv2.resize(drawn.frame_rgb, (width, round(width * 4 / 3)), interpolation=cv2.INTER_AREA)
    frame[300 : 300 + small.shape[0], 400 : 400 + width] = small
    (found,) = crop_faces([("it", frame)], FaceFinder(smallest_face(params)), crop_options(params))
    if reason is None:
        assert isinstance(found, Crop)
        assert 24 <= (found.face.box_xyxy[2:] - found.face.box_xyxy[:2]).max() < 30
    else:
        assert isinstance(found, Rejected)
        assert re.fullmatch(reason, found.reason)


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
