"""Forgetting a person: proved by reading every byte that is left."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from pipeline.data.dataset import SPLITS, Row, make_folders, picture_path, write_index
from pipeline.data.face_traces import find_traces, remove_traces
from pipeline.data.recordings.person_names import folder_name
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file, write_json
from pipeline.tasks.gallery import Gallery, Threshold, enrol, load, save

THRESHOLD = Threshold(0.6, 0.01, 0.0, 20, 4, False, "")
PER_SPLIT = 2


def crop(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG")
    return encoded.getvalue()


def make_data(folder: Path, people: list[str]) -> None:
    """A data folder as the crops' stage leaves it: crops, a sheet for each person and one of all, index and report."""
    make_folders(folder, [folder_name(person) for person in people])
    rows = []
    for p, person in enumerate(people):
        for s, split in enumerate(SPLITS):
            for i in range(PER_SPLIT):
                file = picture_path(split, folder_name(person), f"video_{i}_{p:05d}")
                (folder / file).write_bytes(crop(100 * p + 10 * s + i))
                source = f"{person}/video {s}.mp4"
                rows.append(Row(file, person, split, source, "", 24, 24, sha256_file(folder / file)))
        (folder / "sheets").mkdir(exist_ok=True)
        (folder / "sheets" / f"{folder_name(person)}.png").write_bytes(crop(9000 + p))
    (folder / "everybody.jpg").write_bytes(crop(9999))
    write_index(folder, rows)
    report = {
        "classes": people,
        "counts": {split: dict.fromkeys(people, PER_SPLIT) for split in SPLITS},
        "n_groups": 6,
        "image_width": {"min": 24, "median": 24, "max": 24},
        "data_hash": sha256_file(folder / "index.csv"),
        "skipped": [{"file": f"{person}/dark.jpg", "reason": "no face was found"} for person in people],
        "near_duplicates": [[f"{person}/1.jpg", f"{person}/2.jpg"] for person in people],
        "twins": [{"files": [f"{people[0]}/x.jpg", f"{people[1]}/x.jpg"]}],
        "worst": {"file": f"{people[0]}/1.jpg", "probability": 0.5},
    }
    write_json(folder / "report.json", report)


def make_gallery(path: Path, people: list[str]) -> None:
    gallery = Gallery("a" * 64, 8, THRESHOLD)
    for i, person in enumerate(people):
        gallery = enrol(gallery, person, np.eye(8)[i][None])
    path.parent.mkdir(parents=True, exist_ok=True)
    save(gallery, path)


def make_dvc_cache(cache: Path, data: Path) -> None:
    """What `dvc` keeps of a folder: every file by its MD5, and a list with their names."""
    entries = []
    for path in sorted(data.rglob("*")):
        if path.is_file():
            md5 = hashlib.md5(path.read_bytes()).hexdigest()
            entries.append({"md5": md5, "relpath": path.relative_to(data).as_posix()})
            put(cache / "files" / "md5" / md5[:2] / md5[2:], path.read_bytes())
    listing = json.dumps(entries).encode()
    md5 = hashlib.md5(listing).hexdigest()
    put(cache / "files" / "md5" / md5[:2] / f"{md5[2:]}.dir", listing)


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def spellings(person: str) -> set[bytes]:
    """By other means than the code: what must not be found in any byte, in any path."""
    forms = {person, folder_name(person), json.dumps(person)[1:-1], json.dumps(person, ensure_ascii=False)[1:-1]}
    forms |= {unicodedata.normalize("NFD", form) for form in forms}
    return {form.encode(encoding) for form in forms for encoding in ("utf-8", "utf-32-le")}


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every path below, with its bytes and what is packed in it."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        yield name, name.encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
        if path.is_file() and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    yield f"{name}:{member}", member.encode() + archive.read(member)


def assert_forgotten(root: Path, person: str, hashes: set[str], others: list[str] | None = None) -> None:
    kept = {form for other in others or () if person in other for form in spellings(other)}
    for name, data in contents(root):
        for form in kept:
            data = data.replace(form, b"")
        # A picture's compressed pixels spell short names by chance: it is known by its hash alone.
        if not data.partition(b"\n")[2].startswith(b"\xff\xd8"):
            assert not any(form in data for form in spellings(person)), name
    assert not hashes & {sha256_file(path) for path in root.rglob("*") if path.is_file()}


