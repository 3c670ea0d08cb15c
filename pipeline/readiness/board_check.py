"""Is a file ready for a board: one verdict for every JetPack that the board can have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.errors import EdgeboardError
from pipeline.readiness.boards import Board, Release, find_board
from pipeline.readiness.check import findings_of
from pipeline.readiness.findings import SEVERITIES, Finding
from pipeline.readiness.graph import Model, read_model
from pipeline.readiness.rulebook import rules_for
from pipeline.readiness.runtime import check_runtime

Precision = Literal["fp32", "fp16", "int8"]
Engine = Literal["tensorrt", "onnxruntime"]


@dataclass(frozen=True)
class Verdict:
    """judged_by: the version of TensorRT whose rules were used, where it is not the engine's own."""

    jetpack: str
    engine: Engine
    version: str
    judged_by: str | None
    findings: list[Finding]

    @property
    def ready(self) -> bool:
        return not any(one.severity == "error" for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        counts = {f"{severity}s": sum(one.severity == severity for one in self.findings) for severity in SEVERITIES}
        return {**asdict(self), "ready": self.ready, **counts}


@dataclass(frozen=True)
class Readiness:
    """board: its key. precision: the one asked for, or that of the file's own numbers."""

    model: str
    board: str
    precision: Precision
    verdicts: list[Verdict]

    @property
    def ready(self) -> bool:
        """Whether it is with every JetPack that was judged."""
        return all(one.ready for one in self.verdicts)

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "board": self.board,
            "precision": self.precision,
            "ready": self.ready,
            "verdicts": [one.as_json() for one in self.verdicts],
        }


def check_for_board(
    path: Path,
    board: str,
    precision: str | None = None,
    engine: str = "tensorrt",
    *,
    jetpack: str | None = None,
    dla: bool = False,
) -> Readiness:
    """Judge the file for each JetPack of the board, or for one of them (4.6, 5.1, 6.0, 6.2, 7.0 or 7.2).

    precision: what the engine is to be built in, fp32, fp16 or int8; None for int8 where the file has Q/DQ, fp16 where
    it has float16 weights, else fp32. ONNX Runtime takes every precision. dla: add notes on what the DLA leaves out.

    Raises EdgeboardError for a file that cannot be read and for names that are not known.
    """
    profile = find_board(board)
    if precision is not None:
        _require("precision", precision, get_args(Precision))
    _require("engine", engine, get_args(Engine))
    keys = [one.key for one in profile.releases]
    if jetpack is not None:
        _require(f"JetPack of the {profile.name}", jetpack, keys)
    model = read_model(path)
    wanted: Any = precision or ("int8" if model.is_quantized else "fp16" if model.is_half else "fp32")
    verdicts = [
        _by_tensorrt(model, profile, release, wanted, dla) if engine == "tensorrt" else _by_runtime(model, release)
        for release in profile.releases
        if jetpack in (None, release.key)
    ]
    return Readiness(path.as_posix(), profile.key, wanted, verdicts)


def _by_tensorrt(model: Model, board: Board, release: Release, precision: Precision, dla: bool) -> Verdict:
    rules = rules_for(release.tensorrt)
    findings = [*_precision_findings(model, board, precision), *findings_of(model, rules, dla=dla)]
    if dla and not board.dla_cores:
        findings.append(Finding("warning", "dla", "", "", f"{board.name} has no DLA", "leave it out"))
    is_own = release.tensorrt.startswith(f"{rules.version}.")
    return Verdict(release.jetpack, "tensorrt", release.tensorrt, None if is_own else rules.version, findings)


def _by_runtime(model: Model, release: Release) -> Verdict:
    runtime = release.onnxruntime
    return Verdict(release.jetpack, "onnxruntime", runtime.version, None, [*check_runtime(model, runtime)])


def _precision_findings(model: Model, board: Board, precision: Precision) -> Iterator[Finding]:
    if precision not in board.precisions:
        yield Finding("error", "precision", "", "", f"{board.name} has no {precision}",
                      f"build the float file at {board.precisions[-1]}")  # fmt: skip
    if model.is_quantized and precision != "int8":
        yield Finding("error", "precision", "", "", f"has Q/DQ and is to be built at {precision}",
                      "build it at int8, or take the float file")  # fmt: skip
    if precision == "int8" and not model.is_quantized:
        yield Finding("warning", "precision", "", "", "has no Q/DQ: trtexec --int8 invents the ranges",
                      "measure speed with it, never accuracy, or quantize it first")  # fmt: skip


def _require(what: str, given: str, allowed: Any) -> None:
    if given not in allowed:
        raise EdgeboardError(f"There is no such {what}", value=given, allowed=", ".join(allowed))
