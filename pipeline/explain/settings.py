"""How much is asked, and what for: the same for tasks of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_METHODS = ("rise",)


@dataclass(frozen=True)
class ExplainSettings:
    """steps: points of a deletion or insertion curve; methods: names as in params.yaml, see `methods.chosen`.

    shown_folder: the name that the folder of the sheets will have later, for the paths in the report; None: its own.
    """

    task: str
    mask_count: int
    steps: int
    seed: int
    methods: tuple[str, ...] = DEFAULT_METHODS
    shown_folder: Path | None = None
