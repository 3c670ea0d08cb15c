"""A source that changed is noticed: a folder by its files, a list by itself and by what lies beside it."""

from __future__ import annotations

from pathlib import Path

from pipeline.data.sources import source_fingerprint


def test_a_list_is_known_by_itself_and_by_the_videos_beside_it(tmp_path: Path) -> None:
    source, video, seen = tmp_path / "v" / "list.txt", tmp_path / "v" / "a.mp4", tmp_path / "seen.json"
    source.parent.mkdir()
    video.write_bytes(b"1")
    source.write_text("a.mp4 0\n")
    first = source_fingerprint(source, seen)
    assert source_fingerprint(source, seen) == first
    video.write_bytes(b"22")
    second = source_fingerprint(source, seen)
    assert second["list"] == first["list"]
    assert second["sha256"] != first["sha256"]
    source.write_text("a.mp4 1\n")
    assert source_fingerprint(source, seen)["list"] != second["list"]


def test_a_folder_is_known_by_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"1")
    first = source_fingerprint(folder, tmp_path / "seen.json")
    assert "list" not in first
    (folder / "b.jpg").write_bytes(b"1")
    assert source_fingerprint(folder, tmp_path / "seen.json") != first
