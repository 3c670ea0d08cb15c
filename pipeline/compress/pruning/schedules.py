"""When a pruning step prunes and when it trains.

one_shot    prune, fine-tune
iterative   rounds of both, each of which removes the same share of what is left: Han et al. 2015 (arXiv:1506.02626)
gradual     further at the start of each of the first two thirds of the epochs, along a cubic: Zhu & Gupta 2017
            (arXiv:1710.01878)
dsd         single weights zeroed and the rest trained, all trained again, then pruned: Han et al. 2016
            (arXiv:1607.04381), whose last, dense network is the one that is pruned here
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError


@dataclass(frozen=True)
class Phase:
    """Pruning, where there is a ratio, and the training after it.

    ratio: of the network that entered the step, gone when this phase begins. is_last_cut: the ratio of the step, which
    has to be met. zeroes_weights: single weights, whatever the structure of the step. frees_weights: what such
    a phase zeroed may move again. part: (first epoch, of how many), where the learning rate runs on from phase to
    phase. keeps_scores: movement is summed up while it trains.
    """

    name: str
    epochs: int
    ratio: float | None = None
    is_last_cut: bool = True
    zeroes_weights: bool = False
    frees_weights: bool = False
    part: tuple[int, int] | None = None
    keeps_scores: bool = False


def plan_phases(options: Prune) -> list[Phase]:
    """The phases of a pruning step.

    movement knows nothing before a first training, which takes a share of the epochs.
    Raises EdgeboardError where there are too few epochs for that.
    """
    assert options.ratio is not None, "a planned step knows its ratio"
    plans = {"one_shot": _one_shot, "iterative": _iterative, "gradual": _gradual, "dsd": _dsd}
    phases = plans[options.schedule](options.epochs, options.ratio, options.rounds, options.criterion == "movement")
    if any(phase.epochs < 1 for phase in phases):
        raise EdgeboardError(
            "Movement is summed up in epochs before the first pruning, and there are too few for that",
            where="compress.prune.epochs",
            value=options.epochs,
            mend="give one epoch more, or choose another criterion",
        )
    return phases


def _one_shot(epochs: int, ratio: float, _rounds: int, by_movement: bool) -> list[Phase]:
    first = _scoring(max(1, epochs // 3)) if by_movement else []
    return [*first, Phase("fine-tuning", epochs - sum(phase.epochs for phase in first), ratio)]


def _iterative(epochs: int, ratio: float, rounds: int, by_movement: bool) -> list[Phase]:
    first = _scoring(max(1, epochs // (rounds + 1))) if by_movement else []
    lengths = _shares(epochs - sum(phase.epochs for phase in first), rounds)
    return first + [
        Phase(
            f"round {number} of {rounds}",
            length,
            ratio if number == rounds else 1 - (1 - ratio) ** (number / rounds),
            is_last_cut=number == rounds,
            keeps_scores=by_movement and number < rounds,
        )
        for number, length in enumerate(lengths, start=1)
    ]


def _gradual(epochs: int, ratio: float, _rounds: int, by_movement: bool) -> list[Phase]:
    n_scoring = 1 if by_movement else 0
    n_cuts = max(1, min(math.ceil(2 * epochs / 3), epochs - n_scoring))
    phases = [Phase("first epoch", 1, part=(0, epochs), keeps_scores=True)] if by_movement else []
    for cut in range(1, n_cuts + 1):
        is_last = cut == n_cuts
        epoch = n_scoring + cut - 1
        length = epochs - epoch if is_last else 1
        phases.append(
            Phase(
                f"epoch {epoch + 1} of {epochs}" if length == 1 else f"epochs {epoch + 1} to {epochs}",
                length,
                ratio * (1 - (1 - cut / n_cuts) ** 3),
                is_last_cut=is_last,
                part=(epoch, epochs),
                keeps_scores=by_movement and not is_last,
            )
        )
    return phases


def _dsd(epochs: int, ratio: float, _rounds: int, by_movement: bool) -> list[Phase]:
    sparse, dense, last = _shares(epochs, 3)
    return [
        Phase("sparse", sparse, ratio, zeroes_weights=True),
        Phase("dense again", dense, frees_weights=True, keeps_scores=by_movement),
        Phase("fine-tuning", last, ratio),
    ]


def _scoring(epochs: int) -> list[Phase]:
    return [Phase("scoring", epochs, keeps_scores=True)]


def _shares(epochs: int, n: int) -> list[int]:
    """Epochs of n phases; the last ones, which have lost the most, get what is left over."""
    return [epochs // n + (place >= n - epochs % n) for place in range(n)]
