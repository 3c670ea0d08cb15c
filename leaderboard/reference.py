"""The workshop's figures, shown as dotted marks beside what was measured here."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

REFERENCE_FILE = Path(__file__).with_name("reference.yaml")


@dataclass(frozen=True)
class Reference:
    """figures: one row per task and kind (baseline, compressed) with accuracy (fraction), size_mb, fps, speedup."""

    figures: pd.DataFrame
    source: str
    host: str

    def of(self, task: str) -> pd.DataFrame:
        return self.figures[self.figures["task"] == task].reset_index(drop=True)


@functools.cache
def reference() -> Reference:
    content = yaml.safe_load(REFERENCE_FILE.read_text(encoding="utf-8"))
    rows = [
        {"task": task, "kind": kind, "speedup": figures["fps"] / kinds["baseline"]["fps"], **figures}
        for task, kinds in content["tasks"].items()
        for kind, figures in kinds.items()
    ]
    return Reference(pd.DataFrame(rows), content["source"], content["host"])
