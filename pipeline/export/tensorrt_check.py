"""What the TensorRT family's own ONNX parser and builder say of a file, on a machine without a GPU.

TensorRT-RTX shares the parser and the optimizer with TensorRT and builds engines ahead of time for a named
GPU. It does not know the Jetson boards' own architectures, so it judges the graph; the board builds the engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError
from pipeline.export.versions import readiness_by_version
from pipeline.readiness.tensorrt_module import check_with_tensorrt

# The oldest architecture that TensorRT-RTX builds for ahead of time with int8 everywhere: Orin's desktop sister.
_CAPABILITY = "SM86"


def is_available() -> bool:
    try:
        import tensorrt_rtx  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def check(path: Path) -> dict[str, Any]:
    """Parse and build `path`. Returns {"accepted", "judge", "words", "engine_bytes"}; words are the parser's own."""
    import tensorrt_rtx as trt

    class Listener(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.words: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                self.words.append(message.strip())

    listener = Listener()
    builder = trt.Builder(listener)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, listener)
    verdict: dict[str, Any] = {"accepted": False, "judge": f"tensorrt-rtx {trt.__version__}", "built_for": _CAPABILITY}
    if not parser.parse_from_file(str(path)):
        errors = [_parser_words(parser.get_error(i)) for i in range(parser.num_errors)]
        return {**verdict, "step": "parser", "words": errors or listener.words}
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, _CAPABILITY), 0)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        return {**verdict, "step": "builder", "words": listener.words}
    return {**verdict, "accepted": True, "step": "builder", "words": [], "layers": network.num_layers}


def tensorrt_verdicts(file: Path, published_as: Path, mode: str) -> dict[str, Any]:
    """What is known of a file before a board sees it: what `check` returns, by_version the documented rules of the
    boards' versions, by_tensorrt the real one, which is None but on a machine with a GPU, where it can be installed.

    mode: export.tensorrt_check. published_as: the folder in which the file will lie.
    Raises EdgeboardError where the parser or builder refuses the file, and with mode `require` where there is none.
    """
    return {
        **_judge(file, published_as, mode),
        "by_version": readiness_by_version(file),
        "by_tensorrt": check_with_tensorrt(file),
    }


def _judge(file: Path, published_as: Path, mode: str) -> dict[str, Any]:
    if mode == "off":
        return {"accepted": None, "words": ["not checked: export.tensorrt_check is off"]}
    if not is_available():
        if mode == "require":
            raise EdgeboardError(
                "TensorRT's parser is not installed here",
                where="export.tensorrt_check",
                value="require",
                allowed="require only on Linux x86-64, where tensorrt-rtx has wheels",
                mend="export.tensorrt_check: auto",
            )
        return {"accepted": None, "words": ["not checked: tensorrt-rtx is not installed on this machine"]}
    verdict = check(file)
    if not verdict["accepted"]:
        raise EdgeboardError(
            f"TensorRT's {verdict['step']} refuses the exported file",
            where=published_as / file.name,
            value="; ".join(verdict["words"]) or "it gave no reason",
            mend="change the layer that it names, or another export.opset",
        )
    return verdict


def _parser_words(error: Any) -> str:
    node = error.node_name() or f"node {error.node()}"
    return f"{node} ({error.node_operator()}): {error.desc()}"
