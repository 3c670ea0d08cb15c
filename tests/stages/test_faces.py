"""The task face through every stage under real DVC, at tiny size; people come and go without training."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.tasks.gallery import load
from tests.conftest import TINY, TINY_FACE, copy_repository, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
VARIANTS = ["baseline", "compact", "distilled", "pruned", "quantized"]
NAME = "Zoë O'Neil"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = copy_repository(tmp_path_factory.mktemp("face") / "edgeboard", TINY | TINY_FACE)
    (clone / "repro.log").write_text(run([sys.executable, "-m", "stages.repro"], clone).stdout)
    return clone


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("photos")
    person = draw_person(np.random.default_rng([9, 9]))
    for i in range(3):
        recording = draw_recording(np.random.default_rng([9, i]))
        drawn = draw_portrait(person, recording, np.random.default_rng([8, i]))
        cv2.imwrite(str(folder / f"{i}.png"), drawn.frame_rgb[..., ::-1])
    return [str(folder / f"{i}.png") for i in range(3)]


def test_the_board_has_every_variant_with_its_open_set_numbers(repository: Path) -> None:
    rows = pd.read_csv(repository / "results/leaderboard.csv").set_index("variant")
    assert sorted(rows.index) == VARIANTS
    assert set(rows["metric"]) == {"top-1"}
    assert rows["accuracy"].between(0, 1).all()
    assert (
        rows[["eer", "fpir", "rank1_with_unknowns", "size_mb", "fps", "fps_with_finder", "xai_drift"]]
        .notna()
        .all()
        .all()
    )
    assert rows.loc["baseline", "embedding_cosine"] == pytest.approx(1)
    assert rows.loc["quantized", "embedding_cosine"] < 1
    assert rows.loc["compact", "size_mb"] < rows.loc["baseline", "size_mb"] / 2


def test_every_variant_ships_a_gallery_and_a_threshold_of_its_own(repository: Path) -> None:
    report = json.loads((repository / "exports/face/report.json").read_text())
    galleries = {name: load(repository / one["gallery"], one["sha256"]) for name, one in report["variants"].items()}
    assert {tuple(one.names) for one in galleries.values()} == {tuple(report["class_names"])}
    thresholds = {one.threshold.similarity for one in galleries.values()}
    assert len(thresholds) > 1
    assert all(one.threshold.n_people == 2 for one in galleries.values()), "chosen with the strangers of validation"
    assert all(0 < one["parity"]["onnxruntime"]["cosine"] <= 1.000001 for one in report["variants"].values())


def test_no_picture_of_a_face_leaves_the_working_folders(repository: Path) -> None:
    """Neither the board's archive nor MLflow gets one: data.face.share is false."""
    kept = [path for folder in ("results/runs", "mlruns", "mlartifacts") for path in (repository / folder).rglob("*")]
    pictures = [path for path in kept if path.suffix in (".png", ".jpg", ".jpeg", ".npz")]
    charts = {f"{name}.{kind}.png" for name in VARIANTS for kind in ("roc", "confusion")}
    assert {path.name for path in pictures} <= charts
    rows = pd.read_csv(repository / "results/leaderboard.csv")
    assert rows["explanation"].isna().all()
    assert (repository / "results/explain/face/baseline.png").is_file(), "it stays here, for those who may see it"
    with sqlite3.connect(repository / "mlflow.db") as database:
        assert database.execute("select count(*) from runs").fetchone()[0] >= len(VARIANTS)


def test_somebody_is_enrolled_known_and_removed_without_training(repository: Path, photos: list[str]) -> None:
    models = {path: path.stat().st_mtime_ns for path in (repository / "models").rglob("*") if path.is_file()}
    faces = [sys.executable, "-m", "stages.faces"]
    assert (
        f"{NAME} is in galleries/compact.json, by 1 face" in run([*faces, "enrol", NAME, photos[0]], repository).stdout
    )
    shipped = load(repository / "exports/face/compact/gallery.json")
    assert load(repository / "galleries/compact.json").names == [*shipped.names, NAME]
    assert NAME not in shipped.names, "what DVC made stays as it is"
    told = run([*faces, "who", photos[0]], repository).stdout
    # Whom it names means nothing after one epoch; tests/export/test_face_gallery.py tells one colour from another.
    assert told.startswith("0.png: ")
    assert "cosine" in told
    again = run([*faces, "enrol", NAME, photos[2]], repository, check=False)
    assert "has a person of that name already" in again.stdout
    run([*faces, "enrol", NAME, photos[2], "--replace"], repository)
    assert "removed from galleries/compact.json" in run([*faces, "remove", NAME], repository).stdout
    assert load(repository / "galleries/compact.json").names == shipped.names
    assert "Nothing of this person" in run([*faces, "remove", NAME], repository, check=False).stdout
    assert models == {path: path.stat().st_mtime_ns for path in (repository / "models").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["enrol", "x"], "What is to be done"),
        (["who", "nothing.jpg"], "There is no such file"),
        (["who", "params.yaml"], "neither a photo nor a video"),
        (["who", "docs/board.png"], "no clear face"),
        (["enrol", "a/b", "PHOTO"], "cannot be called so"),
        (["who", "PHOTO", "--variant", "tiny"], "no such variant"),
    ],
)
def test_what_cannot_be_done_is_told(repository: Path, photos: list[str], words: list[str], what: str) -> None:
    given = [photos[0] if word == "PHOTO" else word for word in words]
    told = run([sys.executable, "-m", "stages.faces", *given], repository, check=False)
    assert told.returncode == 2
    assert what in told.stdout


def test_removing_somebody_everywhere_leaves_no_trace(repository: Path) -> None:
    """Last, for it takes a person out of the data."""
    person = json.loads((repository / "exports/face/report.json").read_text())["class_names"][0]
    index = pd.read_csv(repository / "data/face/index.csv", keep_default_na=False)
    crops = [(repository / "data/face" / file).read_bytes() for file in index.loc[index["label"] == person, "file"]]
    assert crops
    run([sys.executable, "-m", "stages.faces", "remove", person, "--everywhere"], repository)
    looked_at = ("data", ".dvc/cache", "galleries", "results/explain", ".edgeboard")
    files = [path for folder in looked_at for path in (repository / folder).rglob("*") if path.is_file()]
    contents = {path: path.read_bytes() for path in files}
    assert not [path for path, data in contents.items() if data in crops]
    assert not [path for path, data in contents.items() if person.encode() in data]
