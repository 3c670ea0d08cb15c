"""A network of clips on a live stream: a frame and caches go in, an answer and the next frame's caches come out."""

import array
from collections import deque


class Decisions:
    """The decision after each frame of a stream: the mean over the last T answers, flat lists."""

    def __init__(self, clip_frames):
        self._last = deque(maxlen=clip_frames)

    def after(self, answer):
        self._last.append(answer)
        return [sum(values) / len(values) for values in zip(*self._last)]


def first_values(cache, frame):
    """Raw float32 with which a cache starts: the first frame itself, where it keeps the frame before, or zeros.

    cache: of the manifest, with its shape and what it starts as. frame: file of the first frame.
    """
    if cache.get("starts_as") == "frame":
        with open(frame, "rb") as file:
            return file.read()
    size = 1
    for side in cache["shape"]:
        size *= side
    return bytes(4 * size)


def raw(values):
    """Little-endian float32, as files of inputs are."""
    return array.array("f", values).tobytes()
