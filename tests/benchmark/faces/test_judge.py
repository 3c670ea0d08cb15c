"""What the board is told of an embedder: open-set numbers by each variant's own gallery, and no face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.benchmark.faces.judge import FaceJudge
from pipeline.benchmark.rows import ExportedVariant
from pipeline.data.frames import Frames
from pipeline.errors import EdgeboardError
from pipeline.tasks.gallery import Gallery, Threshold, enrol

NAMES = ["a", "b", "c"]
SIZE = 8


def frames(n: int = 12, strangers: int = 4) -> Frames:
    labels = np.array([i % 3 for i in range(n)] + [-1] * strangers)
    sources = [f"{NAMES[label]}/{NAMES[label]}/r{i % 4}" for i, label in enumerate(labels[:n])]
    sources += [f"s{i}/s{i}/r" for i in range(strangers)]
    pixels = np.zeros((len(labels), 4, 4, 3), np.uint8)
    return Frames(pixels, labels, [Path(f"{i}.jpg") for i in range(len(labels))], NAMES, sources=sources)


def embeddings(test: Frames, noise: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    directions = np.eye(SIZE)
    own = [directions[label] if label >= 0 else directions[4 + i % 4] for i, label in enumerate(test.labels)]
    return (np.array(own) + noise * rng.normal(size=(len(test), SIZE))).astype(np.float32)


def gallery(similarity: float = 0.5) -> Gallery:
    made = Gallery("0", SIZE, Threshold(similarity, 0.01, 0.0, 10, 5, True, "chosen by hand"))
    for i, name in enumerate(NAMES):
        made = enrol(made, name, np.eye(SIZE)[[i]])
    return made


def variant(name: str) -> ExportedVariant:
    values: dict[str, Any] = dict.fromkeys(ExportedVariant.__dataclass_fields__)
    return ExportedVariant(**{**values, "name": name, "file": Path(f"{name}.onnx"), "recipe": [], "precision": "fp32"})


def judged(noises: dict[str, float], thresholds: dict[str, float] | None = None) -> tuple[FaceJudge, Any, Any]:
    test = frames()
    galleries = {name: gallery((thresholds or {}).get(name, 0.5)) for name in noises}
    judge = FaceJudge("face", test, galleries, 0)
    variants = {name: variant(name) for name in noises}
    answers = {name: judge.read(variants[name], embeddings(test, noise)) for name, noise in noises.items()}
    return judge, judge.columns(variants, answers), answers


def test_a_perfect_network_knows_everybody_and_no_stranger() -> None:
    _, rows, _ = judged({"baseline": 0.01})
    row = rows["baseline"]
    assert (row["metric"], row["n_test"], row["accuracy"], row["fpir"], row["eer"]) == ("top-1", 12, 1, 0, 0)
    assert row["rank1_with_unknowns"] == 1
    assert row["accuracy_delta"] is None
    assert row["embedding_cosine"] == pytest.approx(1)


def test_differences_are_from_the_baseline_on_the_same_faces() -> None:
    _, rows, _ = judged({"baseline": 0.01, "blurred": 1.5})
    row = rows["blurred"]
    assert row["accuracy"] < 1
    assert row["accuracy_delta"] == pytest.approx(row["accuracy"] - 1)
    assert row["accuracy_delta_low"] <= row["accuracy_delta"] <= row["accuracy_delta_high"]
    assert row["embedding_cosine"] < 0.9


def test_each_variant_stands_at_its_own_threshold() -> None:
    _, rows, _ = judged({"baseline": 0.01, "strict": 0.01, "open": 0.01}, {"strict": 0.9999999, "open": -1.0})
    assert rows["strict"]["dir"] < 1
    assert rows["open"]["fpir"] == 1
    assert rows["baseline"]["fpir"] == 0


def test_a_frame_is_decided_by_the_gallery() -> None:
    judge, _, answers = judged({"baseline": 0.01})
    decide = judge.decoder(variant("baseline"))
    assert decide(answers["baseline"][:1]).name == "a"
    assert decide(answers["baseline"][-1:]).name is None


def test_what_is_kept_holds_no_picture(tmp_path: Path) -> None:
    judge, _, answers = judged({"baseline": 0.01, "other": 0.3})
    judge.save(tmp_path, answers)
    pictures = [f"{name}.{kind}.png" for name in ("baseline", "other") for kind in ("confusion", "roc")]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*pictures, "predictions.npz"]
    with np.load(tmp_path / "predictions.npz") as kept:
        assert not any(kept[name].ndim > 2 for name in kept.files)


def test_not_a_number_is_refused() -> None:
    test = frames()
    bad = embeddings(test, 0.1)
    bad[2, 0] = np.nan
    with pytest.raises(EdgeboardError, match="NaN or infinity") as caught:
        FaceJudge("face", test, {"baseline": gallery()}, 0).read(variant("baseline"), bad)
    assert "1 of 16 frames" in str(caught.value)


def test_without_a_known_person_there_is_no_accuracy() -> None:
    test = frames(0, 4)
    judge = FaceJudge("face", test, {"baseline": gallery()}, 0)
    with pytest.raises(EdgeboardError, match="no known person"):
        judge.columns({"baseline": variant("baseline")}, {"baseline": embeddings(test, 0.1)})
