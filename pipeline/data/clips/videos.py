"""What a source of videos holds, in whatever layout it came."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data.folder import Skipped
from pipeline.data.recordings import video
from pipeline.errors import EdgeboardError

_LONGEST = 255  # bytes that a file system allows for one name
VIDEO_SUFFIXES = " ".join(video.SUFFIXES)


@dataclass(frozen=True, order=True)
class Video:
    """One video of the class `label`. `name`: its path as reports show it; `inside`: the part below its class.

    `group`: what it was cut from, as its name tells, or None. `given`: the split that the source names, or None.
    """

    label: str
    name: str
    inside: str
    path: Path
    group: str | None = None
    given: str | None = None


@dataclass
class FoundVideos:
    """`class_names`: in the order of the class numbers. `layout`: in words, for the report.

    `names_as`: the data set whose way to name files this is, or None; `splits_from`: what named the splits, or None.
    """

    layout: str
    class_names: list[str] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    hidden: int = 0
    names_as: str | None = None
    splits_from: str | None = None


def is_video(path: Path) -> bool:
    return path.suffix.lower() in video.SUFFIXES


def nearest(name: str, known: Sequence[str]) -> str:
    """` (did you mean walk?)`, or nothing where no known name is near."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def class_name_mistake(name: str) -> str | None:
    """Why a folder cannot be named after the class `name`, in which its clips would be written; None where it can."""
    if not name.strip() or name.startswith("."):
        return "is empty or begins with a dot"
    if "/" in name or "\0" in name:
        return "has a slash in it"
    if len(name.encode("utf-8", "surrogateescape")) > _LONGEST:
        return f"is longer than {_LONGEST} bytes"
    return None


def chosen_classes(found: FoundVideos, classes: Sequence[str] | None, where: str) -> int:
    """Keep only the videos of `classes`, in their order; gives how many others were passed over.

    Raises EdgeboardError where one of them is not there, or fewer than two classes are left.
    """
    before = len(found.videos)
    if classes is not None:
        unknown = [name for name in classes if name not in found.class_names]
        if unknown:
            raise EdgeboardError(
                "A class is not in the source",
                where=f"{where.rpartition('.')[0]}.classes",
                value="; ".join(f"{name}{nearest(name, found.class_names)}" for name in unknown),
                allowed=_some(found.class_names),
            )
        found.class_names = list(classes)
        found.videos = [one for one in found.videos if one.label in classes]
    if len(found.class_names) < 2:
        raise EdgeboardError(
            "Videos of at least two classes are needed",
            where=where,
            value=f"{found.layout}: {', '.join(found.class_names) or 'no class'}",
            allowed=f"a folder with a sub-folder of videos ({VIDEO_SUFFIXES}) per class, or an annotation list",
            mend="put the videos of each class into a folder of its own, <source>/<class>/",
        )
    return before - len(found.videos)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
