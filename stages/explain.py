"""Explain the exported files of one task: exports/<task>, models/<task> -> results/explain/<task>/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.frames import load_explained_frames
from pipeline.explain.run import explain_task
from pipeline.files import read_json, replacing_folder, write_json
from pipeline.params import load_params
from stages.entry import stage_main

if TYPE_CHECKING:
    from torch import nn


@stage_main
def main(task: str) -> None:
    """Maps of every variant on the same test frames, their faithfulness, and their drift from the baseline."""
    params = load_params()
    options = params.explain
    exports = read_json(Path("exports", task, "report.json"), made_by=f"dvc repro export@{task}")
    class_names, files = exports["class_names"], exports["variants"]
    frames = load_explained_frames(Path("data", task), class_names, exports["frame_size"], options.frames, params.seed)
    variants = [
        ExplainedVariant(name, Path(files[name]["file"]), Path(files[name]["float_artifact"]))
        for name in ["baseline", *params.compress.recipes]
    ]
    results = Path("results", "explain", task)
    print(f"explain {task}: {len(frames)} frames, {options.masks} masks, {len(variants)} variants", flush=True)
    with replacing_folder(results) as folder:
        report = explain_task(
            variants,
            frames,
            class_names,
            _load_network,
            folder,
            task=task,
            mask_count=options.masks,
            steps=options.steps,
            seed=params.seed,
            shown_folder=results,
        )
        write_json(folder / "report.json", report)


def _load_network(folder: Path) -> nn.Module:
    from pipeline.artifact import load_artifact

    return load_artifact(folder)[0]


if __name__ == "__main__":
    main()
