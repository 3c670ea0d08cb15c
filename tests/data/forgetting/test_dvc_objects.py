from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.data.forgetting.dvc_objects import objects_once_at

MAPS, MAP, LISTING, WEIGHTS = "a" * 32, "b" * 32, "c" * 32 + ".dir", "d" * 32


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Of two runs: one that the lock file knows, one of an experiment that only the cache of runs remembers."""
    cache = tmp_path / "cache"
    listing = [{"md5": MAP, "relpath": "sheets/one.png"}, {"md5": "e" * 32, "relpath": "was never fetched.png"}]
    for md5, content in ((MAPS, ""), (MAP, ""), (WEIGHTS, ""), (LISTING, json.dumps(listing))):
        path = cache / "files" / "md5" / md5[:2] / md5[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    runs = cache / "runs" / "12"
    runs.mkdir(parents=True)
    (runs / "run").write_text(f"cmd: explain\nouts:\n- path: results/maps\n  hash: md5\n  md5: {LISTING}\n")
    (runs / "broken").write_text("outs: [")
    (runs / "bytes").write_bytes(b"\xff\0")
    stage = {"deps": [{"path": "x.csv", "md5": MAPS}], "outs": [{"path": "m/w", "md5": WEIGHTS, "size": 1}]}
    (tmp_path / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"train@x": stage}}))
    return cache


@pytest.mark.parametrize(
    ("at", "objects"),
    [
        ("results/maps", [LISTING]),
        ("results/maps/sheets/one.png", [MAP]),
        ("m/w", [WEIGHTS]),
        ("x.csv", [MAPS]),
        ("results/maps/was never fetched.png", []),
        ("nowhere", []),
    ],
)
def test_objects_are_known_by_the_paths_at_which_they_were(cache: Path, at: str, objects: list[str]) -> None:
    found = objects_once_at(cache, [cache.parent / "dvc.lock"], lambda path: path == at)
    assert found == [cache / "files" / "md5" / one[:2] / one[2:] for one in objects]


def test_without_a_cache_and_a_lock_file_there_is_nothing(tmp_path: Path) -> None:
    assert objects_once_at(tmp_path / "no", [tmp_path / "dvc.lock"], lambda _: True) == []
