"""What of a network the DLA of a Xavier or Orin leaves to the GPU. Only notes: --allowGPUFallback runs the rest there.

From NVIDIA's "DLA Supported Layers and Restrictions" (TensorRT documentation), for the operators of image networks.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.readiness.findings import Finding
from pipeline.readiness.graph import Model, Node
from pipeline.readiness.rulebook import Rules

_MOST_BATCH, _MOST_SIZE = 4096, 8192
_RUNS = {
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Constant", "Conv", "ConvTranspose", "Flatten",
    "Gemm", "GlobalAveragePool", "GlobalMaxPool", "LRN", "LeakyRelu", "Max", "MaxPool", "Min", "Mul", "PRelu", "Relu",
    "Reshape", "Resize", "Sigmoid", "Slice", "Sub", "Tanh",
}  # fmt: skip
# attribute -> the largest value
_LIMITS = {
    "Conv": {"kernel_shape": 32, "strides": 8, "pads": 31, "dilations": 32},
    "ConvTranspose": {"kernel_shape": 32, "strides": 32, "pads": 0},
    "MaxPool": {"kernel_shape": 8, "strides": 16, "pads": 7},
    "AveragePool": {"kernel_shape": 8, "strides": 16, "pads": 7},
}


def check_dla(model: Model, _rules: Rules) -> Iterator[Finding]:
    for value in model.inputs:
        kind = model.scopes[0].type(value.name)
        shape = kind.shape if kind and kind.shape else ()
        if any(isinstance(size, int) and size > (_MOST_SIZE if i else _MOST_BATCH) for i, size in enumerate(shape)):
            yield Finding("note", "dla", value.name, "input", "is too large for the DLA",
                          f"a batch of at most {_MOST_BATCH}, sizes of at most {_MOST_SIZE}")  # fmt: skip
    for node in model.nodes:
        if node.op in ("QuantizeLinear", "DequantizeLinear"):
            yield _note(node, "the DLA takes int8 by calibration, not by Q/DQ", "give it the float file, at fp16")
        elif node.domain or node.op not in _RUNS:
            yield _note(node, "runs on the GPU, not on the DLA", "")
        else:
            for name, most in _LIMITS.get(node.op, {}).items():
                given = node.attributes.get(name, ())
                if any(one > most for one in given):
                    yield _note(node, f"runs on the GPU: the DLA takes {name} up to {most}", "", str(list(given)))


def _note(node: Node, what: str, mend: str, detail: str = "") -> Finding:
    return Finding("note", "dla", node.label, node.op, what, mend, detail)
