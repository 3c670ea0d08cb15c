"""The training loop, run by Lightning: AMP, several GPUs, early stopping, checkpoint and resume."""

from __future__ import annotations

import logging
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pipeline.errors import EdgeboardError
from pipeline.training.validation import Validation

# (frames [B, 3, S, S], outputs [B, ...], truth [B, ...]) -> scalar
Objective = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Schedule:
    """first_epoch, of_epochs: this training is a part of a longer one, whose one-cycle learning rate it shares."""

    epochs: int
    learning_rate: float
    weight_decay: float
    patience: int
    first_epoch: int = 0
    of_epochs: int | None = None


@dataclass(frozen=True)
class Hardware:
    """accelerator: auto | cpu | gpu; devices: auto or a count; precision: auto | 32-true | bf16-mixed | 16-mixed."""

    accelerator: str
    devices: str | int
    precision: str

    def resolved_precision(self) -> str:
        """`auto` is bf16-mixed where the hardware computes bf16 natively (it is about twice as fast), else 32-true."""
        if self.precision != "auto":
            return self.precision
        if self.accelerator != "cpu" and torch.cuda.is_available():
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            processor = torch.cpu.get_capabilities()
            native = bool(processor.get("avx512_bf16") or processor.get("amx_bf16"))
        return "bf16-mixed" if native else "32-true"


@dataclass(frozen=True)
class Extras:
    """What some compression steps need of a training.

    keep_zeros: weights that are zero at its start stay zero. on_gradients: called with the network when the gradients
    of a batch are there, before the weights move. helper: a module that is trained along and thrown away.
    """

    keep_zeros: bool = False
    on_gradients: Callable[[nn.Module], None] | None = None
    helper: nn.Module | None = None


NO_EXTRAS = Extras()


