"""Frames at evenly spaced moments, repeated where a video shows one for longer: one frame rate for all videos."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from pipeline.data.recordings.video import Frame

# Times were divided; a moment that is exactly between two frames belongs to the earlier one.
_ROUNDING_S = 1e-9


def at_even_rate(frames: Iterable[Frame], rate_fps: float, most_repeats: int) -> Iterator[Frame]:
    """For each of the moments 0, 1/rate_fps, ... s the frame nearest to it in time, up to the end of the video.

    frames: those of `VideoFrames` at the same rate or at all of them. A video of a lower rate gives frames several
    times. The last frame counts as long as the shortest of the others. One frame is given at most
    `most_repeats` times: a gap of hours between two time stamps is no recording.
    """
    held: Frame | None = None
    moment, gap_s = 0, math.inf
    for frame in frames:
        if held is not None:
            following = math.floor((held.time_s + frame.time_s) / 2 * rate_fps + _ROUNDING_S) + 1
            yield from [held] * min(following - moment, most_repeats)
            moment = max(moment, following)
            gap_s = min(gap_s, (frame.time_s - held.time_s) / (frame.index - held.index))
        held = frame
    if held is not None:
        gap_s = 0.0 if math.isinf(gap_s) else gap_s
        length = math.floor((held.time_s + gap_s) * rate_fps + 0.5)
        # Of frames that were chosen at the rate, the last may be a little before the end of the video.
        is_nearest = moment <= (held.time_s + gap_s / 2) * rate_fps + _ROUNDING_S
        yield from [held] * min(max(int(is_nearest), length - moment), most_repeats)
