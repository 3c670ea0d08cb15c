from __future__ import annotations

import errno
import pickle
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import EdgeboardError
from pipeline.files import read_json, remove_leftovers, replacing_file, replacing_folder, write_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_takes_its_place_whole(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("1")
        assert not (tmp_path / "out").exists()
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["a"]


def test_a_failed_block_keeps_what_was_there_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("good")
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "out") as temporary:  # noqa: PT012
        (temporary / "new").write_text("half")
        raise RuntimeError
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["old"]


def test_a_folder_replaces_the_old_one(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with replacing_folder(tmp_path / "out") as temporary:
            (temporary / content).write_text(content)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["second"]


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".out.tmp-abc").mkdir()
    (tmp_path / ".out.tmp-def").write_text("x")
    (tmp_path / ".other.tmp-abc").mkdir()
    remove_leftovers(tmp_path / "out")
    assert names(tmp_path) == [".other.tmp-abc"]


def test_a_file_is_replaced_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": 2})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "No space is left"), (errno.EROFS, "read-only")])
def test_errors_of_the_disk_become_clear_messages(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(EdgeboardError, match=words) as caught, replacing_file(tmp_path / "a"):
        raise OSError(number, "from the system", str(tmp_path / "a"))
    assert "mend:" in str(caught.value)
    assert names(tmp_path) == []


def test_other_errors_of_the_system_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too many"), replacing_file(tmp_path / "a"):
        raise OSError(errno.EMFILE, "too many open files")


@pytest.mark.parametrize(
    ("content", "words"), [(None, "missing"), ("{", "not valid JSON"), (b"\xff", "not valid JSON")]
)
def test_reading_names_the_command_that_makes_the_file(tmp_path: Path, content: str | bytes | None, words: str) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(EdgeboardError, match=words) as caught:
        read_json(path, made_by="dvc repro generate@fire")
    assert "dvc repro generate@fire" in str(caught.value)


def test_a_clear_error_survives_the_way_from_a_worker_process() -> None:
    error = EdgeboardError("what", where="where", value=1, allowed="2", mend="mend")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_full_disk_that_a_library_hides_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False)
    if mount.returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "old").write_text("good")
        with pytest.raises(EdgeboardError, match="No space is left"), replacing_folder(tmp_path / "out") as temporary:
            save_file({"weights": np.ones(4_000_000, dtype=np.uint8)}, temporary / "weights.safetensors")
        assert names(tmp_path) == ["out"]
        assert (tmp_path / "out" / "old").read_text() == "good"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
