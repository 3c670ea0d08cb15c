"""The findings for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.gate.compare import Finding

if TYPE_CHECKING:
    from rich.table import Table

_SIGNS = {"ok": "✓", "worse": "✗ worse", "missing": "✗ missing", "new": "+ new"}
_STYLES = {"ok": "", "worse": "bold red", "missing": "bold red", "new": ""}
_FORMS = {"accuracy": ".4f", "size_mb": ".2f", "speedup": ".2f"}


def findings_table(findings: Sequence[Finding]) -> Table:
    """One line per finding; what fails is told by a sign and a word, not by colour alone."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in ("row", "measure", "before", "now", "", "why"):
        table.add_column(heading, justify="right" if heading in ("before", "now") else "left", overflow="fold")
    for one in findings:
        numbers = [
            "" if value is None else f"{value:{_FORMS.get(one.measure, '.4g')}}" for value in (one.before, one.now)
        ]
        cells = (one.name, one.measure, *numbers, _SIGNS[one.verdict], one.why)
        # Text, not str: a name with [brackets] is no markup.
        table.add_row(*(Text(cell, style=_STYLES[one.verdict]) for cell in cells))
    return table
