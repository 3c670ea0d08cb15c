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
from pipeline.training.batches import EpochSampler, plain_batches, training_batches
from pipeline.training.fit import Hardware, Schedule, fit
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
    batch_size: int = 8,
) -> dict:  # fmt: skip
    train_frames = load_frames(data, "train", SIZE, CLASS_NAMES)
    val_frames = load_frames(data, "val", SIZE, CLASS_NAMES)
    return fit(
        network, training_batches(train_frames, batch_size, seed=1), plain_batches(val_frames, 8),
        objective or (lambda _frames, logits, labels: nn.functional.cross_entropy(logits, labels)),  # type: ignore[arg-type]
        Schedule(epochs, 0.02, 0.01, patience), CPU, 1, checkpoints, "test",
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
