"""The data of the task suspect: objects mixed onto backgrounds, or pictures that were annotated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.data.annotated_folder import TestPictures, import_annotated_folder, nearest, place_test_pictures
from pipeline.data.annotation_table import FILE_NAME
from pipeline.data.annotations import Picture
from pipeline.data.dataset import SPLITS
from pipeline.data.detection_folder import finish_detection_folder
from pipeline.data.mixing.folder_sources import FolderSources, is_mixing_folder, read_folder_sources
from pipeline.data.mixing.origins import PoolPlan, plan_drawn_pools
from pipeline.data.mixing.pool import pack_pools
from pipeline.data.mixing.resume import code_fingerprint, resuming_folder
from pipeline.data.mixing.shards import JOURNAL, POOL, Shard, mix_shards, mixed_pictures, plan_shards
from pipeline.data.workers import Progress
from pipeline.detection_data_options import DetectionData
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_folder, sha256_file, sha256_json

TASK = "suspect"
MIXED_TEST = "test_mixed"


def generate_suspect(
    params: DetectionData, seed: int, out: Path, workers: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Make the data folder `out` as a whole or leave what stood there; gives its report.

    The bytes depend on `params`, `seed` and the sources only, not on `workers` (None: all cores); a mixed image only
    on the seed, its split and its number. A run that was interrupted while mixing goes on where it ended when it is
    called with the same arguments. Raises EdgeboardError for sources that cannot make a data set and for a disk that
    is full or read-only.
    """
    source = None if params.is_synthetic else Path(params.source)
    if source is None:
        plan, fingerprint = _drawn_plan(params, seed), "drawn"
        return _mix(params, seed, out, FolderSources(plan, fingerprint, {}), "synthetic", workers, progress)
    if (source / FILE_NAME).is_file():
        with replacing_folder(out) as folder:
            return import_annotated_folder(folder, TASK, params, seed, workers, progress)
    where = f"data.{TASK}.source"
    if not is_mixing_folder(source):
        raise EdgeboardError(
            "The folder holds nothing to make a data set of",
            where=where,
            value=source,
            allowed=f"a folder with {FILE_NAME}, or one with objects/<class>/ and backgrounds/",
        )
    sources = read_folder_sources(source, params, seed, where, workers)
    return _mix(params, seed, out, sources, source.resolve().name, workers, progress)


def _drawn_plan(params: DetectionData, seed: int) -> PoolPlan:
    from pipeline.data.sprites import CLASS_NAMES, DISTRACTOR_NAMES

    unknown = [name for name in params.classes or [] if name not in CLASS_NAMES]
    unknown += [name for name in params.distractor_classes if name not in (*CLASS_NAMES, *DISTRACTOR_NAMES)]
    if unknown:
        raise EdgeboardError(
            f"Nothing is drawn by the name of {', '.join(unknown)}",
            where=f"data.{TASK}.classes",
            allowed=", ".join((*CLASS_NAMES, *DISTRACTOR_NAMES)),
        )
    distractors = params.distractor_classes or list(DISTRACTOR_NAMES)
    classes = params.classes or [name for name in CLASS_NAMES if name not in distractors]
    return plan_drawn_pools(seed, params.pool, list(classes), list(distractors))


def _mix(
    params: DetectionData, seed: int, out: Path, sources: FolderSources, source: str, workers: int | None,
    progress: Progress | None,
) -> dict[str, Any]:  # fmt: skip
    test_source = Path(params.test_source) if params.test_source is not None else None
    renamed = {"test": MIXED_TEST} if test_source else {}
    shards = plan_shards(params.count.model_dump(), renamed)
    class_names = sources.plan.class_names
    key = sha256_json([params.model_dump(mode="json"), seed, sources.sha256, _content(test_source), code_fingerprint()])
    with resuming_folder(out, key) as folder:
        test = TestPictures([], [], [], 0)
        if test_source:
            test = place_test_pictures(folder, TASK, params, class_names, workers)
        plan, seen = _without_seen(sources, test, params.near_duplicate_bits)
        mix = params.mix
        largest_px = max(8, round(mix.scale.max * min(mix.width, mix.height)))
        pack_pools(folder / POOL, plan, mix.width, mix.height, largest_px, workers)
        mix_shards(folder, shards, mix, seed, workers, progress)
        skipped = [{"line": 0, **entry} for entry in [*sources.skipped, *test.skipped, *seen]]
        findings = {
            "test_source": test_source.resolve().name if test_source else None,
            "pools": plan.sizes(),
            "skipped": sorted(skipped, key=lambda entry: (entry["file"], entry["line"])),
            "boxes_clipped": test.clipped,
        }
        splits = [*SPLITS, MIXED_TEST] if test_source else list(SPLITS)

        def pictures() -> Iterator[Picture]:
            return _in_order(folder, shards, params, test.pictures)

        report = finish_detection_folder(folder, TASK, source, class_names, splits, pictures, findings)
        _remove_work(folder)
    return report


def _in_order(folder: Path, shards: list[Shard], params: DetectionData, test: list[Picture]) -> Iterator[Picture]:
    """By split and file: `test` comes before the mixed splits, all of whose names are greater."""
    return chain(test, mixed_pictures(folder, shards, params.mix))


def _without_seen(
    sources: FolderSources, test: TestPictures, near_duplicate_bits: int
) -> tuple[PoolPlan, list[dict[str, Any]]]:  # fmt: skip
    """The pools without the backgrounds that look like a picture of test_source."""
    left_out = {}
    for name, phash in sources.phashes.items():
        near = nearest(phash, test.phashes, near_duplicate_bits)
        if near is not None:
            left_out[name] = f"near-duplicate of the test picture {test.pictures[near].file}"
    splits = {
        split: replace(pool, backgrounds=[one for one in pool.backgrounds if one.name not in left_out])
        for split, pool in sources.plan.splits.items()
    }
    bare = [split for split, pool in splits.items() if not pool.backgrounds]
    if bare:
        raise EdgeboardError(
            f"No background is left for {', '.join(bare)} once those are left out that look like test pictures",
            where=f"data.{TASK}.source",
            mend="add backgrounds, or lower near_duplicate_bits",
        )
    return PoolPlan(sources.plan.class_names, splits), [{"file": f, "reason": r} for f, r in left_out.items()]


def _content(folder: Path | None) -> dict[str, str]:
    """Every file of a folder by its hash, so that a run does not go on with other test pictures."""
    if folder is None:
        return {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in paths}


def _remove_work(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder / POOL)
    shutil.rmtree(folder / JOURNAL)