class House:
    """Two people and the one to forget, everywhere where people leave traces."""

    def __init__(self, root: Path, person: str, others: list[str]) -> None:
        self.root, self.person, self.others = root, person, others
        self.data, self.exports, self.cache = root / "data" / "face", root / "exports", root / "cache"
        make_data(self.data, [person, *others])
        for variant in ("baseline", "compact"):
            make_gallery(self.exports / variant / "gallery.json", [others[0], person, others[1]])
            put(self.exports / variant / "model.onnx", b"\0weights")
        make_dvc_cache(self.cache / "dvc", self.data)
        names = np.array([person, *others])
        np.savez_compressed(put(self.cache / "embeddings.npz", b""), names=names, vectors=np.eye(3))
        np.save(put(self.cache / "names.npy", b""), names)
        put(self.cache / "log.txt", f"cropping {person}/video 0.mp4\n".encode())
        put(self.cache / "copies" / "0001.jpg", self.crops(person)[0].read_bytes())
        put(self.cache / "copies" / "0002.jpg", self.crops(others[0])[0].read_bytes())
        put(self.data / ".index.csv.tmp-killed", (self.data / "index.csv").read_bytes())
        self.maps = root / "results" / "maps"
        put(self.maps / "of all" / "baseline.png", crop(8001))
        put(self.cache / "objects" / "0a1b", crop(8001))
        self.hashes = {sha256_file(path) for path in self.crops(person)}
        self.hashes |= {sha256_file(self.data / "sheets" / f"{folder_name(person)}.png")}
        self.hashes |= {sha256_file(self.data / "everybody.jpg"), hashlib.sha256(crop(8001)).hexdigest()}
        self.folders, self.caches, self.wholes = [self.data, self.exports], [self.cache], [self.maps]

    def crops(self, person: str) -> list[Path]:
        return sorted((self.data / "images").glob(f"*/{folder_name(person)}/*.jpg"))

    def remove(self) -> list[Path]:
        return remove_traces(self.person, self.folders, self.caches, self.wholes)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "house", "Ann Lee", ["Bo", "Cy"])


NAMES = [
    ("Ann Lee", ["Bo", "Cy"]),
    ("Ann", ["Ann Lee", "Joann"]),  # somebody's name in somebody else's
    ("Ann Lee", ["Ann", "Lee"]),
    ("p1", ["p10", "p11"]),
    ("Jörg", ["Jorg", "Bo"]),
    ('Ann "the cat" O\'Hara, jr', ["Bo", "Cy"]),
    ("Иван", ["Ivan", "Bo"]),
    ("李", ["李明", "Bo"]),
    ("..Ann", ["Bo", "Cy"]),
    ("100% Ann_Lee", ["Bo", "Cy"]),
]


@pytest.mark.parametrize(("person", "others"), NAMES)
def test_no_byte_tells_of_the_person_and_the_others_stay(tmp_path: Path, person: str, others: list[str]) -> None:
    house = House(tmp_path / "house", person, others)
    before = {path: path.read_bytes() for other in others for path in house.crops(other)}
    assert len(before) == 2 * 3 * PER_SPLIT
    with pytest.raises(AssertionError):
        assert_forgotten(house.root, person, house.hashes, others)
    removed = house.remove()
    assert len(removed) == len(set(removed)) > 3 * PER_SPLIT
    assert_forgotten(house.root, person, house.hashes, others)
    assert {path: path.read_bytes() for path in before} == before
    for other in others:
        assert (house.data / "sheets" / f"{folder_name(other)}.png").is_file()
    for variant in ("baseline", "compact"):
        assert load(house.exports / variant / "gallery.json").names == others
        assert (house.exports / variant / "model.onnx").is_file()
    # Other people's crops may be taken from the caches, too.
    assert (house.cache / "copies" / "0002.jpg").is_file()
    for path in before:
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        assert (house.cache / "dvc" / "files" / "md5" / md5[:2] / md5[2:]).is_file()


