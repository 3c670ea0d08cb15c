"""Measure the exported files of a task on this machine: exports/<task> -> results/benchmark/<task>.json and <task>/."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.benchmark.forms import Form, frame_by_frame
from pipeline.benchmark.host import host_fingerprint
from pipeline.benchmark.judges import ClassJudge, Judge
from pipeline.benchmark.rows import ExportedVariant
from pipeline.benchmark.run import benchmark_task
from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.loading import clip_frames as clip_length
from pipeline.data.clips.loading import clip_places
from pipeline.data.frames import Frames, load_frames, read_image, read_index
from pipeline.data.loading import load_split
from pipeline.errors import EdgeboardError
from pipeline.export.head_file import read_head
from pipeline.files import read_json, replacing_folder, sha256_file, write_json
from pipeline.params import load_params
from pipeline.provenance import git_state, library_versions
from pipeline.targets.cores import physical_cores
from pipeline.tasks import TASKS
from stages.entry import stage_main
from stages.paths import data_folder


@stage_main
def main(task: str) -> None:
    """Accuracy, speed in turn, memory and size of every variant of a task, through ONNX Runtime."""
    params = load_params()
    options = params.benchmark
    exports = read_json(Path("exports", task, "report.json"), made_by=f"dvc repro export@{task}")
    data = data_folder(task)
    test = load_split(data, "test", exports["frame_size"], exports["class_names"], exports["clip_frames"])
    picked = np.linspace(0, len(test) - 1, min(options.frames, len(test))).round().astype(int)
    variants = exported_variants(exports, task, ["baseline", *params.of_task(task).compress.recipes])
    threads = options.threads or physical_cores()
    judge = judge_of(task, test, data, variants, params.seed, threads)
    form, further_forms = timed_forms(judge, exports, data, test.take(picked), threads)
    results = Path("results", "benchmark")
    with replacing_folder(results / task) as raw_folder:
        report = benchmark_task(
            variants,
            judge,
            form,
            raw_folder,
            further_forms=further_forms,
            threads=threads,
            rounds=options.rounds,
            frames_per_turn=options.frames_per_turn,
            warmup=options.warmup,
            seed=params.seed,
            progress=lambda line: print(f"benchmark {task}: {line}", flush=True),
        )
    commit, dirty = git_state()
    provenance = {
        "task": task,
        "params": params.model_dump(mode="json"),
        "params_hash": params.hash(),
        "data_hash": read_json(data / "report.json", made_by=f"dvc repro generate@{task}")["data_hash"],
        "git_commit": commit,
        "git_dirty": dirty,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": host_fingerprint(),
        "versions": library_versions(),
    }
    write_json(results / f"{task}.json", provenance | report)
    for row in report["rows"]:
        if row["warning"]:
            print(f"benchmark {task}: ⚠ {row['variant']}: {row['warning']}")
    if not report["self_check"]["passed"]:
        ratio = report["self_check"]["ratio"]
        print(
            f"benchmark {task}: this machine is restless; the same file timed twice differs by the factor {ratio:.3f}"
        )


def exported_variants(exports: dict[str, Any], task: str, names: list[str]) -> list[ExportedVariant]:
    """The named variants of an export report. Raises EdgeboardError where a file is not the one of the report."""
    variants = []
    for name in names:
        one = exports["variants"][name]
        counts = {
            key: one[key]
            for key in ("size_bytes", "size_compressed_bytes", "params", "nonzero", "macs", "ratio_reached")
        }
        file = _as_reported(one["file"], one["sha256"], task)
        ships = _as_reported(one["ships"], one["ships_sha256"], task)
        files = {"file": file, "sha256": one["sha256"], "ships": ships, "ships_sha256": one["ships_sha256"]}
        head = Path(one["head"]) if one.get("head") else None
        live = Path(one["live"]["description"]) if one.get("live") else None
        variants.append(ExportedVariant(name, one["recipe"], one["precision"], **files, **counts, head=head, live=live))
    return variants


def timed_forms(
    judge: Judge, exports: dict[str, Any], data: Path, picked: Frames, threads: int
) -> tuple[Form, dict[str, Form]]:
    """What is timed and compared, and what further, by name."""
    size, task = exports["frame_size"], exports["task"]
    if exports["clip_frames"] is None:
        further = _with_finder(task, data, judge, size, threads) if TASKS[task].kind == "identification" else {}
        return frame_by_frame([read_image(file) for file in picked.files], size, threads, judge.decoder), further
    from pipeline.benchmark.clips.forms import on_a_stream, on_whole_clips

    n_frames = clip_length(data)
    places = clip_places(data, exports["clip_frames"])
    clips = [read_film_strip(file, n_frames)[places] for file in picked.files]
    whole = on_whole_clips(clips, size, threads, judge.decoder)
    return on_a_stream(clips, size, threads, judge.decoder), {"clips": whole}


def judge_of(task: str, test: Frames, data: Path, variants: list[ExportedVariant], seed: int, threads: int) -> Judge:
    kind = TASKS[task].kind
    if kind == "classification":
        return ClassJudge(test)
    if kind == "action":
        from pipeline.benchmark.clips.judge import ClipJudge
        from pipeline.data.clips.before import load_before

        _, clip_frames, frame_size, *_ = test.frames_nhwc.shape
        return ClipJudge(test, threads, load_before(data, "test", frame_size, clip_frames))
    if kind == "identification":
        from pipeline.benchmark.faces.judge import FaceJudge
        from pipeline.export.face_gallery import GALLERY_FILE
        from pipeline.tasks.gallery import load

        galleries = {one.name: load(one.file.with_name(GALLERY_FILE), one.sha256) for one in variants}
        return FaceJudge(task, test, galleries, seed)
    from pipeline.benchmark.detection.judge import BoxJudge
    from pipeline.data.suspect import MIXED_TEST

    index = read_index(data)
    heads = {one.name: read_head(one.head) for one in variants if one.head}
    has_mixed = (index["split"] == MIXED_TEST).any()
    mixed = load_frames(data, MIXED_TEST, test.frames_nhwc.shape[1], test.class_names) if has_mixed else None
    return BoxJudge(task, test, test.sources or [], heads, seed, mixed)


def _with_finder(task: str, data: Path, judge: Judge, frame_size: int, threads: int) -> dict[str, Form]:
    """Whole camera frames, in which the face has to be found first."""
    from pipeline.benchmark.faces.with_finder import FORM, BoardFinder, with_finder
    from pipeline.data.faces.generate import CAMERA_FRAMES

    frames = [read_image(path) for path in sorted((data / CAMERA_FRAMES).rglob("*.jpg"))]
    finder = BoardFinder(Path("exports", task, "finder"), threads)
    form = with_finder(finder, frames, frame_size, threads, judge.decoder)
    return {FORM: form} if form else {}


def _as_reported(name: str, sha256: str, task: str) -> Path:
    file = Path(name)
    if not file.is_file() or sha256_file(file) != sha256:
        mend = f"dvc repro --force export@{task}"
        raise EdgeboardError("An exported file is missing or not the one of the report", where=file, mend=mend)
    return file


if __name__ == "__main__":
    main()
