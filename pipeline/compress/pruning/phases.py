"""The phases of a pruning step, one after the other, each a cut or none and a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.artifact import Meta, load_artifact
from pipeline.compress.pruning.channel_check import check_rebuilt
from pipeline.compress.pruning.cuts import Cut, Entered, cut_channels, cut_weights, layers_kept_whole
from pipeline.compress.pruning.importance import MovementScores, Scores, channel_importance
from pipeline.compress.pruning.kept_phase import KeptPhase
from pipeline.compress.pruning.masks import count_zero_weights, prunable_weights
from pipeline.compress.pruning.schedules import Phase
from pipeline.compress.pruning.taylor import scores_of_training_split
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import PlannedStep, Prune
from pipeline.data.frames import data_identity
from pipeline.files import sha256_file, sha256_json
from pipeline.networks import count_parameters, layer_shapes
from pipeline.options import Training
from pipeline.training.fit import Extras
from pipeline.training.train import train_network


class Pruning:
    """A network on its way through the phases of a step.

    scratch: a folder for files that are gone again at once. kept: what remains of a killed run, to be removed at the
    end. report: what the last cut tells.
    """

    def __init__(self, source: Path, scratch: Path, step: PlannedStep, context: StepContext) -> None:
        self.network, self._meta = load_artifact(source)
        self.report: dict[str, Any] = {}
        self._scratch = scratch
        self._step = step
        self._options: Prune = step.options
        self._context = context
        training: Training = context.params.train.of(context.task.name)
        self._identity = [
            sha256_file(source / "weights.safetensors"),
            data_identity(context.data_folder),
            [*self._meta.recipe, step.label],
            self._options.model_dump(),
            training.model_dump(mode="json"),
            [context.params.train.accelerator, context.params.train.devices, context.params.train.precision],
            context.params.seed,
        ]
        self.kept = KeptPhase(context.checkpoints / f"prune-{sha256_json(self._identity)[:16]}")
        n_zeros = count_zero_weights(self.network) if self._meta.sparse else 0
        self._entered = Entered(count_parameters(self.network), n_zeros)
        self._entered_zero = {
            name: weight.detach() == 0 for name, weight in prunable_weights(self.network).items() if self._meta.sparse
        }
        self._scores: Scores = {}
        self._ratio = 0.0
        # Whether weights of the network as it is now have to stay zero.
        self._is_sparse = self._meta.sparse

    def run(self, phases: Sequence[Phase]) -> list[dict[str, Any]]:
        """All phases, from the first that an earlier, killed run has not finished; what is to be told of each."""
        told: list[dict[str, Any]] = []
        kept = self.kept.load()
        if kept is not None:
            self.network, self._scores, state = kept
            told, self._ratio, self._is_sparse = state["phases"], state["ratio"], state["is_sparse"]
        elif len(phases) > 1:
            self._rehearse()
        for number in range(len(told), len(phases)):
            told.append(self._run(number, phases[number]))
            if number + 1 < len(phases):
                state = {"phases": told, "ratio": self._ratio, "is_sparse": self._is_sparse}
                self.kept.save(self.network, self.meta_after(), self._scores, state)
        return told

    def _rehearse(self) -> None:
        """Find out whether the last cut can be made before the time for the phases before it is spent."""
        options, ratio, frame_size = self._options, self._options.ratio, self._meta.frame_size
        assert ratio is not None, "a planned step knows its ratio"
        if options.speedup is not None:
            layers_kept_whole(self.network, frame_size, options.structure)
            return
        if options.criterion in ("taylor", "movement"):
            options = options.model_copy(update={"criterion": "l2"})
        if options.structure == "unstructured":
            cut_weights(self.network, ratio, options, {}, 0, self._entered)
        else:
            cut = cut_channels(self.network, frame_size, ratio, options, {}, 0, self._entered)
            check_rebuilt(cut.network, replace(self.meta_after(), layers=layer_shapes(cut.network)), self._scratch)

    def _run(self, number: int, phase: Phase) -> dict[str, Any]:
        told: dict[str, Any] = {"name": phase.name}
        if phase.ratio is not None:
            told |= self._cut(phase, phase.ratio)
        if phase.frees_weights:
            self._is_sparse, self._ratio = self._meta.sparse, 0.0
        return told | {"ratio": self._ratio, "training": self._train(number, phase)}

    def ratio_reached(self) -> float:
        """Of the parameters that entered, the fraction that is gone, or zero, from the network as it is now."""
        if self._options.structure == "unstructured":
            return (count_zero_weights(self.network) - self._entered.n_zeros) / self._entered.n_alive
        return 1 - count_parameters(self.network) / self._entered.n_parameters

    def meta_after(self) -> Meta:
        layers = self._meta.layers if self._options.structure == "unstructured" else layer_shapes(self.network)
        return meta_after(self._meta, self._step, layers=layers, sparse=self._is_sparse)

    def _cut(self, phase: Phase, ratio: float) -> dict[str, Any]:
        options = self._options
        if phase.zeroes_weights:
            # The sparse phase of Han et al. ranks by magnitude, whatever is removed in the end.
            options = options.model_copy(update={"structure": "unstructured", "criterion": "l2"})
        of_weights = options.structure == "unstructured"
        seed = self._context.params.seed
        if options.criterion == "taylor":
            self._scores = scores_of_training_split(self.network, self._meta, self._context, absolute=of_weights)
        if of_weights:
            cut = cut_weights(self.network, ratio, options, self._scores, seed, self._entered)
        elif options.speedup is not None:
            cut = self._cut_to_speedup(seed)
        else:
            cut = cut_channels(
                self.network,
                self._meta.frame_size,
                ratio,
                options,
                self._scores,
                seed,
                self._entered,
                exact=phase.is_last_cut,
            )
        self.network, self._scores, self._ratio = cut.network, cut.scores, cut.ratio_reached
        self._is_sparse = of_weights or self._meta.sparse
        if not of_weights:
            check_rebuilt(self.network, self.meta_after(), self._scratch)
            self.report |= cut.rounding
        return cut.rounding

    def _cut_to_speedup(self, seed: int) -> Cut:
        from pipeline.compress.pruning.widths import prune_to_speedup

        frame_size = self._meta.frame_size
        importance: Any = channel_importance(self.network, self._options, self._scores, seed)
        kept_whole = layers_kept_whole(self.network, frame_size, self._options.structure)
        network, report = prune_to_speedup(self.network, frame_size, self._options, importance, kept_whole)
        self.report |= report
        return Cut(network, 1 - count_parameters(network) / self._entered.n_parameters)

    def _train(self, number: int, phase: Phase) -> dict[str, Any]:
        movement = MovementScores(self.network, self._scores) if phase.keeps_scores else None
        callbacks: list[Callable[[nn.Module], None]] = []
        if movement is not None:
            callbacks.append(movement.accumulate)
        if phase.frees_weights and self._meta.sparse:
            callbacks.append(_holding(self._entered_zero))

        def on_gradients(network: nn.Module) -> None:
            for callback in callbacks:
                callback(network)

        context = self._context
        history = train_network(
            self.network,
            self._meta.class_names,
            context.task,
            context.params,
            context.data_folder,
            context.checkpoints,
            f"prune {context.task.name} ({'+'.join([*self._meta.recipe, self._step.label])}), {phase.name}",
            epochs=phase.epochs,
            learning_rate=self._options.learning_rate,
            # The widths, too: measured ones may differ from those of a run that was killed.
            depends_on=[*self._identity, number, layer_shapes(self.network)],
            part=phase.part,
            extras=Extras(
                keep_zeros=self._is_sparse and not phase.frees_weights,
                on_gradients=on_gradients if callbacks else None,
                helper=movement,
            ),
        )
        # As a kept phase gives it back, so that sums over its weights are the same to the last bit.
        self.network.to(memory_format=torch.contiguous_format)
        if movement is not None:
            self._scores = movement.scores()
        return history


def _holding(zero: dict[str, Tensor]) -> Callable[[nn.Module], None]:
    """Keeps the zeros that entered the step where the step's own may move: what has no gradient does not move."""

    @torch.no_grad()
    def hold(network: nn.Module) -> None:
        for name, parameter in network.named_parameters():
            if name in zero and parameter.grad is not None:
                parameter.grad.masked_fill_(zero[name].to(parameter.device), 0)

    return hold
