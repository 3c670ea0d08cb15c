"""The clips of one video: windows of equally many frames, at one frame rate, not larger than asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.even_rate import at_even_rate
from pipeline.data.recordings.video import Frame, UnusableVideoError, VideoFrames

# Frames that are only counted need no pixels.
_COUNTED_SIDE = 16


@dataclass(frozen=True)
class WindowChoice:
    """How clips are taken from a video: `n_frames` each at `rate_fps`, a training clip every `stride` frames.

    `max_side`: pixels of the longer side; `max_megapixels`: larger videos are refused.
    """

    n_frames: int
    rate_fps: float
    stride: int
    max_side: int
    max_megapixels: int


@dataclass(frozen=True, eq=False)
class Window:
    """`frames_lhwc`: uint8 RGB `[L, H, W, 3]`; `start_s`: seconds from the first frame of the video.

    `n_repeated`: how many frames at the end repeat the last one, because the video is shorter than the clip.
    `before_khwc`: the frames just before, the earliest first, up to L, where they are asked for and there.
    """

    frames_lhwc: NDArray[np.uint8]
    start_s: float
    n_repeated: int = 0
    before_khwc: NDArray[np.uint8] | None = None


class ClipWindows:
    """The clips of the video at `path`; only a window of frames, or two, is in memory, however long the video is.

    only_middle: the one in the middle, as validation and test take it. Otherwise every clip that begins a stride after
    the one before. with_before: of the one in the middle also the frames before it.

    A shorter video is filled with its last frame. A loop, which mmaction2 makes by default, would jump at its seam,
    and a jump is a movement: who has fallen would stand again. A window in which one frame stands still from beginning
    to end is not given. After iterating, `damage` says why a video ends early, as that of VideoFrames; iterating raises
    UnusableVideoError where there is no clip to give, and so for a video of one frame: a still shows no action.
    """

    def __init__(self, path: Path, choice: WindowChoice, *, only_middle: bool, with_before: bool = False) -> None:
        self.path = path
        self.choice = choice
        self.only_middle = only_middle
        self.with_before = with_before
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Window]:
        self.damage = None
        is_empty = True
        for start, before, frames in self._middle() if self.only_middle else self._strided():
            if len({frame.index for frame in frames}) > 1:
                is_empty = False
                yield self._window(start, before, frames)
        if is_empty:
            raise UnusableVideoError("it shows one frame only; an action needs several")

    def _frames(self, max_side: int) -> Iterator[Frame]:
        video = VideoFrames(self.path, self.choice.rate_fps, max_side, self.choice.max_megapixels)
        yield from at_even_rate(video, self.choice.rate_fps, self.choice.n_frames)
        self.damage = video.damage

    def _strided(self) -> Iterator[tuple[int, Sequence[Frame], Sequence[Frame]]]:
        length = self.choice.n_frames
        held: deque[Frame] = deque(maxlen=length)
        count = 0
        for frame in self._frames(self.choice.max_side):
            held.append(frame)
            count += 1
            if count >= length and (count - length) % self.choice.stride == 0:
                yield count - length, (), tuple(held)
        if count < length:
            yield 0, (), tuple(held)

    def _middle(self) -> Iterator[tuple[int, Sequence[Frame], Sequence[Frame]]]:
        """Counted first: to hold half of a video of hours until its end is known would take gigabytes."""
        count = sum(1 for _ in self._frames(_COUNTED_SIDE))
        damage = self.damage
        start = max(0, count - self.choice.n_frames) // 2
        earliest = max(0, start - self.choice.n_frames) if self.with_before else start
        frames = tuple(islice(self._frames(self.choice.max_side), earliest, start + self.choice.n_frames))
        yield start, frames[: start - earliest], frames[start - earliest :]
        self.damage = damage

    def _window(self, start: int, before: Sequence[Frame], frames: Sequence[Frame]) -> Window:
        height, width = frames[0].rgb.shape[:2]

        # A stream may change its size on the way; a clip has one.
        def pixels_of(some: Sequence[Frame]) -> list[NDArray[np.uint8]]:
            all_rgb = [frame.rgb for frame in some]
            return [rgb if rgb.shape[:2] == (height, width) else _resized(rgb, width, height) for rgb in all_rgb]

        pixels = pixels_of(frames)
        missing = self.choice.n_frames - len(pixels)
        pixels += [pixels[-1]] * missing
        earlier = np.stack(pixels_of(before)) if before else None
        return Window(np.stack(pixels), start / self.choice.rate_fps, missing, earlier)


def _resized(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
