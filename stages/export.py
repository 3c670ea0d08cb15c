"""models/<task> -> exports/<task>: the files that ship, with the proof that they are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.artifact import Meta, read_meta
from pipeline.compress.recipes import artifact_folder, variants
from pipeline.face_data_options import FaceData
from pipeline.files import read_json, replacing_folder, write_json
from pipeline.params import load_params
from pipeline.tasks import TASKS
from stages.entry import stage_main
from stages.paths import data_folder


@stage_main
def main(task: str) -> None:
    """Export every variant of a task."""
    params = load_params().of_task(task)
    training = params.train.of(task)

    from pipeline.data.loading import load_split
    from pipeline.export.export import export_variant
    from pipeline.export.face_gallery import write_galleries
    from pipeline.export.head_file import HEAD_FILE, read_head, write_head
    from pipeline.export.live_file import LIVE_FILE, read_live, write_live
    from pipeline.export.operating_threshold import operating_threshold
    from pipeline.training.kinds import head_of

    folder = Path("exports", task)
    meta = read_meta(artifact_folder(task, ()))
    validation = load_split(data_folder(task), "val", meta.frame_size, meta.class_names, meta.clip_frames)
    enrolled = None
    if TASKS[task].kind == "identification":
        from pipeline.data.faces.reading import crop_options, smallest_face
        from pipeline.export.face_finder_export import export_face_finder

        enrolled = load_split(data_folder(task), "train", meta.frame_size, meta.class_names)
    frames = validation.frames_nhwc[: params.export.parity_frames]
    report: dict[str, Any] = {
        "task": task,
        "class_names": meta.class_names,
        "frame_size": meta.frame_size,
        "clip_frames": meta.clip_frames,
        "variants": {},
    }
    with replacing_folder(folder) as out:
        for variant, steps in variants(params.compress).items():
            (out / variant).mkdir()
            entry = export_variant(
                artifact_folder(task, steps),
                out / variant,
                folder / variant,
                frames,
                params.export,
                lambda network: head_of(network, training),
            )
            model = out / variant / Path(entry["file"]).name
            if entry["live"]:
                live = read_live(out / variant / LIVE_FILE)
                write_live(out / variant, live["file"], {**live, "frame_interval_s": _interval_s(task, meta)})
            if enrolled is not None:
                rate = training.false_accept_rate
                write_galleries(out / variant, folder / variant, entry, enrolled, validation, rate)
            elif entry["head"] is not None:
                head = read_head(out / variant / HEAD_FILE)
                threshold = operating_threshold(model, head, validation)
                write_head(out / variant, {**head, "operating_threshold": threshold})
            report["variants"][variant] = entry
            print(f"export {task} {variant}: {_in_words(entry)}", flush=True)
        if enrolled is not None:
            options = params.data.of(task)
            assert isinstance(options, FaceData)
            smallest, crop = smallest_face(options), crop_options(options)
            export_face_finder(out / "finder", params.export.opset, smallest, crop, options.max_side)
        write_json(out / "report.json", report)


def _interval_s(task: str, meta: Meta) -> float:
    """Between two frames that the network sees: a live stream must come at that rate."""
    clip = read_json(data_folder(task) / "report.json", made_by=f"dvc repro generate@{task}")["clip"]
    from pipeline.data.clips.loading import clip_sampling

    assert meta.clip_frames is not None
    frames_apart = clip_sampling(data_folder(task)).period(clip["frames"], meta.clip_frames) / meta.clip_frames
    interval_s: float = frames_apart / clip["fps"]
    return interval_s


def _in_words(entry: dict[str, Any]) -> str:
    parity, tensorrt = entry["parity"]["onnxruntime"], entry["tensorrt"]
    packed = f", packed to {entry['shared_bits']}-bit codes" if entry["ships"] != entry["file"] else ""
    judged = "accepted by TensorRT's parser and builder" if tensorrt["accepted"] else "; ".join(tensorrt["words"])
    return (
        f"{entry['size_bytes'] / 1e6:.2f} MB {entry['precision']}{packed} "
        f"({entry['size_compressed_bytes'] / 1e6:.2f} MB zipped), "
        f"same decision as PyTorch on {parity['agreement']:.1%} of {parity['n']} frames, {judged}"
    )


if __name__ == "__main__":
    main()
