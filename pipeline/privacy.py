"""What of a run may leave this machine where its data are people: one rule for all that is sent or kept elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Of the files behind a row, in the folders under which MLflow keeps them. A list of what may go, so that a file which
# is added later stays here until somebody has thought about it.
_MODELS = "model"
_NAMELESS_CHART = ".roc.png"


def may_share_people(data: Mapping[str, Any]) -> bool:
    """Whether names, faces and templates may leave. data: the section data.<task>, as params or a report has it.

    Drawn people are nobody, and only tasks with people have `share`.
    """
    return data.get("share", True) is not False or data.get("source") == "synthetic"


def tells_of_nobody(folder: str, path: Path) -> bool:
    """Whether a file behind a row holds neither a name nor a picture nor a template of anybody.

    Reports have class names, charts have them as labels, and the weights of an artifact have a direction in the space
    of embeddings for every person: a template. An exported network ends at the embedding. folder: as in Record.files.
    """
    return folder == _MODELS or path.name.endswith(_NAMELESS_CHART)