def fit(
    network: nn.Module,
    train_batches: DataLoader,
    val_batches: DataLoader,
    objective: Objective,
    validation: Validation,
    schedule: Schedule,
    hardware: Hardware,
    seed: int,
    checkpoint_folder: Path,
    title: str,
    extras: Extras = NO_EXTRAS,
) -> dict[str, Any]:
    """Train `network` in place and leave it in eval mode with the weights of its last epoch.

    The one-cycle learning rate has come down to zero by then, and on a small validation split the lowest loss of
    an earlier epoch is mostly luck. Only a training that stopped early, with no lower validation loss for
    `patience` epochs, keeps the epoch of the lowest one. A checkpoint is kept in `checkpoint_folder` after
    every epoch; when one is there, training goes on from it, and the outcome is that of a run that was never
    cut. The folder is removed at the end.

    Returns the history: per epoch the training loss, validation loss and validation accuracy (the metric of the task),
    and the kept epoch.
    Raises EdgeboardError when the loss is not finite.
    """
    pl.seed_everything(seed, verbose=False)
    # Part of torch's deterministic mode that finds reads of uninitialised memory, at the cost of writing all of it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Lightning leaves modes as they are, and a network that was loaded or pruned comes in eval mode, in which batch
    # normalisation would not learn.
    network.train()
    module = _Training(network, objective, validation, schedule, len(train_batches), extras)
    resumable = ModelCheckpoint(dirpath=checkpoint_folder, filename="last", enable_version_counter=False)
    best = ModelCheckpoint(
        dirpath=checkpoint_folder, filename="best", monitor="val_loss", mode="min", save_weights_only=True
    )
    with warnings.catch_warnings():
        # Advice on loader processes and log intervals, which are chosen on purpose here.
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        trainer = pl.Trainer(
            accelerator=hardware.accelerator,
            devices=hardware.devices,
            precision=hardware.resolved_precision(),  # type: ignore[arg-type]
            max_epochs=schedule.epochs,
            callbacks=[resumable, best, EarlyStopping("val_loss", patience=schedule.patience), _EpochLines(title)],
            deterministic=True,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=checkpoint_folder,
        )
        last = checkpoint_folder / "last.ckpt"
        trainer.fit(module, train_batches, val_batches, ckpt_path=str(last) if last.is_file() else None)
    n_epochs = len(module.history)
    kept_epoch = n_epochs - 1
    if n_epochs < schedule.epochs:
        kept_epoch = min(range(n_epochs), key=lambda epoch: module.history[epoch]["val_loss"])
        module.load_state_dict(torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"])
    shutil.rmtree(checkpoint_folder, ignore_errors=True)
    network.cpu().eval()
    return {"epochs": module.history, "kept_epoch": kept_epoch, "precision": hardware.resolved_precision()}


class _Training(pl.LightningModule):
    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        validation: Validation,
        schedule: Schedule,
        steps_per_epoch: int,
        extras: Extras,
    ) -> None:
        super().__init__()
        self.network = in_channels_last(network)
        self.history: list[dict[str, float]] = []
        # Kept out of the module tree: a teacher inside it must not be trained or saved.
        self._objective = objective
        self._validation = validation
        self._schedule = schedule
        self.helper = extras.helper
        self._on_gradients = extras.on_gradients
        self._zeros = _zero_weights(network) if extras.keep_zeros else {}
        self._steps = max(1, steps_per_epoch * (schedule.of_epochs or schedule.epochs))
        self._steps_before = steps_per_epoch * schedule.first_epoch
        self._sums = torch.zeros(4, dtype=torch.float64)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        frames, labels = batch
        frames = in_channels_last(frames)
        loss = self._objective(frames, self.network(frames), labels)
        if not torch.isfinite(loss):
            raise EdgeboardError(
                "The loss is no longer a finite number",
                where=f"epoch {self.current_epoch + 1}",
                value=float(loss.detach()),
                mend="lower the learning rate, or use precision 32-true",
            )
        self._sums[0] += float(loss.detach()) * len(labels)
        self._sums[1] += len(labels)
        return loss

    def on_before_optimizer_step(self, _optimizer: Any) -> None:
        if self._on_gradients is not None:
            self._on_gradients(self.network)

    def on_train_batch_end(self, *_args: Any) -> None:
        if self._zeros:
            with torch.no_grad():
                for name, parameter in self.network.named_parameters():
                    if name in self._zeros:
                        parameter.masked_fill_(self._zeros[name].to(parameter.device), 0)

    def on_validation_epoch_start(self) -> None:
        self._validation.begin()

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        frames, labels = batch
        self._validation.add(self.network(in_channels_last(frames)), labels)

    def on_validation_epoch_end(self) -> None:
        totals = self._validation.sums()
        if self.trainer.world_size > 1:
            totals = torch.as_tensor(self.all_gather(totals)).reshape(-1, 3).sum(0)
        val_loss, val_accuracy = float(totals[0] / totals[2]), float(totals[1] / totals[2])
        self.log("val_loss", val_loss, sync_dist=False)
        train_loss = float(self._sums[0] / self._sums[1])
        self.history.append({"train_loss": train_loss, "val_loss": val_loss, "val_accuracy": val_accuracy})
        self._sums.zero_()

    def configure_optimizers(self) -> Any:
        decayed = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.parameters() if p.requires_grad and p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": self._schedule.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=self._schedule.learning_rate,
            fused=True,
        )
        # With 4 steps the rise would have no length, and OneCycleLR would divide by it.
        rise = 0.25 if self._steps != 4 else 0.3
        one_cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self._schedule.learning_rate, total_steps=self._steps, pct_start=rise
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the steps before were taken by the earlier parts of this training
            for _ in range(self._steps_before):
                one_cycle.step()
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": one_cycle, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = list(checkpoint["history"])


def in_channels_last(what: Any) -> Any:
    """Frames, or a network of them, in the faster layout; clips, and what convolves over time, stay as they are."""
    tensors = what.parameters() if isinstance(what, nn.Module) else [what]
    return what if any(one.ndim == 5 for one in tensors) else what.to(memory_format=torch.channels_last)


def _zero_weights(network: nn.Module) -> dict[str, Tensor]:
    """Where the weights of layers are zero; normalisations and biases start at zero without having been pruned."""
    return {name: p.detach() == 0 for name, p in network.named_parameters() if p.ndim > 1 and bool((p == 0).any())}


class _EpochLines(Callback):
    """One line an epoch: how it goes and how long it will still take."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = 0.0
        self._first_epoch = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._started = time.monotonic()
        self._first_epoch = trainer.current_epoch
        if self._first_epoch:
            print(f"{self._title}: resumed after epoch {self._first_epoch}", flush=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 1
        seconds = (time.monotonic() - self._started) / (done - self._first_epoch) * (total - done)
        assert isinstance(pl_module, _Training)
        last = pl_module.history[-1]
        print(
            f"{self._title}: epoch {done}/{total}, loss {last['train_loss']:.3f}, "
            f"validation accuracy {last['val_accuracy']:.3f}, about {seconds:.0f} s left",
            flush=True,
        )
