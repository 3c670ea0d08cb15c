"""exports/<task> -> bundles/<task>.tar: what a board needs to measure it; bundles/<task>.json: where it is from."""

from __future__ import annotations

from pathlib import Path

from pipeline.board import experiment_name
from pipeline.deploy.bundle import make_bundle, named_tasks
from pipeline.deploy.bundled_models import input_of
from pipeline.deploy.sample_frames import SampleFrames, clips_of_test_split, frames_of_test_split, noise_frames
from pipeline.files import read_json, write_json
from pipeline.params import load_params
from pipeline.privacy import may_share_people
from pipeline.provenance import git_state, library_versions
from pipeline.tasks import TASKS
from stages.entry import stage_main
from stages.paths import data_folder

BUNDLES = Path("bundles")


@stage_main
def main(*tasks: str) -> None:
    """Make the bundles of the named tasks, or of all. The same exports give the same bytes."""
    params = load_params()
    for task in named_tasks(tasks, params.tasks):
        exports = read_json(Path("exports", task, "report.json"), made_by=f"dvc repro export@{task}")
        data_hash = read_json(data_folder(task) / "report.json", made_by=f"dvc repro generate@{task}")["data_hash"]
        may_share = may_share_people(params.data.of(task).model_dump())
        _, shape = input_of(Path(next(iter(exports["variants"].values()))["file"]))
        bundle = make_bundle(
            BUNDLES / f"{task}.tar",
            Path(),
            exports,
            TASKS[task].kind,
            _frames(task, shape, may_share, params.seed),
            data_hash=data_hash,
            may_share_people=may_share,
        )
        commit, dirty = git_state()
        origin = {
            "task": task,
            "release": bundle.release,
            "bundle_sha256": bundle.sha256,
            "experiment": experiment_name(),
            "git_commit": commit,
            "git_dirty": dirty,
            "params": params.model_dump(mode="json"),
            "params_hash": params.hash(),
            "data_hash": data_hash,
            "versions": library_versions(),
        }
        write_json(BUNDLES / f"{task}.json", origin)
        size = (BUNDLES / f"{task}.tar").stat().st_size / 1e6
        source = bundle.manifest["frames"]["source"]
        print(
            f"bundle {task}: {size:.1f} MB, {bundle.n_files} files, release {bundle.release[:12]}, {source}", flush=True
        )


def _frames(task: str, input_shape: tuple[int, ...], may_share: bool, seed: int) -> SampleFrames:
    if not may_share:
        return noise_frames(input_shape, f"data.{task}.share is false", seed)
    if len(input_shape) == 5:
        return clips_of_test_split(data_folder(task), input_shape)
    return frames_of_test_split(data_folder(task), input_shape)


if __name__ == "__main__":
    main()
