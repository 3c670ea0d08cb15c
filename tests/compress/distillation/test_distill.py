"""The step distill as a whole, on a tiny network and easy pictures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pipeline.artifact import load_artifact, read_meta
from pipeline.compress.distillation.distill import run
from pipeline.compress.distillation.objectives import soft_targets
from pipeline.compress.distillation.teaching import Loss, distillation_objective, teach
from pipeline.compress.step import StepContext
from pipeline.compress_options import Distill
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, sha256_file, sha256_json
from pipeline.networks import build_network, count_parameters
from pipeline.tasks import TASKS
from pipeline.training import fit
from pipeline.training.train import train_network
from tests.compress.lessons import SIZE, new_network, outputs, save, step_context
from tests.compress.sections import planned
from tests.picture_folder import CLASS_NAMES

FIRE = TASKS["fire"]
FRAMES = torch.randn(4, 5)
LABELS = torch.tensor([0, 1, 2, 0])


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return step_context(tmp_path)


@pytest.fixture
def teacher() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(5, 3)


def lesson(**options: Any) -> Distill:
    made: Distill = planned("distill", **({"epochs": 1} | options)).options
    return made


def own_loss(label_smoothing: float = 0) -> Loss:
    return lambda logits, labels: FIRE.loss(logits, labels, label_smoothing)


def soft_loss(temperature: float = 4) -> Loss:
    return lambda logits, taught: soft_targets(logits, taught, temperature)


def distilled(context: StepContext, source: Path, name: str = "distilled", **options: Any) -> Path:
    """The artifact that the step makes of `source`."""
    folder = source.parent / name
    folder.mkdir()
    run(source, folder, planned("distill", **({"epochs": 1} | options)), context)
    return folder


def hooks_of(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


def test_without_a_teacher_the_loss_is_that_of_the_task() -> None:
    logits = torch.randn(4, 3)
    loss = distillation_objective(None, lesson(alpha=0), own_loss(0.1), soft_loss())(FRAMES, logits, LABELS)
    torch.testing.assert_close(loss, nn.functional.cross_entropy(logits, LABELS, label_smoothing=0.1))


def test_a_student_that_is_the_teacher_has_no_soft_loss(teacher: nn.Module) -> None:
    objective = distillation_objective(teacher, lesson(alpha=1), own_loss(), soft_loss())
    assert objective(FRAMES, teacher(FRAMES), LABELS).item() == pytest.approx(0, abs=1e-6)


def test_the_loss_mixes_soft_targets_labels_and_features(teacher: nn.Module) -> None:
    logits, temperature = torch.randn(4, 3), 3.0
    p = torch.softmax(teacher(FRAMES) / temperature, 1)
    q = torch.softmax(logits / temperature, 1)
    soft = temperature**2 * (p * (p / q).log()).sum(1).mean()
    expected = 0.7 * soft + 0.3 * nn.functional.cross_entropy(logits, LABELS) + 50 * 0.02
    options = lesson(temperature=temperature, alpha=0.7, feature_weight=50)
    objective = distillation_objective(
        teacher, options, own_loss(), soft_loss(temperature), compare=lambda: torch.tensor(0.02)
    )
    torch.testing.assert_close(objective(FRAMES, logits, LABELS), expected)


def test_the_teacher_is_not_trained(teacher: nn.Module) -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    distillation_objective(teacher, lesson(), own_loss(), soft_loss())(FRAMES, logits, LABELS).backward()
    assert logits.grad is not None
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_labels_alone_need_no_teacher(context: StepContext, tmp_path: Path) -> None:
    source = save(tmp_path / "source", new_network())
    shutil.rmtree(context.baseline)
    made = distilled(context, source, alpha=0)
    report = read_json(made / "report.json")
    assert report["teacher"] is None
    assert report["feature_pairs"] == []
    assert sha256_file(made / "weights.safetensors") != sha256_file(source / "weights.safetensors")
    with pytest.raises(EdgeboardError, match="missing"):
        distilled(context, source, "with a teacher", alpha=0.1)


@pytest.mark.parametrize("features", ["attention", "hint"])
def test_features_are_compared_and_leave_nothing_behind(context: StepContext, tmp_path: Path, features: str) -> None:
    source = save(tmp_path / "source", new_network())
    plain = distilled(context, source, "plain", alpha=0)
    made = distilled(context, source, features=features, alpha=0)  # beside the labels alone, as in the paper
    report = read_json(made / "report.json")
    assert report["teacher"]["name"] == "baseline"
    assert [pair["student"]["size"] for pair in report["feature_pairs"]] == [16, 8, 4, 2]
    network, meta = load_artifact(made)  # strict: a hint's regressor would be one tensor too many
    assert meta.recipe[-1].startswith("distill@")
    assert not torch.equal(outputs(network), outputs(load_artifact(plain)[0]))
    first, without = (read_json(folder / "report.json")["training"]["epochs"][0] for folder in (made, plain))
    assert first["train_loss"] > without["train_loss"]


def test_the_regressors_of_hints_learn(context: StepContext, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[torch.Tensor]] = []

    def train(*arguments: Any, **options: Any) -> Any:
        regressors = options["extras"].helper
        seen.append([p.detach().clone() for p in regressors.parameters()])
        history = train_network(*arguments, **options)
        seen.append([p.detach().clone() for p in regressors.parameters()])
        return history

    monkeypatch.setattr("pipeline.compress.distillation.teaching.train_network", train)
    teach(new_network(), read_meta(context.baseline), lesson(features="hint"), context, "test", depends_on=None)
    before, after = seen
    assert len(before) == 4 * 2
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_checkpoint_belongs_to_its_lesson_and_its_teacher(
    context: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities: list[str] = []

    def train(*_arguments: Any, **options: Any) -> dict[str, Any]:
        identities.append(sha256_json(options["depends_on"]))
        return {}

    monkeypatch.setattr("pipeline.compress.distillation.teaching.train_network", train)
    meta = read_meta(context.baseline)
    for options in ({}, {}, {"alpha": 0.1}, {"temperature": 2.0}):
        teach(new_network(), meta, lesson(**options), context, "test", depends_on="source")
    teach(new_network(), meta, lesson(), context, "test", depends_on="another source")
    shutil.rmtree(context.baseline)
    save(context.baseline, new_network(seed=99))
    teach(new_network(), meta, lesson(), context, "test", depends_on="source")
    assert identities[0] == identities[1]
    assert len(set(identities)) == len(identities) - 1


def test_features_of_no_weight_are_none(context: StepContext, tmp_path: Path) -> None:
    source = save(tmp_path / "source", new_network())
    shutil.rmtree(context.baseline)
    assert (
        read_json(distilled(context, source, alpha=0, features="hint", feature_weight=0) / "report.json")[
            "feature_pairs"
        ]
        == []
    )


def test_hooks_work_with_autocast_and_are_gone_afterwards(tmp_path: Path) -> None:
    context = step_context(tmp_path, train__precision="bf16-mixed")
    student, meta = new_network(), read_meta(context.baseline)
    told = teach(student, meta, lesson(features="attention"), context, "test", depends_on=None)
    assert told["training"]["precision"] == "bf16-mixed"
    assert hooks_of(student) == 0


def test_a_loss_that_is_not_a_number_is_told(context: StepContext) -> None:
    network, meta = load_artifact(context.baseline)
    with torch.no_grad():
        network.fc.weight[0, 0] = float("nan")  # type: ignore[index, union-attr]
    shutil.rmtree(context.baseline)
    save(context.baseline, network)
    student = new_network()
    with pytest.raises(EdgeboardError, match="no longer a finite number") as caught:
        teach(student, meta, lesson(features="hint"), context, "test", depends_on=None)
    assert "learning rate" in str(caught.value)
    assert hooks_of(student) == 0


@pytest.mark.parametrize("features", ["none", "hint"])
def test_a_killed_training_resumes_to_the_same_bytes(
    context: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    source = save(tmp_path / "source", new_network())
    whole = distilled(context, source, "whole", epochs=3, features=features)

    class Killed(BaseException):
        """Lightning takes a KeyboardInterrupt for a wish to end in peace."""

    real = fit._EpochLines.on_validation_end

    def kill_in_the_third_epoch(self: Any, trainer: Any, pl_module: Any) -> None:
        real(self, trainer, pl_module)
        if trainer.current_epoch == 2:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(fit._EpochLines, "on_validation_end", kill_in_the_third_epoch)
        with pytest.raises(Killed):
            distilled(context, source, "killed", epochs=3, features=features)
    assert list(context.checkpoints.glob("*/last.ckpt"))

    epochs: list[int] = []
    monkeypatch.setattr(
        fit._EpochLines, "on_validation_end", lambda _s, trainer, _m: epochs.append(trainer.current_epoch)
    )
    resumed = distilled(context, source, "resumed", epochs=3, features=features)
    assert epochs == [2]
    for name in ("weights.safetensors", "report.json", "meta.json"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_the_zeros_of_pruning_stay(context: StepContext, tmp_path: Path) -> None:
    network = new_network()
    pruned = {name for name, p in network.named_parameters() if p.ndim == 4}
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in pruned:
                parameter.view(-1)[::2] = 0
    made = distilled(context, save(tmp_path / "source", network, recipe=["prune"], sparse=True))
    weights = load_file(made / "weights.safetensors")
    assert all((weights[name].view(-1)[::2] == 0).all() for name in pruned)
    assert read_meta(made).sparse


def test_other_classes_than_the_teachers_are_refused(context: StepContext, tmp_path: Path) -> None:
    source = save(tmp_path / "source", new_network(), class_names=["left", "right", "up"])
    with pytest.raises(EdgeboardError, match="different classes") as caught:
        distilled(context, source)
    assert str(CLASS_NAMES) in str(caught.value)


def test_a_student_by_name_starts_anew(context: StepContext, tmp_path: Path) -> None:
    """Whatever the source was, the new network has nothing of its shape."""
    layers = {"fc": {"in": 1024, "out": 3}}
    source = save(tmp_path / "source", new_network(), layers=layers, sparse=True, recipe=["prune"])
    made = [distilled(context, source, name, student="mobilenet_v3_small", epochs=1) for name in ("first", "second")]
    network, meta = load_artifact(made[0])
    assert (meta.architecture, meta.layers, meta.separable, meta.sparse) == ("mobilenet_v3_small", {}, {}, False)
    assert read_json(made[0] / "report.json")["params"] == count_parameters(build_network("mobilenet_v3_small", 3))
    assert sha256_file(made[0] / "weights.safetensors") == sha256_file(made[1] / "weights.safetensors")
    assert outputs(network).shape == (2, 3)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("student", "resnet19", "no such architecture"),
        ("teacher", "resnet19", "no such architecture"),
        ("teacher", "vit_b_16", "cannot see frames of this size"),
        ("student", "inception_v3", "cannot see frames of this size"),
    ],
)
def test_an_architecture_that_cannot_serve_is_told_before_any_training(
    context: StepContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str, value: str, message: str
) -> None:
    def not_yet(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("nothing may be trained yet")

    monkeypatch.setattr("pipeline.compress.distillation.teachers.train_network", not_yet)
    monkeypatch.setattr("pipeline.compress.distillation.teaching.train_network", not_yet)
    with pytest.raises(EdgeboardError, match=message) as caught:
        distilled(context, save(tmp_path / "source", new_network()), **{key: value})
    assert f"compress.distill.{key}" in str(caught.value)


def test_maps_that_cannot_be_compared_are_told_before_the_teacher_is_trained(
    context: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_yet(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("nothing may be trained yet")

    monkeypatch.setattr("pipeline.compress.distillation.teachers.train_network", not_yet)
    student = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 3))
    with pytest.raises(EdgeboardError, match="no maps of like resolution"):
        teach(
            student,
            read_meta(context.baseline),
            lesson(features="attention", teacher="mobilenet_v3_small"),
            context,
            "test",
            depends_on=None,
        )


def test_a_separable_student_is_rebuilt_with_its_weights(tmp_path: Path) -> None:
    context = step_context(tmp_path, "resnet18", compress__separable__rank=2)
    source = save(tmp_path / "source", new_network("resnet18"), "resnet18")
    made = distilled(context, source, student="separable", epochs=1)
    network, meta = load_artifact(made)
    report = read_json(made / "report.json")
    assert set(meta.separable) == {one["name"] for one in report["separable"]}
    assert set(meta.separable.values()) == {2}
    assert report["params"] == count_parameters(network) < count_parameters(new_network("resnet18")) / 4