def test_what_is_left_is_a_true_data_folder(house: House) -> None:
    house.remove()
    with (house.data / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {"Bo", "Cy"}
    assert len(rows) == 2 * 3 * PER_SPLIT
    assert all(sha256_file(house.data / row["file"]) == row["sha256"] for row in rows)
    assert json.loads((house.data / "report.json").read_text()) == {
        "classes": ["Bo", "Cy"],
        "counts": {split: {"Bo": PER_SPLIT, "Cy": PER_SPLIT} for split in SPLITS},
        "n_groups": 6,
        "image_width": {"min": 24, "median": 24, "max": 24},
        "data_hash": sha256_file(house.data / "index.csv"),
        "skipped": [{"file": f"{person}/dark.jpg", "reason": "no face was found"} for person in ("Bo", "Cy")],
        "near_duplicates": [[f"{person}/1.jpg", f"{person}/2.jpg"] for person in ("Bo", "Cy")],
        "twins": [{"files": ["Bo/x.jpg"]}],
        "worst": None,
    }


def test_a_name_of_two_hexadecimal_digits_is_not_a_folder_of_dvc(tmp_path: Path) -> None:
    house = House(tmp_path / "house", "be", ["Bo", "Cy"])
    stays = put(house.cache / "dvc" / "files" / "md5" / "be" / ("0" * 30), crop(7001))
    goes = put(house.cache / "be" / "deep" / "be.jpg", crop(7002))
    house.remove()
    assert stays.is_file()
    assert goes.parent.is_dir()  # nothing but two digits tells it from a folder of DVC's
    assert not goes.is_file()
    assert {sha256_file(path) for path in house.root.rglob("*") if path.is_file()}.isdisjoint(house.hashes)


@pytest.mark.parametrize(("removed", "stays"), [("Ann Lee", "Ann Lee junior"), ("Ann Lee junior", "Ann Lee")])
def test_strangers_who_have_no_label_are_people_too(house: House, removed: str, stays: str) -> None:
    """A stranger's person stands in the source alone."""
    stranger = "Ann Lee junior"
    file = put(house.data / "images" / "val" / folder_name(stranger) / "video_0.jpg", crop(7003))
    put(house.data / "sheets" / f"{folder_name(stranger)}.jpg", crop(7004))
    with (house.data / "index.csv").open("a") as index:
        index.write(f"{file.relative_to(house.data)},,val,{stranger}/video.mp4,,24,24,{sha256_file(file)}\n")
    remove_traces(removed, house.folders, house.caches)
    assert (stranger == stays) == file.is_file()
    assert (stranger == stays) == (house.data / "sheets" / f"{folder_name(stranger)}.jpg").is_file()
    assert (stranger == stays) == (f"{stranger}/" in (house.data / "index.csv").read_text())
    assert (stranger == stays) != bool(house.crops("Ann Lee"))
    assert ("Ann Lee" in load(house.exports / "compact" / "gallery.json").names) == (stays == "Ann Lee")


def test_a_second_pass_finds_nothing_and_changes_nothing(house: House) -> None:
    found = find_traces(house.person, house.folders, house.caches, house.wholes)
    assert [trace.path for trace in found] == house.remove()
    after = dict(contents(house.root))
    assert find_traces(house.person, house.folders, house.caches, house.wholes) == []
    assert house.remove() == []
    assert dict(contents(house.root)) == after


def test_looking_touches_nothing(house: House) -> None:
    before = dict(contents(house.root))
    reasons = {trace.reason for trace in find_traces(house.person, house.folders, house.caches, house.wholes)}
    assert dict(contents(house.root)) == before
    assert {
        "listed in index.csv",
        "named after the person",
        "the name is in it",
        "a copy of a picture of the person",
        "a picture that no row lists and that may show several people",
        "it may show the person without saying so",
    } <= reasons


def test_nobody_of_that_name_leaves_everything(house: House) -> None:
    before = dict(contents(house.root))
    assert remove_traces("Zoe", house.folders, house.caches, house.wholes) == []
    assert remove_traces("Ann Lee", [house.root / "nowhere"], [house.root / "nor here"]) == []
    assert dict(contents(house.root)) == before


@pytest.mark.parametrize("survived", [0, 1, 5, 20, 29, 33, 40, 45, 48, 50, 60])
def test_interrupted_anywhere_it_goes_on(house: House, monkeypatch: pytest.MonkeyPatch, survived: int) -> None:
    left = survived
    replace, unlink = Path.replace, Path.unlink

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    def replacing(self: Path, target: Any) -> Path:
        count()
        return replace(self, target)

    def unlinking(self: Path, missing_ok: bool = False) -> None:
        if ".tmp-" not in self.name:
            count()
        unlink(self, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replacing)
        patched.setattr(Path, "unlink", unlinking)
        try:
            house.remove()
        except KeyboardInterrupt:
            interrupted = True
        else:
            interrupted = False
    assert interrupted == (left < 0)
    house.remove()
    assert_forgotten(house.root, house.person, house.hashes)
    assert load(house.exports / "compact" / "gallery.json").names == ["Bo", "Cy"]


def test_a_crop_of_the_person_under_another_name_goes_with_its_row(house: House) -> None:
    twin = house.data / picture_path("train", "Bo", "twin")
    twin.write_bytes(house.crops("Ann Lee")[0].read_bytes())
    with (house.data / "index.csv").open("a") as file:
        file.write(f"{twin.relative_to(house.data)},Bo,train,Bo/x.jpg,,24,24,{sha256_file(twin)}\n")
    house.remove()
    assert not twin.exists()
    assert "twin" not in (house.data / "index.csv").read_text()
    assert_forgotten(house.root, "Ann Lee", house.hashes)


def test_a_link_goes_and_what_it_points_to_outside_stays(house: House, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / "original.jpg", crop(1))
    link = house.data / "sheets" / "Ann_Lee-2.png"
    link.symlink_to(outside)
    (house.data / "Ann Lee").symlink_to(outside.parent)
    first = house.crops("Ann Lee")[0]
    elsewhere = put(tmp_path / "outside" / "crop.jpg", first.read_bytes())
    first.unlink()
    first.symlink_to(elsewhere)  # as DVC's cache.type symlink has it
    house.remove()
    assert not link.is_symlink()
    assert not (house.data / "Ann Lee").is_symlink()
    assert not first.is_symlink()
    assert outside.is_file()
    assert elsewhere.is_file()


def test_a_row_that_leads_out_of_its_folder_deletes_nothing_there(house: House, tmp_path: Path) -> None:
    outside = put(tmp_path / "house" / "data" / "precious.jpg", crop(1))
    with (house.data / "index.csv").open("a") as file:
        file.write(f"../precious.jpg,Ann Lee,train,x,,24,24,\n{outside},Ann Lee,train,x,,24,24,\n")
    house.remove()
    assert outside.is_file()
    assert "precious" not in (house.data / "index.csv").read_text()


def test_a_network_trained_with_the_person_is_refused_before_anything_goes(house: House) -> None:
    meta = house.exports / "compact" / "meta.json"
    write_json(meta, {"class_names": ["Ann Lee", "Bo", "Cy"]})
    before = dict(contents(house.root))
    with pytest.raises(EdgeboardError, match="trained with this person") as caught:
        house.remove()
    assert caught.value.where == meta
    assert dict(contents(house.root)) == before


def test_a_damaged_file_with_the_name_is_refused_before_anything_goes(house: House) -> None:
    path = house.exports / "compact" / "gallery.json"
    path.write_text(path.read_text()[:-40])
    before = dict(contents(house.root))
    with pytest.raises(EdgeboardError, match="damaged") as caught:
        house.remove()
    assert caught.value.where == path
    assert dict(contents(house.root)) == before


def test_maps_that_name_nobody_go_with_their_folder_though_the_person_is_in_no_data_any_more(tmp_path: Path) -> None:
    table = put(tmp_path / "maps" / "charts" / "most_confused.json", b'[{"person": "Ann Lee", "n": 2}]')
    chart = put(tmp_path / "maps" / "charts" / "confusion.png", crop(1))
    copy = put(tmp_path / "cache" / "3c5d", chart.read_bytes())
    assert remove_traces("Bo", [], [tmp_path / "cache"], [tmp_path / "maps"]) == []
    gone = remove_traces("Ann Lee", [], [tmp_path / "cache"], [tmp_path / "maps", tmp_path / "absent"])
    assert sorted(gone) == sorted([table, chart, copy, table.parent, tmp_path / "maps"])
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "maps").exists()


