"""The table that says which videos belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data.clips.named_groups import read_named_groups
from pipeline.errors import EdgeboardError

KNOWN = ["walk/a.mp4", "walk/b, c.mp4", "fall/d.mp4"]


def read(path: Path, text: str) -> dict[str, str]:
    path.write_bytes(text.encode())
    return read_named_groups(path, KNOWN, "data.movement.groups")


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("video,group\nwalk/a.mp4,room\n", {"walk/a.mp4": "room"}),
        (
            '\ufeffgroup,note,video\r\n room ,x,walk/a.mp4\r\n\r\n7,,"walk/b, c.mp4"\r\n',
            {"walk/a.mp4": "room", "walk/b, c.mp4": "7"},
        ),
    ],
    ids=["plain", "as a spreadsheet writes it"],
)
def test_a_table(tmp_path: Path, text: str, groups: dict[str, str]) -> None:
    assert read(tmp_path / "groups.csv", text) == groups


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["does not have its columns", "no row"]),
        ("video,group\n", ["does not have its columns", "no row"]),
        ("video;group\nwalk/a.mp4;room\n", ["does not have its columns", "video;group"]),
        (
            "video,group\nwalk/a.mp4,1\nwalk/x.mp4,1\n",
            ["has a mistake", "line 3: the source has no video 'walk/x.mp4'"],
        ),
        ("video,group\nwalk/aa.mp4,1\n", ["(did you mean walk/a.mp4?)"]),
        (
            "video,group\nwalk/a.mp4,\nfall/d.mp4\n",
            ["2 mistakes", "line 2: no group of 'walk/a.mp4'", "line 3: no group"],
        ),
        ("video,group\nwalk/a.mp4,1\n\nwalk/a.mp4,2\n", ["line 4: 'walk/a.mp4' is named in line 2 already"]),
        ('video,group\n"walk/a"x,1\n', ["not valid CSV"]),
    ],
)
def test_mistakes(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(EdgeboardError) as caught:
        read(tmp_path / "groups.csv", text)
    for part in parts:
        assert part in str(caught.value)
    assert "data.movement.groups" in str(caught.value.where)
