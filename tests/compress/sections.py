"""The section `compress` of the params.yaml that the project ships, with changes."""

from __future__ import annotations

from typing import Any

import yaml

from pipeline.compress_options import Compress, PlannedStep
from tests.conftest import REPOSITORY


def compress_section(recipes: dict[str, list[Any]] | None = None, **changes: dict[str, Any]) -> Compress:
    """The section with other recipes beside the fixed ones, and changed options: `prune={"ratio": 0.5}`."""
    raw = yaml.safe_load((REPOSITORY / "params.yaml").read_text())["compress"]
    for name, options in changes.items():
        raw[name] |= options
    raw["recipes"] |= recipes or {}
    return Compress.model_validate(raw)


def planned(step: str, **options: Any) -> PlannedStep:
    """One step with these options of its own; the rest is as in params.yaml."""
    (made,) = compress_section({"one": [{step: options}]}).plan()["one"]
    return made
