"""The galleries of a bundle: to each engine's file the people and the threshold that were made through it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.deploy.contents import Contents
from pipeline.errors import EdgeboardError
from pipeline.tasks.gallery import GalleryError, load


def add_galleries(
    contents: Contents, root: Path, task: str, name: str, entry: Mapping[str, Any], models: Mapping[str, dict[str, Any]]
) -> None:
    """Put `gallery` into each engine's part of a variant (see models_of). entry: of the export report.

    Raises EdgeboardError for a gallery that is missing, damaged or of another file.
    """
    mend = f"dvc repro --force export@{task}"
    for engine, model in models.items():
        made = entry if engine == "onnxruntime" else entry["tensorrt"]
        if made.get("gallery") is None:
            where = f"exports/{task}/report.json"
            raise EdgeboardError(
                "The export report is of an older form", where=where, value=f"{name}, {engine}", mend=mend
            )
        path = root / made["gallery"]
        try:
            load(path, model["sha256"])
        except GalleryError as error:
            raise EdgeboardError(**{**error.parts, "mend": mend}) from error
        model["gallery"] = contents.add(f"models/{name}/{path.name}", path)
