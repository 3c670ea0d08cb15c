"""What a person should know of a report before looking at its maps, in lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def notes(report: Mapping[str, Any]) -> list[str]:
    """Methods left out, those that an architecture cannot have, and what random weights say of the others.

    Of detections: what was explained though no device reports it.
    """
    lines = [f"{name} left out: {reason}" for name, reason in report["left_out"].items()]
    lines += _below_the_threshold(report)
    for variant, one in report["variants"].items():
        for name, numbers in one["methods"].items():
            if "why_not" in numbers:
                lines.append(f"no {name} of {variant}: {numbers['why_not']}")
    for one in report["methods"].values():
        if one["randomisation"].get("flagged"):
            lines.append(f"{one['title']} draws nearly the same map with random weights: it does not explain decisions")
        elif "flagged" in one["randomisation"] and one["randomisation"]["flagged"] is None:
            lines.append(f"{one['title']} is not checked. {one['randomisation']['why_not']}")
    return lines


def _below_the_threshold(report: Mapping[str, Any]) -> list[str]:
    lines = [
        f"no operating threshold of {variant}: boxes from score {one['score']:.2f} on count as seen"
        for variant, one in report.get("read_from", {}).items()
        if not one["is_operating"]
    ]
    weak = report.get("targets", {}).get("too weak")
    if weak:
        lines.append(f"{weak} of {report['n']} explained detections are below the baseline's operating threshold")
    return lines
