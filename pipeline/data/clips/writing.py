"""One video to the film strips of its clips, in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.data.clips.before import before_path
from pipeline.data.clips.film_strip import film_strip
from pipeline.data.clips.planned import PlannedVideo
from pipeline.data.dataset import Row
from pipeline.data.folder import safe_name
from pipeline.data.recordings.video import UnusableVideoError
from pipeline.files import sha256_file, sha256_json

STRIPS = "clips"


@dataclass(frozen=True)
class WrittenVideo:
    """skipped: why the video gave no clip. n_repeated: frames that fill its clip, since the video is shorter.

    damage: why the video ends early, though it gave clips. before: SHA-256 of the strip of the frames before its
    clip, and how many they are, where there are any.
    """

    name: str
    rows: list[Row]
    skipped: str | None = None
    n_repeated: int = 0
    damage: str | None = None
    before: tuple[str, int] | None = None


def write_video(folder: Path, planned: PlannedVideo) -> WrittenVideo:
    """Write `clips/<split>/<class>/<name>_<number>.jpg` below `folder` for each clip of the video, and where its frames
    before are known these as another strip, see pipeline.data.clips.before."""
    inside = Path(STRIPS, planned.split, planned.label)
    (folder / inside).mkdir(parents=True, exist_ok=True)
    stem = safe_name(planned.name, sha256_json(planned.name))
    rows, n_repeated, before = [], 0, None
    try:
        for number, window in enumerate(planned.source):
            file = inside / f"{stem}_{number:04d}.jpg"
            (folder / file).write_bytes(film_strip(window.frames_lhwc))
            height, width = window.frames_lhwc.shape[1:3]
            sha256 = sha256_file(folder / file)
            rows.append(Row(file.as_posix(), planned.label, planned.split, planned.group, "", width, height, sha256))
            n_repeated += window.n_repeated
            if window.before_khwc is not None:
                earlier = before_path(folder, file.as_posix())
                earlier.parent.mkdir(parents=True, exist_ok=True)
                earlier.write_bytes(film_strip(window.before_khwc))
                before = sha256_file(earlier), len(window.before_khwc)
    except UnusableVideoError as error:
        return WrittenVideo(planned.name, [], skipped=str(error))
    return WrittenVideo(planned.name, rows, n_repeated=n_repeated, damage=planned.source.damage, before=before)
