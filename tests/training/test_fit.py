"""Training on easy pictures: it learns, it repeats, and a kill costs at most an epoch."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.data.frames import load_frames
from pipeline.errors import EdgeboardError
from pipeline.training import fit as fit_module
from pipeline.training.batches import EpochSampler, plain_batches, training_batches
from pipeline.training.fit import Extras, Hardware, Schedule, fit
from pipeline.training.validation import ClassificationValidation
from tests.conftest import REPOSITORY, environment
from tests.picture_folder import CLASS_NAMES, write_data_folder

CPU = Hardware("cpu", 1, "32-true")
SIZE = 16


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_folder(tmp_path_factory.mktemp("data"), {"train": 16, "val": 8, "test": 1}, size=24)


def small_network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 3),
    )  # fmt: skip


def train(
    network: nn.Module, data: Path, checkpoints: Path, epochs: int = 6, objective: object = None, patience: int = 99,
    batch_size: int = 8, extras: Extras = fit_module.NO_EXTRAS, part: tuple[int, int | None] = (0, None),
) -> dict:  # fmt: skip
    train_frames = load_frames(data, "train", SIZE, CLASS_NAMES)
    val_frames = load_frames(data, "val", SIZE, CLASS_NAMES)
    return fit(
        network, training_batches(train_frames, batch_size, 1, part[0]), plain_batches(val_frames, 8),
        objective or (lambda _frames, logits, labels: nn.functional.cross_entropy(logits, labels)),  # type: ignore[arg-type]
        ClassificationValidation(),
        Schedule(epochs, 0.02, 0.01, patience, *part), CPU, 1, checkpoints, "test", extras,
    )  # fmt: skip


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


def test_it_learns_and_leaves_no_checkpoint(tmp_path: Path, data: Path) -> None:
    network = small_network()
    history = train(network, data, tmp_path / "checkpoints", epochs=12)
    assert len(history["epochs"]) == 12
    assert history["kept_epoch"] == 11
    assert history["epochs"][-1]["val_accuracy"] > 0.8
    assert not network.training
    assert not (tmp_path / "checkpoints").exists()


def test_a_training_that_stops_early_keeps_its_best_epoch(tmp_path: Path, data: Path) -> None:
    network, epochs_seen = small_network(), []

    def grows_worse(_frames: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        epochs_seen.append(weights(network).clone())
        return -nn.functional.cross_entropy(logits, labels)

    history = train(network, data, tmp_path / "checkpoints", epochs=9, objective=grows_worse, patience=2)
    losses = [epoch["val_loss"] for epoch in history["epochs"]]
    assert len(losses) < 9
    assert history["kept_epoch"] == losses.index(min(losses))
    steps = len(epochs_seen) // len(losses)
    after_kept = epochs_seen[(history["kept_epoch"] + 1) * steps]
    # Beside the running statistics, which the first forward pass of the next epoch has moved already.
    n_first_layer = network[0].weight.numel()
    assert torch.equal(weights(network)[:n_first_layer], after_kept[:n_first_layer])


def test_the_same_seed_gives_the_same_weights(tmp_path: Path, data: Path) -> None:
    first, second = small_network(), small_network()
    assert train(first, data, tmp_path / "a", 2) == train(second, data, tmp_path / "b", 2)
    assert torch.equal(weights(first), weights(second))


def test_the_order_depends_on_the_epoch_alone() -> None:
    sampler, resumed = EpochSampler(20, seed=1), EpochSampler(20, seed=1)
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    resumed.set_epoch(2)
    assert list(resumed) == epochs[2]
    assert epochs[0] != epochs[1]
    assert sorted(index for index, _ in epochs[0]) == list(range(20))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.test_fit import small_network, train
from pipeline.training import fit as module
real = module._EpochLines.on_validation_end
def on_validation_end(self, trainer, pl_module):
    real(self, trainer, pl_module)
    if trainer.current_epoch == 3:
        os.kill(os.getpid(), signal.SIGKILL)
module._EpochLines.on_validation_end = on_validation_end
train(small_network(), Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path, data: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(data), str(tmp_path / "checkpoints")], cwd=REPOSITORY, env=environment(),
        check=False, timeout=200,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()
    resumed, whole = small_network(), small_network()
    history = train(resumed, data, tmp_path / "checkpoints")
    assert history == train(whole, data, tmp_path / "other")
    assert torch.equal(weights(resumed), weights(whole))


def test_a_loss_that_is_not_finite_is_told(tmp_path: Path, data: Path) -> None:
    with pytest.raises(EdgeboardError, match="no longer a finite number") as caught:
        train(small_network(), data, tmp_path / "c", 1, lambda _f, logits, _l: logits.sum() * float("nan"))
    assert "learning rate" in str(caught.value)


def test_a_network_that_comes_in_eval_mode_is_trained_in_training_mode(tmp_path: Path, data: Path) -> None:
    """Loaded and pruned networks do, and their batch normalisation has to learn the statistics of what is left."""
    network = small_network().eval()
    before = network[1].running_mean.clone()
    train(network, data, tmp_path / "checkpoints", epochs=1)
    assert not torch.equal(network[1].running_mean, before)


def test_a_training_of_four_steps_has_a_learning_rate(tmp_path: Path, data: Path) -> None:
    n_frames = len(load_frames(data, "train", SIZE, CLASS_NAMES))
    history = train(small_network(), data, tmp_path / "checkpoints", epochs=1, batch_size=n_frames // 4)
    assert len(history["epochs"]) == 1


def test_zeros_of_weights_are_kept_and_those_of_biases_are_not(tmp_path: Path, data: Path) -> None:
    zeros: dict[bool, torch.Tensor] = {}
    for keep in (True, False):
        network = small_network()
        with torch.no_grad():
            network[0].weight[::2] = 0
            network[1].bias.zero_()
        train(network, data, tmp_path / "c", 2, extras=Extras(keep_zeros=keep))
        zeros[keep] = network[0].weight == 0
        assert network[1].bias.any()
        assert network[6].weight.all()
    assert zeros[True][::2].all()
    assert not zeros[True][1::2].any()
    assert zeros[False].sum() < zeros[True].sum(), "all of them move but those of a channel that is dead"


def test_gradients_are_seen_at_every_step_before_the_weights_move(tmp_path: Path, data: Path) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def look(network: nn.Module) -> None:
        assert isinstance(network, nn.Sequential), "the network itself, not what trains it"
        weight = network[6].weight
        seen.append((weight.detach().clone(), weight.grad.detach().clone()))

    network, other = small_network(), small_network()
    start = network[6].weight.detach().clone()
    history = train(network, data, tmp_path / "a", 2, extras=Extras(on_gradients=look))
    assert len(seen) == 2 * 6, "48 frames in batches of 8, twice"
    assert torch.equal(seen[0][0], start)
    assert not torch.equal(seen[1][0], start)
    assert all(gradient.any() for _, gradient in seen)
    assert history == train(other, data, tmp_path / "b", 2)
    assert torch.equal(weights(network), weights(other)), "looking changes nothing"


def test_gradients_may_be_changed(tmp_path: Path, data: Path) -> None:
    """A weight that is zero and gets no gradient stays zero."""
    network = small_network()
    with torch.no_grad():
        network[6].weight[0] = 0
    train(
        network, data, tmp_path / "c", 2, extras=Extras(on_gradients=lambda n: n[6].weight.grad[0].zero_())
    )  # fmt: skip
    assert not network[6].weight[0].any()
    assert network[6].weight[1:].all()


def test_a_helper_is_trained_along_and_leaves_no_trace(tmp_path: Path, data: Path) -> None:
    helper, network = nn.Linear(3, 3), small_network()
    before = helper.weight.detach().clone()
    names = list(network.state_dict())

    def objective(_frames: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(helper(logits), labels)

    train(network, data, tmp_path / "c", 2, objective, extras=Extras(helper=helper))
    assert not torch.equal(helper.weight, before)
    assert list(network.state_dict()) == names


def test_the_numbers_of_a_helper_survive_a_kill(tmp_path: Path, data: Path) -> None:
    """Sums that a step takes over a training lie in the buffers of its helper, and so in the checkpoints."""

    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("steps", torch.zeros(()))

        def count(self, _network: nn.Module) -> None:
            self.steps += 1
            if self.steps == dies_at:
                raise KeyboardInterrupt

    for dies_at in (15, 0):
        counter = Counter()
        try:
            train(small_network(), data, tmp_path / "c", 4, extras=Extras(on_gradients=counter.count, helper=counter))
        except (KeyboardInterrupt, SystemExit):
            assert dies_at
    assert counter.steps == 4 * 6


@pytest.mark.parametrize("parts", [[(0, 4), (4, 1), (5, 1)], [(0, 1), (1, 5)]])
def test_parts_share_the_learning_rate_and_the_order_of_the_whole(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, parts: list[tuple[int, int]]
) -> None:
    rates: list[tuple[float, tuple[float, float]]] = []
    labels_seen: list[list[int]] = []

    def note(module: fit_module._Training, _optimizer: object) -> None:
        group = module.trainer.optimizers[0].param_groups[0]
        rates.append((group["lr"], group["betas"]))

    def objective(_frames: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        labels_seen.append(labels.tolist())
        return nn.functional.cross_entropy(logits, labels)

    monkeypatch.setattr(fit_module._Training, "on_before_optimizer_step", note)
    train(small_network(), data, tmp_path / "whole", 6, objective)
    whole, whole_labels = rates.copy(), labels_seen.copy()
    rates.clear()
    labels_seen.clear()
    network = small_network()
    for first, length in parts:
        history = train(network, data, tmp_path / f"{first}", length, objective, part=(first, 6))
        assert len(history["epochs"]) == length
    assert rates == whole
    assert labels_seen == whole_labels
    assert max(rates)[0] == pytest.approx(0.02, rel=0.05)
    assert rates[-1][0] < 1e-5, "it has come down at the end of the last part"
