"""Frames of a video: upright, RGB, not larger than asked, at evenly spaced moments, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.data.photos import MIN_SIDE
from pipeline.data.recordings.moments import at_moments
from pipeline.data.recordings.orientation import Matrix, upright

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SUFFIXES = (
    ".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v",
    ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".3gp", ".ogv",
)  # fmt: skip
# What the content may be. A closed list, since a play list named .mp4 would make FFmpeg open other files.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg"
_USUAL_RATE = Fraction(25)
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
# So much may be missing at the end before it is worth a note: encoders round durations.
_MISSING_S, _MISSING_SHARE = 0.5, 0.05


class UnusableVideoError(Exception):
    """Why a video gives no frame at all; the text is the same on every machine."""


@dataclass(frozen=True, eq=False)
class Frame:
    """`rgb`: uint8 `[H, W, 3]`; `time_s`: seconds from the first frame; `index`: its number among all frames."""

    rgb: NDArray[np.uint8]
    time_s: float
    index: int


class VideoFrames:
    """The frames of the video at `path`, decoded while one iterates; only a few are in memory at any time.

    rate_fps: frames nearest to the moments 0, 1/rate_fps, ... s by their presentation timestamps; None gives all.
    max_side: the longer side in pixels at most; a smaller video is not enlarged.
    max_megapixels: larger videos are refused before a pixel is decoded.

    The display matrix (rotation, mirror) and the shape of the pixels are honoured. At damage the frames end;
    `damage` then says why, and is None while nothing was found: codecs have no checksums, so that single wrong bytes
    can go unnoticed. Iterating raises UnusableVideoError where
    there is not one frame to give.
    """  # fmt: skip

    def __init__(self, path: Path, rate_fps: float | None, max_side: int, max_megapixels: int) -> None:
        self.path = path
        self.rate = None if rate_fps is None else Fraction(rate_fps).limit_denominator(100_000)
        self.max_side = max_side
        self.max_megapixels = max_megapixels
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Frame]:
        import av

        self.damage = None
        is_empty, matrix = True, None
        try:
            # An open file, not a name: FFmpeg reads names as addresses and knows only UTF-8.
            with self.path.open("rb") as file:
                if not file.read(1):
                    raise UnusableVideoError("the file is empty")
                file.seek(0)
                with _open(av, file) as container:
                    stream = self._stream(container)
                    for time, (index, picture) in at_moments(self._timed(container, stream), self.rate):
                        if is_empty:
                            matrix, is_empty = _display_matrix(picture), False
                        yield Frame(self._rgb(picture, stream, matrix), float(time), index)
        except (av.FFmpegError, ValueError) as error:
            self.damage = f"cannot be decoded further: {_words(error)}"
        except OSError as error:
            raise UnusableVideoError(f"cannot be read: {error.strerror}") from None
        if is_empty:
            raise UnusableVideoError(f"no frame can be decoded{f': {self.damage}' if self.damage else ''}")

    def _stream(self, container: InputContainer) -> VideoStream:
        import av

        # A cover picture of a piece of music is a video stream too.
        streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            raise UnusableVideoError("there is no video in it")
        stream = streams[0]
        if stream.codec_context is None:
            raise UnusableVideoError("its codec is not known")
        width, height = stream.width, stream.height
        if width * height > self.max_megapixels * 1_000_000:
            raise UnusableVideoError(
                f"{width} x {height} is {width * height / 1e6:g} megapixels; allowed: {self.max_megapixels}"
                " (max_megapixels)"
            )
        if min(width, height) < MIN_SIDE:
            raise UnusableVideoError(f"{width} x {height} pixels is too small; at least {MIN_SIDE} on each side")
        # Threads hold frames of their own, and what they make of damage depends on their number.
        stream.codec_context.thread_count = 1
        # Without "explode" H.264 hides damage behind grey or smeared blocks and says nothing.
        stream.codec_context.options = {"max_pixels": str(self.max_megapixels * 1_000_000), "err_detect": "explode"}
        return stream

    def _timed(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[tuple[Fraction, tuple[int, VideoFrame]]]:
        """Every frame with its time since the first one, which always grows."""
        usual = 1 / (stream.average_rate or _USUAL_RATE)
        start = last = Fraction(0)
        length, is_empty = usual, True
        for index, picture in enumerate(self._decoded(container, stream)):
            stamp = picture.pts if picture.pts is not None else picture.dts
            unit = picture.time_base or stream.time_base  # frames that the decoder gives at the end have none
            time = None if stamp is None or unit is None else stamp * unit
            if index == 0:
                start, last = time or Fraction(0), Fraction(0)
            elif time is None or time - start <= last:
                last += usual
            else:
                last = time - start
            length = picture.duration * unit if picture.duration and unit else usual
            is_empty = False
            yield last, (index, picture)
        if self.damage is None and not is_empty:
            self._note_missing_end(container, stream, float(last + length))

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Frames in the order they are shown, up to the first damage."""
        import av

        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    self.damage = "the file is cut or damaged"
                    break
                for picture in packet.decode():
                    if picture.is_corrupt:
                        self.damage = "a frame is damaged"
                        return
                    yield picture
            else:
                return
        except (av.FFmpegError, ValueError) as error:
            self.damage = f"cannot be decoded further: {_words(error)}"
        yield from _still_inside(stream)

    def _note_missing_end(self, container: InputContainer, stream: VideoStream, end_s: float) -> None:
        import av

        if stream.duration is not None and stream.time_base is not None:
            said_s = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            said_s = container.duration / av.time_base
        else:
            return
        if said_s - end_s > max(_MISSING_S, _MISSING_SHARE * said_s):
            self.damage = f"the frames end at {end_s:.1f} s of {said_s:.1f} s"

    def _rgb(self, picture: VideoFrame, stream: VideoStream, matrix: Matrix | None) -> NDArray[np.uint8]:
        from av.video.reformatter import Interpolation

        aspect = stream.sample_aspect_ratio or Fraction(1)
        width, height = picture.width * aspect, Fraction(picture.height)
        scale = min(Fraction(1), self.max_side / max(width, height))
        made = picture.reformat(
            width=max(1, round(width * scale)),
            height=max(1, round(height * scale)),
            format="rgb24",
            src_colorspace=_colourspace(picture),
            # The last two make the same bytes on every processor.
            interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        )
        return upright(cast("NDArray[np.uint8]", made.to_ndarray()), matrix)


