"""What each TensorRT of the boards would say of a file, by its documented rules: see pipeline.readiness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.readiness.check import findings_of
from pipeline.readiness.graph import read_model
from pipeline.readiness.rulebook import rules_for

# Of JetPack 4, 5, 6.0 and 6.1 on.
VERSIONS = ("8.2", "8.5", "8.6", "10.3")


def readiness_by_version(file: Path) -> dict[str, Any]:
    """Version -> {"ready", "errors"}: the words of what would be refused; notes and warnings are for `stages.check`."""
    model = read_model(file)
    told = {}
    for version in VERSIONS:
        errors = [one for one in findings_of(model, rules_for(version)) if one.severity == "error"]
        words = [f"{one.node} ({one.op}): {one.what}; {one.mend}" for one in errors]
        told[version] = {"ready": not errors, "errors": words}
    return told
