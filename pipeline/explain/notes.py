"""What a person should know of a report before looking at its maps, in lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def notes(report: Mapping[str, Any]) -> list[str]:
    """Methods left out, those that an architecture cannot have, and those whose maps survive random weights."""
    lines = [f"{name} left out: {reason}" for name, reason in report["left_out"].items()]
    for variant, one in report["variants"].items():
        for name, numbers in one["methods"].items():
            if "why_not" in numbers:
                lines.append(f"no {name} of {variant}: {numbers['why_not']}")
    for one in report["methods"].values():
        if one["randomisation"].get("flagged"):
            lines.append(f"{one['title']} draws nearly the same map with random weights: it does not explain decisions")
    return lines
