"""Videos to test with, encoded here by the codecs that phones and cameras use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.data.photo_cases import a_photo

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# Divisible by all the frame rates in use, and by milliseconds where a container knows nothing finer.
_TICKS = 3000


def quadrants(width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """Red, green / blue, white: any turn or flip of it is seen."""
    image = np.full((height, width, 3), 255, dtype=np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2] = BLUE
    return image


def numbered(count: int, width: int = 96, height: int = 64) -> list[NDArray[np.uint8]]:
    """Frame i is a grey of its own: `number_of` tells it again after lossy coding. At most 50."""
    return [np.full((height, width, 3), 5 * i, dtype=np.uint8) for i in range(count)]


def number_of(rgb: NDArray[np.uint8]) -> int:
    return round(float(rgb.mean()) / 5)


def pictures(seeds: Iterable[int], size: int = 128) -> list[NDArray[np.uint8]]:
    """Pictures as unlike each other as perceptual hashes need."""
    return [np.asarray(a_photo(seed, size)) for seed in seeds]


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    times_s: Sequence[float] | None = None,
    *,
    rate: int = 25,
    codec: str = "libx264",
    rotation: int | None = None,
    mirrored: bool = False,
    pixel_aspect: Fraction | None = None,
    faststart: bool = False,
) -> Path:
    """`times_s`: when each frame is shown, evenly at `rate` without it; `rotation`: counter-clockwise, as metadata."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if faststart else {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.bit_rate = 4_000_000
        if codec == "libx264":
            # With B-frames, as phones and cameras encode: frames are stored in another order than they are shown.
            stream.options = {"preset": "ultrafast", "crf": "12", "bf": "3"}
        # AVI and Ogg have one length for all frames, and so have the older codecs.
        has_one_length = path.suffix in (".avi", ".ogv") or codec in ("mpeg1video", "mpeg2video", "wmv2", "flv")
        unit = Fraction(1, rate) if has_one_length else Fraction(1, _TICKS)
        stream.codec_context.time_base = unit
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for i, rgb in enumerate(frames):
            if i == 0:
                stream.height, stream.width = rgb.shape[:2]
                if pixel_aspect is not None:
                    stream.codec_context.sample_aspect_ratio = pixel_aspect
            picture = av.VideoFrame.from_ndarray(rgb)
            picture.time_base = unit
            picture.pts = round((Fraction(i, rate) if times_s is None else Fraction(times_s[i])) / unit)
            container.mux(stream.encode(picture))
        container.start_encoding()  # or a video without a frame would not even be a file
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path, cover: NDArray[np.uint8] | None = None) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        if cover is not None:
            picture = container.add_stream("mjpeg", rate=1)
            picture.height, picture.width = cover.shape[:2]
            picture.pix_fmt, picture.disposition = "yuvj420p", av.stream.Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame.from_ndarray(cover)))
            container.mux(picture.encode(None))
        for i in range(8):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 8000, i * 1024
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return path


def whole_packets(path: Path) -> int:
    """How many frames a file holds from its first to its last byte."""
    with av.open(str(path)) as container:
        packets = []
        with contextlib.suppress(av.FFmpegError):
            packets += [packet.is_corrupt for packet in container.demux(video=0) if packet.size]
        return packets.count(False)


def cut(path: Path, share: float) -> Path:
    """The file without its end, as after a full card or a broken copy."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path
