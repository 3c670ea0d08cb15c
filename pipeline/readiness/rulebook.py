"""What each version of TensorRT reads: operators, their types, opsets. The data lies in operators.json.

operators.json was made of the rows of docs/operators.md in github.com/onnx/onnx-tensorrt at the tags 8.2-GA (commit
f42daeee), 8.5-GA (fdeeaca8), 8.6-GA (ee0b139b) and 10.1-GA (96e78110), the last with the parser's changes of
NVIDIA/TensorRT's CHANGELOG for 10.2 and 10.3. To make it anew: take the type column of every row whose second column
is Y, and leave out a version whose types are those of the version before it. `null` ends the support, and an
operator is unknown before the first version that its row names. ConstantOfShape differs from the page, which says
FP32 only: the importer takes the type of its value, and so exporters use it for shapes in all versions.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import EdgeboardError


@dataclass(frozen=True)
class Rules:
    """Of one version. operators: name -> the types that it computes in, as onnx-tensorrt calls them (FP32, INT8)."""

    version: str
    min_opset: int
    max_opset: int
    operators: Mapping[str, frozenset[str]]

    def before(self, version: str) -> bool:
        return _numbers(self.version) < _numbers(version)


def versions() -> list[str]:
    return list(_table()["opsets"])


def rules_for(tensorrt: str) -> Rules:
    """The rules of the newest known version that is not newer than `tensorrt`, which may be as long as 10.3.0.30.

    Raises EdgeboardError for a version before the oldest known one and for what is no version.
    """
    try:
        asked = _numbers(tensorrt)
    except ValueError:
        asked = ()
    known = [version for version in versions() if _numbers(version) <= asked]
    if not known:
        raise EdgeboardError(
            "No rules are known for this version of TensorRT",
            value=tensorrt,
            allowed=f"{versions()[0]} or newer; rules of their own have {', '.join(versions())}",
        )
    return _rules(known[-1])


def first_version_with(operator: str) -> str | None:
    """The oldest known version that has the operator."""
    row = _table()["operators"].get(operator, {})
    return next((version for version in versions() if row.get(version)), None)


@functools.cache
def _rules(version: str) -> Rules:
    table = _table()
    min_opset, max_opset = table["opsets"][version]
    operators = {}
    for name, row in table["operators"].items():
        told = [row[one] for one in versions() if one in row and _numbers(one) <= _numbers(version)]
        if told and told[-1]:
            operators[name] = frozenset(told[-1].split())
    return Rules(version, min_opset, max_opset, operators)


@functools.cache
def _table() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Path(__file__).with_name("operators.json").read_text(encoding="utf-8"))
    return read


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