def _open(av: Any, file: Any) -> InputContainer:
    try:
        return cast("InputContainer", av.open(file, "r", container_options={"format_whitelist": _CONTAINERS}))
    except av.FFmpegError:
        raise UnusableVideoError("the content is not a video, or it is cut before its index") from None


def _still_inside(stream: VideoStream) -> Iterable[VideoFrame]:
    """The whole frames before the damage that the decoder had held back to put them in order."""
    import av

    try:
        return [picture for picture in stream.decode(None) if not picture.is_corrupt]
    except av.FFmpegError:
        return []


def _display_matrix(picture: VideoFrame) -> Matrix | None:
    """Asked of one frame only, for PyAV ties a frame that was asked into a cycle: 12 MB each until gc finds it."""
    side_data = cast("Mapping[str, Any]", picture.side_data).get("DISPLAYMATRIX")
    return None if side_data is None else np.frombuffer(bytes(side_data), dtype=np.int32).reshape(3, 3)


def _colourspace(picture: VideoFrame) -> str | None:
    """What players take where a video does not say it: BT.709 for high definition."""
    if picture.colorspace != _UNSPECIFIED or picture.format.is_rgb:
        return None
    return "ITU709" if picture.width >= 1280 or picture.height > 576 else "ITU601"


def _words(error: Exception) -> str:
    """Without the name of a file or of a C function in it."""
    return getattr(error, "strerror", None) or type(error).__name__
