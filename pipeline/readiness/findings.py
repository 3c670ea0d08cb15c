"""What a check has to say of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

# An error stops the engine from being built or makes it give other answers; a warning may cost speed or accuracy.
Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One rule that one node breaks. `node` and `op` are empty where the whole file is meant.

    `what` and `mend` name nothing that differs from node to node, so that the same finding of many nodes can be told
    once; `detail` does.
    """

    severity: Severity
    rule: str
    node: str
    op: str
    what: str
    mend: str
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Group:
    """The same finding of several nodes: the first of them, and where it was found."""

    first: Finding
    nodes: list[str]


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """Errors first, otherwise in the order of the graph."""
    groups: dict[Any, Group] = {}
    for one in findings:
        key = one.severity, one.rule, one.op, one.what, one.mend
        groups.setdefault(key, Group(one, [])).nodes.append(one.node)
    return sorted(groups.values(), key=lambda group: SEVERITIES.index(group.first.severity))
