"""The data folder of mixed images as a whole: the same bytes again, interrupted runs, no leak between splits."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError

from pipeline.data.annotations import read_annotations
from pipeline.data.suspect import generate_suspect
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, sha256_file
from tests.conftest import REAL_DATA, REPOSITORY
from tests.data.mixing.cases import detection_options, disc_cutout, fill_source
from tests.data.photo_cases import a_photo, all_bytes, mounted_tmpfs, remount
from tests.data.test_annotated_folder import annotated

CLASSES = {"disc": 6, "plate": 4}
ONE_EACH = {"train": 1, "val": 1, "test": 1}


def generate(source: Path | str, out: Path, seed: int = 7, workers: int = 1, **changes: Any) -> dict[str, Any]:
    return generate_suspect(detection_options(source, **changes), seed, out, workers=workers)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_source(tmp_path_factory.mktemp("source") / "mix", CLASSES)


@pytest.fixture(scope="module")
def made(source: Path) -> Path:
    generate(source, source.parent / "made")
    return source.parent / "made"


def images_of(folder: Path, split: str) -> dict[str, bytes]:
    return all_bytes(folder / "images" / split)


def test_folder_holds_what_is_documented_and_nothing_else(made: Path) -> None:
    index = pd.read_csv(made / "index.csv", keep_default_na=False)
    assert list(index) == ["file", "label", "split", "source", "mask", "width", "height", "sha256"]
    others = {"index.csv", "annotations.csv", "report.json", "contact_sheet.jpg"}
    coco = {f"coco/{split}.json" for split in ("train", "val", "test")}
    assert set(all_bytes(made)) == set(index["file"]) | others | coco
    assert index["split"].value_counts().to_dict() == {"train": 20, "val": 5, "test": 9}
    assert index["sha256"].is_unique
    assert all(sha256_file(made / row.file) == row.sha256 for row in index.itertuples())
    assert list(index["file"]) == sorted(index["file"])
    assert sorted(path.name for path in made.parent.iterdir()) == ["made", "mix"], "nothing is left beside it"


def test_index_annotations_coco_and_report_agree(made: Path) -> None:
    index, report = pd.read_csv(made / "index.csv", keep_default_na=False), read_json(made / "report.json")
    boxes = read_annotations(made / "annotations.csv")
    assert report["classes"] == ["disc", "plate"]
    for row in index.itertuples():
        found = boxes.get(row.file, [])
        largest = max(found, key=lambda box: (box.xmax - box.xmin) * (box.ymax - box.ymin), default=None)
        assert row.label == (largest.name if largest else "")
        height, width = cv2.imread(str(made / row.file)).shape[:2]
        assert (row.width, row.height) == (width, height) == (160, 120)
        assert all(0 <= b.xmin < b.xmax <= width and 0 <= b.ymin < b.ymax <= height for b in found)
    for split, counts in report["counts"].items():
        files = list(index[index["split"] == split]["file"])
        coco = json.loads((made / "coco" / f"{split}.json").read_text())
        assert [image["file_name"] for image in coco["images"]] == files
        assert counts["images"] == len(files)
        assert counts["empty"] == sum(file not in boxes for file in files)
        for number, name in enumerate(report["classes"], start=1):
            of_class = sum(box.name == name for file in files for box in boxes.get(file, []))
            assert counts["objects"][name] == of_class
            assert sum(one["category_id"] == number for one in coco["annotations"]) == of_class
    assert report["skipped"] == []
    assert report["pools"]["train"]["objects"]["disc"] >= 3


def test_two_workers_write_the_same_bytes_as_one(tmp_path: Path, source: Path) -> None:
    count = {"train": 500, "val": 10, "test": 30}
    told: list[tuple[int, int]] = []
    generate(source, tmp_path / "one", count=count)
    generate_suspect(
        detection_options(source, count=count), 7, tmp_path / "two", workers=2,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert all_bytes(tmp_path / "one") == all_bytes(tmp_path / "two")
    assert told[-1] == (540, 540)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_more_images_leave_the_first_ones_as_they_were(tmp_path: Path, source: Path, made: Path) -> None:
    generate(source, tmp_path / "more", count={"train": 31, "val": 5, "test": 9})
    for split in ("train", "val", "test"):
        assert images_of(made, split).items() <= images_of(tmp_path / "more", split).items()
    assert len(images_of(tmp_path / "more", "train")) == 31


def test_another_seed_gives_other_images(tmp_path: Path, source: Path, made: Path) -> None:
    generate(source, tmp_path / "other", seed=8)
    assert not set(images_of(made, "train").values()) & set(images_of(tmp_path / "other", "train").values())


def test_no_split_sees_an_object_or_background_of_another(tmp_path: Path) -> None:
    """Every object and background has a colour of its own, which is then looked for in the images of each split."""
    root = tmp_path / "mix"
    (root / "objects" / "disc").mkdir(parents=True)
    (root / "backgrounds").mkdir()
    rng = np.random.default_rng(3)
    levels = [30, 130, 230]
    colours = [(r, g, b) for r in levels for g in levels for b in levels]
    for i, colour in enumerate(colours):
        if i % 2:
            disc_cutout(0, colour, size=40 + i).save(root / "objects" / "disc" / f"{i:02d}.png")
        else:
            Image.new("RGB", (160, 120), colour).save(root / "backgrounds" / f"{i:02d}.png")
    rng.shuffle(colours)
    still = dict.fromkeys(("brightness", "contrast", "hue", "saturation", "match_light", "blurred", "noisy"), 0)
    mix = {"width": 160, "height": 120, "occluded": 0.5, "seams": {"none": 1, "feather": 0, "poisson": 0}, **still}
    mix["jpeg_quality"] = {"min": 100, "max": 100}
    mix["scale"] = {"min": 0.4, "max": 0.6}
    # Plain pictures have perceptual hashes that say nothing; what is tested is that the files are shared out.
    from pipeline.data.mixing import folder_sources

    count = {"train": 60, "val": 30, "test": 30}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_sources, "group_near_duplicates", lambda hashes, _: np.arange(len(hashes)))
        report = generate(root, tmp_path / "out", mix=mix, count=count)
    seen = {split: _colours(tmp_path / "out" / "images" / split, levels) for split in ("train", "val", "test")}
    assert sum(len(found) for found in seen.values()) == len(set.union(*seen.values())), "no colour in two splits"
    for split, found in seen.items():
        pool = report["pools"][split]
        assert len(found) == pool["objects"]["disc"] + pool["backgrounds"], "all of the pool is used"


def _colours(folder: Path, levels: list[int]) -> set[tuple[int, ...]]:
    """Colours that fill at least 80 pixels of an image (a rim of two colours fills fewer)."""
    found: set[tuple[int, ...]] = set()
    for path in folder.iterdir():
        image = cv2.imread(str(path)).reshape(-1, 3).astype(int)
        steps = np.abs(image[:, :, None] - levels)
        near = steps.min(axis=2).max(axis=1) < 12
        values, counts = np.unique(steps.argmin(axis=2)[near], axis=0, return_counts=True)
        found |= {tuple(value) for value, count in zip(values.tolist(), counts, strict=True) if count >= 80}
    return found


_RUN = """
import sys
from pathlib import Path
from pipeline.data.suspect import generate_suspect
from tests.data.mixing.cases import detection_options
if __name__ == "__main__":
    source, out, count, workers = sys.argv[1:]
    counts = {"train": int(count), "val": 20, "test": 20}
    generate_suspect(detection_options(source, count=counts), 7, Path(out), workers=int(workers))
