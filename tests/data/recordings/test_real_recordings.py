from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.data.recordings.listing import find_recordings
from pipeline.data.recordings.splits import split_recordings
from pipeline.data.recordings.twins import Fingerprint, fingerprint, group_recordings
from pipeline.data.recordings.video import VideoFrames
from tests.conftest import REAL_DATA


@pytest.mark.slow
@pytest.mark.real_data
def test_real_people_are_split_by_recording() -> None:
    if not (REAL_DATA / "faces").is_dir():
        pytest.skip("the real people are not here")
    found = find_recordings(REAL_DATA / "faces", "data.faces.source")
    assert (len(found.recordings), len(found.persons), found.skipped) == (275, 13, [])
    prints = [fingerprint(100, recording) for recording in found.recordings]
    groups = group_recordings([it for it in prints if isinstance(it, Fingerprint)], 6, None, "data.faces.source")
    assert (len(groups.of), groups.twins, groups.skipped) == (275, [], [])
    fractions = {"train": 0.6, "val": 0.2, "test": 0.2}
    result = split_recordings(found.recordings, groups.of, fractions, {"val": 2, "test": 2}, 7, "data.faces")
    assert (len(result.known), result.left_out) == (9, [])


@pytest.mark.real_data
def test_real_clips_have_no_damage() -> None:
    clips = sorted((REAL_DATA / "actions").glob("*/*.mp4"))[::10]
    if not clips:
        pytest.skip("the real clips are not here")
    for clip in clips:
        video = VideoFrames(clip, 5, 128, 100)
        frames = list(video)
        assert video.damage is None
        steps = [later.time_s - earlier.time_s for earlier, later in pairwise(frames)]
        assert steps == pytest.approx([0.2] * len(steps), abs=0.05)
        assert len(frames) >= 7
