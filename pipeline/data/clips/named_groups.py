"""`data.movement.groups`: a table by somebody who knows which videos are of one scene, one day or one person."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pipeline.data.clips.list_lines import read_table, refuse_mistakes
from pipeline.data.clips.videos import nearest

COLUMNS = ("video", "group")
# To look for a similar name among thousands takes a moment each time, and only the first mistakes are shown.
_HINTS = 10


def read_named_groups(path: Path, known: Collection[str], where: str) -> dict[str, str]:
    """Name of a video, as report.json has it (its path below the source), to its group; not all have to be named.

    known: the names of all videos of the source. Raises EdgeboardError for a table without the two columns, and one
    that names every line with an unknown video, one that was named already, or no group.
    """
    rows = read_table(path, where, COLUMNS, "A table of groups does not have its columns")
    names, is_known = sorted(known), set(known)
    groups: dict[str, str] = {}
    lines_of: dict[str, int] = {}
    mistakes: list[str] = []
    for line, row in rows:
        video, group = row["video"] or "", (row["group"] or "").strip()
        if video not in is_known:
            hint = nearest(video, names) if len(mistakes) < _HINTS else ""
            mistakes.append(f"line {line}: the source has no video {video!r}{hint}")
        elif video in lines_of:
            mistakes.append(f"line {line}: {video!r} is named in line {lines_of[video]} already")
        elif not group:
            mistakes.append(f"line {line}: no group of {video!r}")
        else:
            lines_of[video], groups[video] = line, group
    refuse_mistakes(path, mistakes, "the path of a video below the source, and any name of its group", where)
    return groups
