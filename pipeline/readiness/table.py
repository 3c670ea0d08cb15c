"""Readiness for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.readiness.board_check import Readiness, Verdict
from pipeline.readiness.boards import boards
from pipeline.readiness.findings import Group, grouped

if TYPE_CHECKING:
    from rich.console import Group as RichGroup
    from rich.table import Table
    from rich.text import Text

_ENGINES = {"tensorrt": "TensorRT", "onnxruntime": "ONNX Runtime"}
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}
_NODES_SHOWN = 2


def readiness_table(readiness: Readiness) -> RichGroup:
    """One line for each JetPack and, below, what was found, the same finding of many nodes once."""
    from rich.console import Group as RichGroup
    from rich.text import Text

    board = boards()[readiness.board].name
    parts: list[Text | Table] = [Text(f"{readiness.model} at {readiness.precision} on {board}", style="bold")]
    for verdict in readiness.verdicts:
        parts.append(_heading(verdict))
        if verdict.findings:
            parts.append(_table(grouped(verdict.findings)))
    return RichGroup(*parts)


def _heading(verdict: Verdict) -> Text:
    from rich.text import Text

    judged = f", judged by the rules of {verdict.judged_by}" if verdict.judged_by else ""
    line = Text(f"JetPack {verdict.jetpack} · {_ENGINES[verdict.engine]} {verdict.version}{judged}: ")
    return line.append("ready" if verdict.ready else "not ready", style="green" if verdict.ready else "red")


def _table(groups: list[Group]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in ("", "operator", "where", "what", "mend"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("", "operator"))
    for group in groups:
        one = group.first
        what = f"{one.what} ({one.detail})" if one.detail else one.what
        # Text, not str: a name with [brackets] is no markup.
        cells = [one.severity, one.op, _where(group.nodes), what, one.mend]
        table.add_row(*(Text(cell) for cell in cells), style=_STYLES[one.severity])
    return table


def _where(nodes: list[str]) -> str:
    shown = ", ".join(nodes[:_NODES_SHOWN])
    return f"{shown} and {len(nodes) - _NODES_SHOWN} more" if len(nodes) > _NODES_SHOWN else shown
