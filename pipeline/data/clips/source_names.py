"""What a video was cut from, as its file name tells it: clips of one source must not be split.

- UCF101 (Soomro et al. 2012): `v_<Class>_g<group>_c<clip>`; the clips of a group are of one video.
- HMDB51 (Kuehne et al. 2011): `<title>_<class>_<body>_<camera>_np<people>_<viewpoint>_<quality>_<clip>`, where the
  body is h, u, l or f, the camera cm or nm, the viewpoint fr, ba, le or ri and the quality goo, med or bad. The title
  is that of the film or video, and one film has clips of several classes.
- Kinetics (Kay et al. 2017): `<video on YouTube>_<start in s, six digits>_<end>`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from pipeline.data.clips.videos import Video

_NAMINGS = {
    "UCF101": re.compile(r"(v_\w+?_g\d+)_c\d+"),
    "HMDB51": re.compile(r"(.+)_[hulf]_(?:cm|nm)_np\d+_(?:fr|ba|le|ri)_(?:goo|med|bad)_\d+"),
    "Kinetics": re.compile(r"(.+)_\d{6}_\d{6}"),
}


def with_groups(videos: Sequence[Video]) -> tuple[list[Video], str | None]:
    """The videos with the groups that their names tell, and whose naming it is.

    Most must follow it, since a few may do so by chance; those that do not, as own videos beside a known data set, have
    no group. A group that is known already stays.
    """
    stems = [PurePosixPath(one.inside).stem for one in videos]
    for naming, pattern in _NAMINGS.items():
        matches = [pattern.fullmatch(stem) for stem in stems]
        if 2 * sum(match is not None for match in matches) > len(videos):
            groups = [match and _group(naming, match[1], one.label) for match, one in zip(matches, videos, strict=True)]
            return [replace(one, group=one.group or group) for one, group in zip(videos, groups, strict=True)], naming
    return list(videos), None


def _group(naming: str, group: str, label: str) -> str:
    """
    >>> _group("HMDB51", "April_09_brush_hair", "brush_hair")
    'April_09'
    """
    if naming != "HMDB51":
        return group
    end = f"_{label}"
    return group[: -len(end)] if group.lower().endswith(end.lower()) else group
