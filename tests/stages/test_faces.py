"""The task face through every stage under real DVC, at tiny size; people come and go without training."""

from __future__ import annotations

import json
import sqlite3
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from pipeline.artifact import load_artifact
from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.data.recordings.person_names import folder_name
from pipeline.tasks.gallery import load
from tests.conftest import TINY, TINY_FACE, copy_repository, run
from tests.data.recordings.video_cases import write_video

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
VARIANTS = ["baseline", "compact", "distilled", "pruned", "quantized"]
NAME = "Zoë O'Neil"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = copy_repository(tmp_path_factory.mktemp("face") / "edgeboard", TINY | TINY_FACE)
    run([sys.executable, "-m", "stages.repro"], clone)
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
    clip = str(write_video(Path(photos[0]).with_name("clip.mp4"), [cv2.imread(photos[1])[..., ::-1]] * 5, rate=10))
    assert f"{NAME} is in galleries/compact.json, by 2 faces" in (
        run([*faces, "enrol", NAME, photos[0], clip], repository).stdout
    )
    shipped = load(repository / "exports/face/compact/gallery.json")
    assert load(repository / "galleries/compact.json").names == [*shipped.names, NAME]
    assert load(repository / "galleries/compact.json").people[-1].n_recordings == 2
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
    assert "nobody of that name" in run([*faces, "remove", NAME], repository, check=False).stdout
    assert models == {path: path.stat().st_mtime_ns for path in (repository / "models").rglob("*") if path.is_file()}


def test_a_trained_person_is_a_stranger_to_every_variant_once_removed(repository: Path, photos: list[str]) -> None:
    person, *others = json.loads((repository / "exports/face/report.json").read_text())["class_names"]
    faces = [sys.executable, "-m", "stages.faces"]
    told = run([*faces, "remove", person], repository).stdout
    assert sorted(path.stem for path in (repository / "galleries").glob("*.json")) == VARIANTS
    assert f"{person} stays in the data" in told
    for variant in VARIANTS:
        assert load(repository / f"galleries/{variant}.json").names == others
    assert person not in run([*faces, "who", *photos, "--variant", "pruned"], repository).stdout


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["enrol", "x"], "What is to be done"),
        (["who", "nothing.jpg"], "There is no such file"),
        (["who", "params.yaml"], "neither a photo nor a video"),
        (["who", "docs/board.png"], "no clear face"),
        (["enrol", "a/b", "PHOTO"], "cannot be called so"),
        (["remove", "max", "--everywhere"], "cannot be found by name"),
        (["who", "PHOTO", "--variant", "tiny"], "no such variant"),
    ],
)
def test_what_cannot_be_done_is_told(repository: Path, photos: list[str], words: list[str], what: str) -> None:
    given = [photos[0] if word == "PHOTO" else word for word in words]
    told = run([sys.executable, "-m", "stages.faces", *given], repository, check=False)
    assert told.returncode == 2
    assert what in told.stdout


def untracked(repository: Path) -> dict[str, bytes]:
    """Every file that Git does not know, DVC's cache among them, with what is packed in it; by its path."""
    known = set(run(["git", "ls-files"], repository).stdout.splitlines())
    files = [path for path in repository.rglob("*") if path.is_file() and ".git" not in path.parts]
    found = {path.relative_to(repository).as_posix(): path.read_bytes() for path in files}
    for path in filter(zipfile.is_zipfile, files):
        with zipfile.ZipFile(path) as archive:
            found |= {f"{path.relative_to(repository)}:{name}": archive.read(name) for name in archive.namelist()}
    return {name: data for name, data in found.items() if name not in known}


def is_picture(data: bytes) -> bool:
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG"))


def test_removing_somebody_everywhere_leaves_no_trace(repository: Path) -> None:
    """Last, for it takes a person out of the data. The whole clone is read: no list of folders can be too short."""
    person = json.loads((repository / "data/face/report.json").read_text())["classes"][0]
    index = pd.read_csv(repository / "data/face/index.csv", keep_default_na=False)
    crops = [(repository / "data/face" / file).read_bytes() for file in index.loc[index["label"] == person, "file"]]
    run([sys.executable, "-m", "stages.bundle", "face"], repository)
    experiment = repository / ".dvc/tmp/exps/tmp1/results/explain/face/baseline.png"
    experiment.parent.mkdir(parents=True)
    experiment.write_bytes((repository / "results/explain/face/baseline.png").read_bytes())
    (repository / ".dvc/tmp/exps/tmp1/dvc.yaml").touch()
    stopped = repository / ".edgeboard/checkpoints/train/last.ckpt"
    stopped.parent.mkdir(parents=True, exist_ok=True)
    stopped.write_bytes((repository / "models/face/train/baseline/weights.safetensors").read_bytes())
    before = untracked(repository)
    directions = load_file(repository / "models/face/train/baseline/weights.safetensors")["class_weights"]
    assert crops
    assert any(name.startswith("mlartifacts/") and person.encode() in data for name, data in before.items())

    told = run([sys.executable, "-m", "stages.faces", "remove", person, "--everywhere"], repository).stdout

    left = untracked(repository)
    spelt = [form.encode(how) for form in (person, folder_name(person)) for how in ("utf-8", "utf-32-le")]
    assert not [name for name, data in left.items() if any(one in name.encode() or one in data for one in spelt)]
    assert not [name for name, data in left.items() if any(crop in data for crop in crops)]
    # Of pictures only other people's are left, and charts without a name.
    of_data = {data for name, data in left.items() if name.startswith("data/face/")}
    pictures = {name for name, data in left.items() if is_picture(data) and data not in of_data}
    assert {Path(name).name for name in pictures} <= {f"{variant}.roc.png" for variant in VARIANTS}
    # Weights have directions of the others alone, and stand nowhere else.
    weights = {
        name for name, data in left.items() if b"class_weights" in data and name.endswith((".safetensors", ".ckpt"))
    }
    assert weights
    assert {Path(name).parts[0] for name in weights} == {"models"}
    kept = load_file(repository / "models/face/train/baseline/weights.safetensors")["class_weights"]
    assert kept.tolist() == directions[:, 1:].tolist()
    for variant in VARIANTS:
        assert np.load(repository / f"exports/face/{variant}/class_weights.npy").shape[1] == directions.shape[1] - 1
        assert person not in load(repository / f"exports/face/{variant}/gallery.json").names
    assert (
        load_artifact(repository / "models/face/prune/prune")[1].class_names
        == load(repository / "exports/face/pruned/gallery.json").names
    )
    assert "only you can change" in told
    assert "names the person" not in told
