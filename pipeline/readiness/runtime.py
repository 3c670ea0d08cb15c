"""Will the ONNX Runtime of a board read the file? An old one refuses whatever is stamped newer than itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.readiness.findings import Finding
from pipeline.readiness.graph import Model

ML_DOMAIN = "ai.onnx.ml"


@dataclass(frozen=True)
class Runtime:
    """version: of onnxruntime; the newest versions that it reads of ONNX's opset, that of ai.onnx.ml, and the IR."""

    version: str
    opset: int
    ml_opset: int
    ir: int


def check_runtime(model: Model, runtime: Runtime) -> Iterator[Finding]:
    name = f"ONNX Runtime {runtime.version}"
    if model.proto.ir_version > runtime.ir:
        yield Finding("error", "ir-version", "", "",
                      f"has IR version {model.proto.ir_version}; {name} reads up to {runtime.ir}",
                      f"model.ir_version = {runtime.ir} before onnx.save, where the opset allows it")  # fmt: skip
    if model.opsets.get("", 1) > runtime.opset:
        yield Finding("error", "opset", "", "", f"has opset {model.opsets['']}; {name} reads up to {runtime.opset}",
                      f"export with opset {runtime.opset} or below")  # fmt: skip
    stamped = model.opsets.get(ML_DOMAIN, 1)
    if stamped > runtime.ml_opset:
        # It refuses the whole file for it, even where no node uses the domain.
        used = any(node.domain == ML_DOMAIN for node in model.nodes)
        yield Finding("error", "opset", "", "",
                      f"names opset {stamped} of {ML_DOMAIN}; {name} reads up to {runtime.ml_opset}",
                      "replace these operators" if used else "remove the opset imports that no node uses")  # fmt: skip
    for node in model.nodes:
        known = ("", ML_DOMAIN, "com.microsoft")
        if node.domain not in known and (node.proto.domain, node.op) not in model.local_functions:
            yield Finding("error", "domain", node.label, node.op, f"is an operator of the domain {node.domain}",
                          "write it in ONNX's own operators")  # fmt: skip
        elif node.domain == "com.microsoft":
            yield Finding("warning", "domain", node.label, node.op,
                          "is an operator of ONNX Runtime itself, which an older one may not have",
                          "give boards the file from before ONNX Runtime's optimiser")  # fmt: skip