def test_other_peoples_pictures_in_what_goes_as_a_whole_stay_in_the_caches(house: House) -> None:
    """A whole may be a copy of the data folder; empty files are copies of nothing."""
    of_bo, empty = house.crops("Bo")[0], put(house.cache / "board.lock", b"")
    put(house.maps / "copy.jpg", of_bo.read_bytes())
    put(house.maps / "nothing.txt", b"")
    copy = put(house.cache / "copies" / "bo", of_bo.read_bytes())
    house.remove()
    assert not house.maps.exists()
    assert copy.is_file()
    assert empty.is_file()


def test_the_direction_of_the_persons_class_goes_with_the_name_and_the_artifact_can_still_be_read(
    house: House,
) -> None:
    """The cached weights too, by their content: none of it says whose they are."""
    names, weights = ["Bo", "Ann Lee", "Cy"], np.arange(12, dtype=np.float32).reshape(4, 3)
    artifact, of_variant = house.exports / "models" / "pruned_one", house.exports / "baseline"
    layers = {"class_weights": {"dim0": 4, "dim1": 3}, "conv": {"out": 8}}
    write_json(artifact / "meta.json", {"class_names": names, "layers": layers, "task": "face"})
    save_file({"class_weights": weights, "conv": np.ones(5, np.float32)}, artifact / "weights.safetensors")
    write_json(house.exports / "report.json", {"class_names": names})
    np.save(of_variant / "class_weights.npy", weights)
    files = (artifact / "weights.safetensors", of_variant / "class_weights.npy")
    copies = [put(house.cache / "objects" / file.stem, file.read_bytes()) for file in files]
    house.remove()
    meta = json.loads((artifact / "meta.json").read_text())
    assert meta == {
        "class_names": ["Bo", "Cy"],
        "layers": layers | {"class_weights": {"dim0": 4, "dim1": 2}},
        "task": "face",
    }
    left = load_file(artifact / "weights.safetensors")
    assert left["class_weights"].tolist() == weights[:, [0, 2]].tolist()
    assert left["conv"].tolist() == [1] * 5
    assert np.load(of_variant / "class_weights.npy").tolist() == weights[:, [0, 2]].tolist()
    assert not any(copy.exists() for copy in copies)
    assert house.remove() == []


