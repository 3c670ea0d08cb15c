"""Explain the exported files of one task: exports/<task>, models/<task> -> results/explain/<task>/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.frames import load_explained_frames
from pipeline.explain.methods.chosen import choose_methods
from pipeline.explain.notes import notes
from pipeline.explain.run import explain_task
from pipeline.explain.settings import ExplainSettings
from pipeline.export.head_file import read_head
from pipeline.files import read_json, replacing_folder, write_json
from pipeline.params import load_params
from pipeline.tasks import TASKS
from stages.entry import stage_main

if TYPE_CHECKING:
    from torch import nn


@stage_main
def main(task: str) -> None:
    """Maps of every variant on the same test frames, their scores, and how far compression moved them."""
    params = load_params().of_task(task)
    options = params.explain
    exports = read_json(Path("exports", task, "report.json"), made_by=f"dvc repro export@{task}")
    class_names, files = exports["class_names"], exports["variants"]
    variants = [
        ExplainedVariant(
            name, Path(files[name]["file"]), Path(files[name]["float_artifact"]), tuple(files[name]["recipe"])
        )
        for name in ["baseline", *params.compress.recipes]
    ]
    results = Path("results", "explain", task)
    chosen = Path("data", task), class_names, exports["frame_size"], options.frames, params.seed
    settings = ExplainSettings(task, options.masks, options.steps, params.seed, tuple(options.methods), results)
    kind = TASKS[task].kind
    methods = ", ".join(choose_methods(options.methods, kind).names)
    print(
        f"explain {task}: {methods}; {options.frames} frames, {options.masks} masks, {len(variants)} variants",
        flush=True,
    )
    with replacing_folder(results) as folder:
        if kind == "detection":
            from pipeline.explain.detection.frames import load_explained_detection_frames
            from pipeline.explain.detection.run import explain_detections

            heads = {one.name: read_head(Path(files[one.name]["head"])) for one in variants}
            frames = load_explained_detection_frames(*chosen)
            report = explain_detections(variants, heads, frames, class_names, _load_network, folder, settings)
        elif kind == "action":
            from pipeline.explain.clips.clip import load_explained_clips
            from pipeline.explain.clips.run import explain_clips

            clips = load_explained_clips(
                *chosen[:3], clip_frames=exports["clip_frames"], count=options.frames, seed=params.seed
            )
            report = explain_clips(variants, clips, class_names, _load_network, folder, settings)
        elif kind == "identification":
            report = _explain_faces(variants, chosen, folder, settings, params.data.of(task).margin)
        else:
            report = explain_task(
                variants, load_explained_frames(*chosen), class_names, _load_network, folder, settings, kind=kind
            )
        if getattr(params.data.of(task), "share", True) is False:
            # What the report does not name is neither kept with the board nor sent to MLflow.
            report = _without_pictures(report)
        write_json(folder / "report.json", report)
    for line in notes(report):
        print(f"explain {task}: {line}", flush=True)


def _without_pictures(report: dict[str, Any]) -> dict[str, Any]:
    variants = {name: {**one, "sheet": None} for name, one in report["variants"].items()}
    return {**report, "side_by_side": None, "variants": variants}


def _explain_faces(
    variants: list[ExplainedVariant], chosen: Any, folder: Path, settings: ExplainSettings, crop_margin: float
) -> dict[str, Any]:
    from pipeline.embedders import Embedder
    from pipeline.explain.faces.embedding_scores import CosineClassifier, likeness_of_network, likeness_through
    from pipeline.explain.faces.parts import energy_in_parts
    from pipeline.export.face_gallery import GALLERY_FILE
    from pipeline.tasks.gallery import load

    def load_classifier(artifact: Path) -> nn.Module:
        network = _load_network(artifact)
        assert isinstance(network, Embedder)
        return CosineClassifier(network).eval()

    galleries = {one.name: load(one.file.with_name(GALLERY_FILE)) for one in variants}
    return explain_task(
        variants, load_explained_frames(*chosen), chosen[1], load_classifier, folder, settings, kind="identification",
        scores_through=lambda one, run: likeness_through(run, galleries[one.name], one.file),
        scores_of_network=likeness_of_network,
        parts_of=lambda maps: energy_in_parts(maps, crop_margin),
    )  # fmt: skip


def _load_network(folder: Path) -> nn.Module:
    from pipeline.artifact import load_artifact

    return load_artifact(folder)[0]


if __name__ == "__main__":
    main()
