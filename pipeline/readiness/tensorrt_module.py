"""The opinion of TensorRT itself, where its Python module and a GPU are: on a board, or a machine for CUDA."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any


def check_with_tensorrt(path: Path) -> dict[str, Any] | None:
    """Parse and build `path` as trtexec would, at fp16, and at int8 where the file has Q/DQ.

    Returns {"accepted", "judge", "step", "words"}: step is "parser" or "builder", words are TensorRT's own. None where
    the module `tensorrt` is not installed or finds no driver.
    """
    try:
        trt = importlib.import_module("tensorrt")
    except (ImportError, OSError):
        return None
    words: list[str] = []

    class Listener(trt.ILogger):  # type: ignore[name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                words.append(message.strip())

    listener = Listener()
    try:
        builder = trt.Builder(listener)
    except (RuntimeError, TypeError):  # without a GPU
        return None
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, listener)
    verdict = {"accepted": False, "judge": f"tensorrt {trt.__version__}", "step": "parser"}
    if not parser.parse_from_file(str(path)):
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        return {**verdict, "words": [one.desc() for one in errors] or words}
    config = builder.create_builder_config()
    for name in ("FP16", "INT8"):
        # TensorRT 11 has neither: its networks are strongly typed.
        if hasattr(trt.BuilderFlag, name):
            config.set_flag(getattr(trt.BuilderFlag, name))
    built = builder.build_serialized_network(network, config)
    return {**verdict, "step": "builder", "accepted": built is not None, "words": [] if built is not None else words}


def _network_flags(trt: Any) -> int:
    """8 wants to be told that shapes hold the batch; 11 that every tensor has the type that stands in the file."""
    name = "EXPLICIT_BATCH" if hasattr(trt.BuilderFlag, "FP16") else "STRONGLY_TYPED"
    flag = getattr(trt.NetworkDefinitionCreationFlag, name, None)
    return 0 if flag is None else 1 << int(flag)