def test_a_network_that_spells_the_name_by_chance_stays(house: House) -> None:
    """Short names are spelt by chance among millions of numbers."""
    network = put(house.exports / "compact" / "model.onnx", b"\0\xff weights Ann Lee weights")
    house.remove()
    assert network.is_file()


@pytest.mark.parametrize(
    "name", ["", "  ", "train", "images", "label", "max", "24", "2026-11", "a", "compact", "model", "report"]
)
def test_a_name_by_which_too_much_would_be_found_is_refused(house: House, name: str) -> None:
    before = dict(contents(house.root))
    with pytest.raises(EdgeboardError):
        remove_traces(name, house.folders, house.caches)
    assert dict(contents(house.root)) == before


def test_files_keep_their_permissions(house: House) -> None:
    path = house.exports / "compact" / "gallery.json"
    house.remove()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (house.data / "index.csv").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("a.txt", "one\nof Ann_Lee_01.jpg\ntwo\n", "one\ntwo\n"),
        ("a.txt", "Joann Leeds and AnnLee\n", "Joann Leeds and AnnLee\n"),
        ("a.jsonl", '{"file": "Ann Lee/1.jpg"}\n{"file": "Bo/1.jpg"}\n', '{"file": "Bo/1.jpg"}\n'),
        ("a.jsonl", '{"file": "\\u0041nn Lee/1.jpg"}\n{}\n', "{}\n"),
        ("a.json", '["\\u0041nn Lee", "Bo"]', '[\n  "Bo"\n]\n'),
        ("a.json", '{"note": "\\u00e9"}', '{"note": "\\u00e9"}'),  # nobody: not even the spelling changes
        ("a.json", '{"source": "faces/Ann Lee", "n": 1}', '{\n  "source": null,\n  "n": 1\n}\n'),
        ("a.tsv", "a\tb\nAnn Lee\t1\nBo\t2\n", "a\tb\nBo\t2\n"),
        ("a.csv", 'a,b\r\n"x, Ann Lee",1\r\n"x, y",2\r\n', 'a,b\r\n"x, y",2\r\n'),
    ],
)
def test_texts_lose_what_tells_of_the_person(tmp_path: Path, name: str, text: str, left: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    remove_traces("Ann Lee", [tmp_path])
    assert (tmp_path / name).read_bytes() == left.encode()
