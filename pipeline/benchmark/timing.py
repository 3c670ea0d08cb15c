"""Time several variants in turn, frame by frame, and keep every raw sample.

Two facts measured on two cores (ResNet-18 at 112 px against its pruned int8 form, 60 rounds) shaped this file:

- With ONNX Runtime's default threads the pool of the session that ran before keeps spinning and steals a core: the
  first frame of a baseline turn took 18.1 ms, the second 18.9, and only the eighth the true 6.0. With
  `session.force_spinning_stop` the first frame already takes 6.3 ms, and small networks keep their speed. The
  engine sets it; nothing here can repair it.
- What remains is cold caches: the first frame of a small network takes 1.4 times, the second 1.1 times the rest of
  its turn. A camera's loop runs one network only, so `REWARM_FRAMES` frames open each turn untimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

REWARM_FRAMES = 2
STABLE_WINDOW = 10
STABLE_WITHIN = 0.05
WARMUP_LIMIT = 5  # times the asked warm-up; a machine that is still restless then is timed as it is
PARTS = ("preprocess_ms", "network_ms", "decode_ms")

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Preprocess = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
Decode = Callable[[NDArray[np.float32]], Any]


@dataclass(frozen=True)
class Timings:
    """samples: one row per timed frame with round, turn (0 is the first variant of its round), variant, frame (which
    picture) and the three `PARTS` in ms. warmup_frames: how many untimed frames each variant took to settle.
    unsettled: variants that had not settled when the warm-up ended, and were timed as they were.
    """

    samples: pd.DataFrame
    warmup_frames: dict[str, int]
    unsettled: tuple[str, ...] = ()

    def rounds_ms(self, variant: str, part: str | None = None) -> list[NDArray[np.float64]]:
        """Latencies of one variant, an array per round: of the whole frame, or of one of `PARTS`."""
        rows = self.samples[self.samples["variant"] == variant]
        latency = rows[list(PARTS)].sum(axis=1) if part is None else rows[part]
        return [group.to_numpy(dtype=np.float64) for _, group in latency.groupby(rows["round"])]


def softmax(logits_nc: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[N, C]` logits to `[N, C]` probabilities."""
    exponentials = np.exp(logits_nc - logits_nc.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def decode_top1(logits_1c: NDArray[np.float32], class_names: Sequence[str]) -> tuple[str, float]:
    """`[1, C]` logits to the name of the likeliest class and its probability in [0, 1]."""
    probabilities = softmax(logits_1c)[0]
    best = int(probabilities.argmax())
    return class_names[best], float(probabilities[best])


def turn_orders(variants: Sequence[str], rounds: int, seed: int) -> list[list[str]]:
    """The order of the variants in each round: shuffled, so that none always runs after the same other one."""
    rng = np.random.default_rng(seed)
    return [[variants[i] for i in rng.permutation(len(variants))] for _ in range(rounds)]


def time_in_turn(
    networks: Mapping[str, Network],
    pictures_hwc: Sequence[NDArray[np.uint8]],
    preprocess: Preprocess,
    decoders: Mapping[str, Decode],
    *,
    rounds: int,
    frames_per_turn: int,
    warmup: int,
    seed: int,
    rewarm: int = REWARM_FRAMES,
) -> Timings:
    """Time `rounds` rounds; in each, every variant has one turn of `frames_per_turn` timed frames.

    networks: variant -> function from `[1, 3, S, S]` to the network's outputs, and decoders: what is done with these.
    pictures_hwc: decoded camera
    pictures `[H, W, 3]` uint8. The pictures of a round are the same for every variant. Outliers are kept.
    """
    if not pictures_hwc or not networks:
        raise EdgeboardError(
            "Timing needs a variant and a picture", value=f"{len(networks)} variants, {len(pictures_hwc)} pictures"
        )

    def frame_ms(name: str, picture_hwc: NDArray[np.uint8]) -> tuple[float, float, float]:
        start = perf_counter_ns()
        frame_nchw = preprocess(picture_hwc)
        prepared = perf_counter_ns()
        outputs = networks[name](frame_nchw)
        answered = perf_counter_ns()
        decoders[name](outputs)
        decoded = perf_counter_ns()
        return (prepared - start) / 1e6, (answered - prepared) / 1e6, (decoded - answered) / 1e6

    warmups = {
        name: _warm_up(lambda i, name=name: sum(frame_ms(name, pictures_hwc[i % len(pictures_hwc)])), warmup)  # type: ignore[misc]
        for name in networks
    }
    rows = []
    for round_, order in enumerate(turn_orders(list(networks), rounds, seed)):
        for turn, name in enumerate(order):
            for i in range(-rewarm, frames_per_turn):
                frame = (round_ * frames_per_turn + i) % len(pictures_hwc)
                times_ms = frame_ms(name, pictures_hwc[frame])
                if i >= 0:
                    rows.append((round_, turn, name, frame, *times_ms))
    return Timings(
        pd.DataFrame(rows, columns=["round", "turn", "variant", "frame", *PARTS]),
        {name: len(times) for name, times in warmups.items()},
        tuple(name for name, times in warmups.items() if not _is_stable(times)),
    )


def _warm_up(frame_ms: Callable[[int], float], at_least: int) -> list[float]:
    """Run frames until two windows in a row have the same median within 5 %. Returns their times."""
    times: list[float] = []
    while len(times) < max(at_least, 2 * STABLE_WINDOW) or (
        not _is_stable(times) and len(times) < WARMUP_LIMIT * max(at_least, 2 * STABLE_WINDOW)
    ):
        times.append(frame_ms(len(times)))
    return times


def _is_stable(times: list[float]) -> bool:
    last, before = np.median(times[-STABLE_WINDOW:]), np.median(times[-2 * STABLE_WINDOW : -STABLE_WINDOW])
    return bool(abs(last - before) <= STABLE_WITHIN * before)
