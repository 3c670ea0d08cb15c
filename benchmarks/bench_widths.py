"""Uniform against latency-aware widths at the same wished speed-ups, measured on this machine.

    python benchmarks/bench_widths.py [artifact folder, such as models/fire/train/baseline]

Without an artifact: ResNet-18 at 96 pixels with seeded random weights, whose channels all matter about the same, so
that the importance kept says less than that of a trained network. Nothing is fine-tuned.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
import torch_pruning as tp
import yaml
from rich.console import Console
from rich.table import Table
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.artifact import load_artifact
from pipeline.compress.pruning.widths import prune_to_speedup
from pipeline.compress_options import Prune
from pipeline.errors import BAD_INPUT_EXIT_CODE, EdgeboardError
from pipeline.networks import build_network, count_parameters

PARAMS = Path(__file__).resolve().parent.parent / "params.yaml"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare uniform and latency-aware widths at the same speed-ups.")
    parser.add_argument("artifact", nargs="?", type=Path, help="an artifact folder; without it, a random ResNet-18")
    parser.add_argument("--speedups", type=float, nargs="+", default=[1.5, 2.0, 3.0])
    given = parser.parse_args()
    try:
        network, frame_size, name = _network(given.artifact)
    except EdgeboardError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT_EXIT_CODE
    classifier = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    section = yaml.safe_load(PARAMS.read_text())["compress"]["prune"]
    table = Table(
        "wished", "widths", "reached", "rounds", "ms", "params", "importance", "took",
        title=f"{name}, {count_parameters(network) / 1e6:.2f} million parameters",
        caption="reached: median of the rounds; rounds: 10th to 90th percentile; *: the machine was "
        "restless; params, importance: what is left of them",
    )  # fmt: skip
    for speedup in given.speedups:
        for widths in ("uniform", "latency"):
            options = Prune.model_validate({**section, "schedule": "one_shot", "speedup": speedup, "widths": widths})
            began = time.perf_counter()
            try:
                _, report = prune_to_speedup(
                    network, frame_size, options, tp.importance.GroupMagnitudeImportance(p=2), [classifier]
                )
            except EdgeboardError as error:
                table.add_row(f"{speedup:g}", widths, str(error.allowed))
                continue
            table.add_row(
                f"{speedup:g}",
                widths,
                f"{report['speedup_reached']:.2f}" + ("*" if report["restless"] else ""),
                f"{report['speedup_low']:.2f}-{report['speedup_high']:.2f}",
                f"{report['ms_before']:.1f} > {report['ms_after']:.1f}",
                f"{1 - report['ratio_reached']:.1%}",
                f"{report['importance_kept']:.1%}",
                f"{time.perf_counter() - began:.0f} s",
            )
    Console().print(table)
    return 0


def _network(artifact: Path | None) -> tuple[nn.Module, int, str]:
    if artifact is None:
        torch.manual_seed(0)
        return build_network("resnet18", 3, 96).eval(), 96, "resnet18 at 96 px, random weights"
    network, meta = load_artifact(artifact)
    return network, meta.frame_size, f"{meta.architecture} at {meta.frame_size} px, {artifact}"


if __name__ == "__main__":
    sys.exit(main())