"""


def _partial(out: Path) -> Path | None:
    return next(iter(out.parent.glob(f".{out.name}.partial-*")), None)


def _mixed(out: Path) -> dict[Path, int]:
    """The images that a run has written so far, with the time of writing."""
    partial = _partial(out)
    return {path: path.stat().st_mtime_ns for path in (partial / "images").rglob("*.jpg")} if partial else {}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on_where_it_ended(tmp_path: Path, source: Path, workers: int) -> None:
    out, count = tmp_path / "suspect", 3000
    out.mkdir()
    (out / "index.csv").write_text("what stood there before")
    command = [sys.executable, "-c", _RUN, str(source), str(out), str(count), str(workers)]
    run = subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(_mixed(out)) < 200 and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    before = _mixed(out)
    assert 200 <= len(before) < count, "it was killed in the middle"
    assert all_bytes(out) == {"index.csv": b"what stood there before"}
    # What a power cut may leave as well: an image of which a part was written.
    halved = sorted(before)[5]
    halved.write_bytes(halved.read_bytes()[:100])
    generate(source, out, workers=workers, count={"train": count, "val": 20, "test": 20})
    assert _partial(out) is None
    kept = sum((out / path.relative_to(path.parents[2])).stat().st_mtime_ns == at for path, at in before.items())
    assert len(before) - 3 * 16 <= kept < len(before), "no more than the shard of each worker is made again"
    generate(source, tmp_path / "at_once", count={"train": count, "val": 20, "test": 20})
    assert all_bytes(out) == all_bytes(tmp_path / "at_once")


def test_remains_of_a_run_with_other_options_are_not_used(tmp_path: Path, source: Path, made: Path) -> None:
    stale = tmp_path / ".out.partial-0123456789abcdef"
    (stale / "images" / "train").mkdir(parents=True)
    (stale / "images" / "train" / "mixed_000000.jpg").write_bytes(b"of another run")
    generate(source, tmp_path / "out")
    assert all_bytes(tmp_path / "out") == all_bytes(made)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_interrupt_keeps_what_is_done(tmp_path: Path, source: Path, made: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert done <= total
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_suspect(detection_options(source), 7, tmp_path / "out", workers=1, progress=stop)
    assert not (tmp_path / "out").exists()
    assert len(_mixed(tmp_path / "out")) > 0
    generate(source, tmp_path / "out")
    assert all_bytes(tmp_path / "out") == all_bytes(made)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_test_source_is_the_test_split_and_the_mixed_one_has_another_name(tmp_path: Path) -> None:
    source = fill_source(tmp_path / "mix", CLASSES, backgrounds=12)
    extra = "photo_00.jpg,1,2,9,10,cat\nphoto_00.jpg,9,9,1,1,disc\nnone.jpg,,,,,\n"
    annotated(tmp_path / "real", extra, count=4, first=600)
    text = (tmp_path / "real" / "annotations.csv").read_text().replace("gun", "disc").replace("drone", "plate")
    (tmp_path / "real" / "annotations.csv").write_text(text)
    a_photo(10_001, 160).save(tmp_path / "real" / "none.jpg", quality=70)
    report = generate(source, tmp_path / "out", test_source=str(tmp_path / "real"))
    index = pd.read_csv(tmp_path / "out" / "index.csv", keep_default_na=False)
    assert index["split"].value_counts().to_dict() == {"train": 20, "val": 5, "test": 5, "test_mixed": 9}
    assert list(index["file"]) == sorted(index["file"])
    assert sorted(path.stem for path in (tmp_path / "out" / "coco").iterdir()) == ["test", "test_mixed", "train", "val"]
    reasons = {entry["file"]: entry["reason"] for entry in report["skipped"]}
    assert reasons["backgrounds/photo_01.jpg"].startswith("near-duplicate of the test picture images/test/none_")
    assert not set(index["source"]) & {"backgrounds/photo_01.jpg"}
    assert [(e["line"], e["reason"]) for e in report["skipped"] if e["file"] == "test_source:photo_00.jpg"] == [
        (6, "class 'cat' is none of disc, plate"), (7, "xmax 1 is not more than xmin 9"),
    ]  # fmt: skip
    assert report["test_source"] == "real"


def test_drawn_objects_need_no_folder(tmp_path: Path) -> None:
    from pipeline.data.sprites import CLASS_NAMES

    report = generate("synthetic", tmp_path / "out", count={"train": 12, "val": 4, "test": 4}, pool=ONE_EACH)
    assert report["classes"] == list(CLASS_NAMES)
    assert report["source"] == "synthetic"
    assert report["counts"]["train"]["images"] == 12
    few = generate(
        "synthetic", tmp_path / "few", count={"train": 4, "val": 1, "test": 1}, pool=ONE_EACH, classes=["knife", "gun"]
    )
    assert few["classes"] == ["knife", "gun"]
    with pytest.raises(EdgeboardError, match="Nothing is drawn by the name of trombone"):
        generate("synthetic", tmp_path / "none", classes=["trombone"])


def test_images_without_one_object_are_refused(tmp_path: Path, source: Path) -> None:
    with pytest.raises(EdgeboardError, match="not one object"):
        generate(source, tmp_path / "out", mix={"width": 160, "height": 120, "empty": 1})
    assert not (tmp_path / "out").exists()


def test_failed_rerun_leaves_the_old_folder(tmp_path: Path, made: Path, source: Path) -> None:
    generate(source, tmp_path / "out")
    bare = fill_source(tmp_path / "bare", CLASSES, backgrounds=1)
    with pytest.raises(EdgeboardError):
        generate(bare, tmp_path / "out")
    assert all_bytes(tmp_path / "out") == all_bytes(made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare", "out"]


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk_is_told_and_leaves_the_old_folder(tmp_path: Path, source: Path, workers: int) -> None:
    with mounted_tmpfs(tmp_path / "disk", "size=6m") as disk:
        generate(source, disk / "out", count={"train": 8, "val": 2, "test": 2})
        before = all_bytes(disk / "out")
        with pytest.raises(EdgeboardError, match="No space is left"):
            generate(source, disk / "out", workers=workers, count={"train": 3000, "val": 2, "test": 2})
        assert all_bytes(disk / "out") == before
        assert [path.name for path in disk.iterdir()] == ["out"]
        gc.collect()  # the error's frames hold the mapped pool, which holds the disk


def test_read_only_disk_is_told(tmp_path: Path, source: Path) -> None:
    with mounted_tmpfs(tmp_path / "disk", "size=6m") as disk:
        remount(disk, "ro")
        with pytest.raises(EdgeboardError, match="read-only"):
            generate(source, disk / "out")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "min above max": ({"mix": {"objects": {"min": 3, "max": 2}}}, "is more than max"),
    "scale turned round": ({"mix": {"scale": {"min": 0.5, "max": 0.2}}}, "is more than max"),
    "no object ever": ({"mix": {"objects": {"min": 0, "max": 0}}}, "objects.max: must be at least 1"),
    "no seam": ({"mix": {"seams": {"none": 0, "feather": 0, "poisson": 0}}}, "must be above 0"),
    "nothing visible": ({"mix": {"visible_fraction": 0}}, "greater than 0"),
    "a share above 1": ({"mix": {"empty": 1.5}}, "less than or equal to 1"),
    "an unknown key": ({"mix": {"colour": 1}}, "Extra inputs"),
    "a class twice": ({"classes": ["a", "a"]}, "named twice"),
    "no class": ({"classes": []}, "at least 1 item"),
    "a class as distractor": ({"classes": ["a"], "distractor_classes": ["a"]}, "named in classes too"),
    "a broken pattern": ({"group_pattern": "c("}, "no regular expression"),
    "no folder": ({"source": "/no/such/folder"}, "does not exist"),
    "no test folder": ({"test_source": "/no/such/folder"}, "test_source: the folder"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG.keys())
def test_wrong_options_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        detection_options(changes.pop("source", "synthetic"), **changes)


def test_contact_sheet_shows_the_splits_with_boxes(made: Path) -> None:
    sheet = np.asarray(Image.open(made / "contact_sheet.jpg"))
    assert sheet.shape[1] == 6 + 6 * 326
    assert len(np.unique(sheet[::5, ::5].reshape(-1, 3), axis=0)) > 1000


@pytest.mark.real_data
def test_real_cutouts_and_photos_are_mixed(tmp_path: Path) -> None:
    if not (REAL_DATA / "objects").is_dir():
        pytest.skip("the real pictures are not here")
    (tmp_path / "mix").mkdir()
    for name in ("objects", "backgrounds"):
        (tmp_path / "mix" / name).symlink_to(REAL_DATA / name)
    report = generate_suspect(
        detection_options(
            tmp_path / "mix", classes=["camera", "drone", "gun"], distractor_classes=["scissors", "wrench"],
            near_duplicate_bits=6, mix={},
        ), 7, tmp_path / "out", workers=1,
    )  # fmt: skip
    assert report["skipped"] == []
    assert report["classes"] == ["camera", "drone", "gun"]
    sizes = report["pools"]
    assert sum(of["backgrounds"] for of in sizes.values()) == 256
    assert sum(of["objects"]["drone"] for of in sizes.values()) == 59
    assert sum(of["distractors"] for of in sizes.values()) == 36
    assert report["image_width"] == {"min": 480, "median": 480, "max": 480}
