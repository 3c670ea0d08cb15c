"""Teachers that are trained for their students, and only once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipeline.artifact import load_artifact, read_meta
from pipeline.compress.distillation import teachers
from pipeline.compress.distillation.teachers import find_teacher
from pipeline.compress.step import StepContext
from pipeline.files import sha256_file
from tests.compress.lessons import SMALL, outputs, step_context

ARCHITECTURE = "mobilenet_v3_small"


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return step_context(tmp_path)


def with_seed(context: StepContext, seed: int) -> StepContext:
    return dataclasses.replace(context, params=context.params.model_copy(update={"seed": seed}))


def kept(context: StepContext) -> list[Path]:
    return sorted((context.checkpoints / "teachers").glob("*"))


def test_the_baseline_is_taken_as_it_is(context: StepContext) -> None:
    teacher = find_teacher("baseline", read_meta(context.baseline), context)
    assert teacher.weights_hash == sha256_file(context.baseline / "weights.safetensors")
    assert teacher.report["architecture"] == SMALL
    assert teacher.report["trained_here"] is False
    assert teacher.report["val_accuracy"] is None, "the report of this baseline tells of no training"
    assert not kept(context)


def test_a_teacher_by_name_is_trained_once(context: StepContext, monkeypatch: pytest.MonkeyPatch) -> None:
    meta = read_meta(context.baseline)
    first = find_teacher(ARCHITECTURE, meta, context)
    assert first.report["architecture"] == ARCHITECTURE
    assert first.report["trained_here"] is True
    assert 0 <= first.report["val_accuracy"] <= 1
    (folder,) = kept(context)
    assert read_meta(folder).class_names == meta.class_names

    def again(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("it was trained already")

    with monkeypatch.context() as patched:
        patched.setattr(teachers, "train_network", again)
        second = find_teacher(ARCHITECTURE, meta, context)
        assert second.weights_hash == first.weights_hash
        assert second.report == first.report
        with pytest.raises(AssertionError, match="already"):
            find_teacher(ARCHITECTURE, meta, with_seed(context, 8))
    assert outputs(load_artifact(folder)[0]).equal(outputs(first.network))


def test_the_same_seed_makes_the_same_teacher(context: StepContext) -> None:
    meta = read_meta(context.baseline)
    first = find_teacher(ARCHITECTURE, meta, context)
    elsewhere = dataclasses.replace(context, checkpoints=context.checkpoints / "elsewhere")
    assert find_teacher(ARCHITECTURE, meta, elsewhere).weights_hash == first.weights_hash
    assert find_teacher(ARCHITECTURE, meta, with_seed(context, 8)).weights_hash != first.weights_hash


@pytest.mark.parametrize("key", ["train__fire__learning_rate", "train__fire__epochs", "train__fire__weight_decay"])
def test_a_teacher_belongs_to_the_options_it_was_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    trained: list[str] = []
    monkeypatch.setattr(teachers, "train_network", lambda *a, **_o: trained.append(a[6]) or _history())
    for name, changes in (("as it was", {}), ("changed", {key: 1})):
        (tmp_path / name).mkdir()
        one = step_context(tmp_path / name, **changes)
        context = dataclasses.replace(one, checkpoints=tmp_path / "checkpoints")
        find_teacher(ARCHITECTURE, read_meta(context.baseline), context)
    assert len(trained) == len(kept(context)) == 2


def _history() -> dict[str, Any]:
    return {"epochs": [{"train_loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5}], "kept_epoch": 0, "precision": "x"}
