"""An ONNX file by the rules of one version of TensorRT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import onnx

from pipeline.readiness.dla import check_dla
from pipeline.readiness.findings import Finding
from pipeline.readiness.graph import Model, read_model
from pipeline.readiness.layers import check_layers
from pipeline.readiness.operators import check_operators
from pipeline.readiness.quantization import check_quantization
from pipeline.readiness.rulebook import Rules, rules_for
from pipeline.readiness.tensors import check_doubles, check_integers, check_opset, check_shapes, check_sizes

_CHECKS: tuple[Callable[[Model, Rules], Iterator[Finding]], ...] = (
    check_opset,
    check_shapes,
    check_operators,
    check_layers,
    check_quantization,
    check_integers,
    check_doubles,
    check_sizes,
)

# Operators are for the other checks, for a board may have plugins; shapes of outputs are worked out by the importer.
_HARMLESS = ("No Op registered", "Field 'shape' of 'type' is required")


def check_model(path: Path, tensorrt: str, *, dla: bool = False) -> list[Finding]:
    """What TensorRT of that version, such as 8.2.1, would refuse or take otherwise.

    It is judged by the newest rules that are not newer, see pipeline.readiness.rulebook. Subgraphs are judged too.
    dla: add notes on what a DLA leaves to the GPU.

    Raises EdgeboardError for a file that is no ONNX model or whose weights are gone, and for a version without rules.
    """
    rules = rules_for(tensorrt)
    return findings_of(read_model(path), rules, dla=dla)


def findings_of(model: Model, rules: Rules, *, dla: bool = False) -> list[Finding]:
    """As check_model, of a model that was read before."""
    found = [*_onnx_findings(model)]
    for check in (*_CHECKS, *([check_dla] if dla else [])):
        found += check(model, rules)
    return found


def _onnx_findings(model: Model) -> Iterator[Finding]:
    """What ONNX's own checker says of the graph, but for what does not trouble TensorRT."""
    try:
        onnx.checker.check_model(str(model.path))
    except onnx.checker.ValidationError as error:
        words = str(error).strip().splitlines()[0]
        if not any(harmless in words for harmless in _HARMLESS):
            yield Finding("error", "onnx", "", "", "is no valid ONNX", "export it again", words)
