"""What int8 costs layer by layer, and which layers to leave float for a given accuracy.

Sensitivity: Cai et al., ZeroQ: A Novel Zero Shot Quantization Framework, CVPR 2020 (arXiv:2001.00281): the KL
divergence between the float network's probabilities and those of the network in which one layer alone is quantized,
here on the validation frames instead of made ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.answers import Answers
from pipeline.compress.quantization.calibration import drawn_evenly
from pipeline.compress.quantization.graph_layers import layers_of
from pipeline.compress.quantization.quantized_graph import CalibratedGraph
from pipeline.data.frames import Frames, normalise
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

# More would sharpen the figures little and cost every layer its share of time.
MAX_FRAMES = 256


class Judge:
    """Compares quantized graphs with the float one on at most MAX_FRAMES validation frames, through ONNX Runtime."""

    def __init__(self, float_graph: Path, validation: Frames, answers: Answers, seed: int) -> None:
        if len(validation) == 0:
            raise EdgeboardError(
                "There is no validation frame to measure the quantized layers with",
                where="data/<task>/index.csv",
                value="0 frames in the split val",
                mend="add photos to the data source, or leave sensitivity and keep_float: auto off",
            )
        chosen = validation.take(drawn_evenly(validation, MAX_FRAMES, seed))
        self._answers = answers
        self._frames = chosen.frames_nhwc
        self._truth = answers.truth(chosen)
        self._float = self._outputs(float_graph)
        self.n = len(chosen)
        self.float_accuracy = self._accuracy(self._float)

    def judge(self, graph: CalibratedGraph, only: str | None = None, keep_float: Sequence[str] = ()) -> Verdict:
        """How the graph for ONNX Runtime does with one layer quantized, or with all but some."""
        with tempfile.TemporaryDirectory(prefix="edgeboard-") as folder:
            path = Path(folder, "int8.onnx")
            graph.write(path, "onnxruntime", only=only, keep_float=keep_float)
            outputs = self._outputs(path)
        return Verdict(
            kl=self._answers.divergence(outputs, self._float),
            decisions_changed=self._answers.n_changed(outputs, self._float),
            accuracy=self._accuracy(outputs),
        )

    def _outputs(self, graph: Path) -> NDArray[np.float32]:
        # One thread per frame: the sums do not depend on the number of cores.
        engine = OnnxRuntimeEngine(graph, threads=1)
        with ThreadPoolExecutor() as pool:
            return np.concatenate(list(pool.map(lambda frame: engine.run(normalise(frame[None])), self._frames)))

    def _accuracy(self, outputs: NDArray[np.float32]) -> float:
        return self._answers.score(outputs, self._truth)


@dataclass(frozen=True)
class Verdict:
    """kl: mean KL divergence of the probabilities from the float ones, in nats. accuracy: the task's metric."""

    kl: float
    decisions_changed: int
    accuracy: float


def sensitivity(graph: CalibratedGraph, judge: Judge) -> list[dict[str, Any]]:
    """What quantizing each layer alone does, the most sensitive layer first.

    accuracy_delta: validation accuracy with the layer quantized minus the float one, below 0 where it was lost.
    """
    rows = []
    for name, layer in layers_of(graph.model).items():
        verdict = judge.judge(graph, only=name)
        rows.append(
            {
                "layer": name,
                "op": layer.op,
                "kl": verdict.kl,
                "decisions_changed": verdict.decisions_changed,
                "accuracy_delta": verdict.accuracy - judge.float_accuracy,
                "n": judge.n,
            }
        )
    return sorted(rows, key=lambda row: -row["kl"])


def keep_within_budget(
    graph: CalibratedGraph, judge: Judge, most_sensitive_first: Sequence[str], budget: float
) -> tuple[list[str], dict[str, Any]]:
    """The layers to leave float so that at most `budget` (a fraction) of the validation accuracy is lost.

    From everything int8, the most sensitive layer left is made float, until the budget is kept or half of the layers
    are float; then the trial of the highest accuracy wins, of equal ones that with fewer float layers.

    Returns the layers in the order of the graph, and what was tried: float_accuracy, n, trials, within_budget, words.
    """
    trials: list[dict[str, Any]] = []
    for n_kept in range(len(most_sensitive_first) // 2 + 1):
        kept = list(most_sensitive_first[:n_kept])
        accuracy = judge.judge(graph, keep_float=kept).accuracy
        trials.append({"kept_float": kept, "accuracy": accuracy, "n": judge.n})
        if judge.float_accuracy - accuracy <= budget:
            break
    best = max(trials, key=lambda trial: (trial["accuracy"], -len(trial["kept_float"])))
    lost = judge.float_accuracy - best["accuracy"]
    within = lost <= budget
    words = f"{len(best['kept_float'])} of {len(most_sensitive_first)} layers are float"
    words += f", {lost:.1%} of validation accuracy lost" if lost > 0 else ", no validation accuracy lost"
    if not within:
        words += f": more than accuracy_budget ({budget:.1%}), though up to half of the layers were tried as float"
    kept = [layer for layer in layers_of(graph.model) if layer in best["kept_float"]]
    return kept, {
        "float_accuracy": judge.float_accuracy,
        "n": judge.n,
        "trials": trials,
        "within_budget": within,
        "words": words,
    }
