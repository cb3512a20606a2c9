"""A clip as a source: decoded by PyAV straight to RGB, upright, in square pixels."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import EOFError as EndOfStreamError
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vcam.capture.source import SourceInfo, SourceKind, Timeline
from vcam.errors import SourceError
from vcam.frame import Pixels

# Files that hold video. Without this list libavformat also "plays" text files and follows
# playlists to other files and hosts.
_CONTAINERS = (
    "mov,mp4,matroska,webm,avi,gif,apng,flv,mpegts,mpeg,mpegvideo,asf,ogg,nut,mxf,dv,ivf,h264,hevc,"
    "m4v,mjpeg,yuv4mpegpipe"
)
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}

_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}

_LONGEST_STILL_NS = 10_000_000_000
"""A longer wait between two frames, or a step back, is a flaw of the file's clock."""

_LONGEST_WAIT_NS = 1_000_000_000
_LONGEST_SKIP_NS = 100_000_000
"""How long one `read` may decode frames that are too late before it shows one all the same."""


class ClipSource:
    """Plays a clip: live in a loop on its own timeline, or in lockstep every frame once.

    A live reader that comes late gets the frame that is due now; the ones between are decoded
    and skipped. Where decoding itself is slower than the clip, it shows what it can, and plays
    slower rather than fall further and further behind. A damaged frame is left out, and a clip
    that breaks off ends where it breaks off.

    Raises: SourceError source-damaged if there is no picture to be had from the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        spec: str,
        lockstep: bool,
        kind: SourceKind = "clip",
        name: str | None = None,
    ) -> None:
        self._path, self._lockstep = path, lockstep
        self._lock = threading.Lock()  # a container must not be closed while it decodes
        self._timeline = Timeline()
        self._reformatter = VideoReformatter()
        first = self._restart()
        stream = self._container.streams.video[0]
        pixel_aspect = stream.sample_aspect_ratio or 1  # 0 and None: nobody said
        self._decoded_wh = round(first.width * pixel_aspect), first.height
        self._turn = round(first.rotation / 90) % 4  # quarters, counter-clockwise
        self._due: tuple[int, VideoFrame] | None = (0, first)
        self._offset_ns = -_stamp_ns(first, 0)
        self._media_ns = 0
        self._shown = self._to_rgb(first)
        height, width, _ = self._shown.shape
        fps = _rate(stream.average_rate, stream.guessed_rate)
        self._interval_ns = round(1e9 / fps)
        self.info = SourceInfo(kind, name or path.name, width, height, fps, spec)

    def read(self) -> Pixels | None:
        """The next frame, or the one due now; see Source.

        Live, where the clip itself stands still for longer than a second, its last frame again.
        Raises: SourceError source-damaged if a looping clip can no longer be read.
        """
        with self._lock:
            if self._timeline.is_stopped:
                return None
            return self._next_in_lockstep() if self._lockstep else self._next_due()

    def close(self) -> None:
        """Wake a waiting `read` and let go of the file; see Source."""
        self._timeline.stop()
        with self._lock:
            self._frames = iter(())
            self._container.close()

    def _next_in_lockstep(self) -> Pixels | None:
        if self._due is not None:
            self._due = None
            return self._shown
        frame = next(self._frames, None)
        return None if frame is None else self._to_rgb(frame)

    def _next_due(self) -> Pixels | None:
        give_up_ns = time.monotonic_ns() + _LONGEST_SKIP_NS
        while True:
            media_ns, frame = self._due or self._advance()
            lag_ns = self._timeline.lag_ns(media_ns)
            if lag_ns < -_LONGEST_WAIT_NS:
                self._due = media_ns, frame
                return self._shown if self._timeline.wait(_LONGEST_WAIT_NS) else None
            self._due = None
            if lag_ns <= self._interval_ns or time.monotonic_ns() > give_up_ns:
                self._shown = self._to_rgb(frame)  # before the wait: it is ready when due
                is_open = self._timeline.wait(-self._timeline.lag_ns(media_ns))
                return self._shown if is_open else None

    def _advance(self) -> tuple[int, VideoFrame]:
        """The next frame of the loop and its place on the timeline, which only ever grows."""
        frame = next(self._frames, None)
        if frame is None:
            self._container.close()
            frame = self._restart()
        due_ns = self._media_ns + self._interval_ns
        media_ns = _stamp_ns(frame, due_ns - self._offset_ns) + self._offset_ns
        if not self._media_ns < media_ns <= self._media_ns + _LONGEST_STILL_NS:
            self._offset_ns += due_ns - media_ns
            media_ns = due_ns
        self._media_ns = media_ns
        return media_ns, frame

    def _restart(self) -> VideoFrame:
        """Open the file and give its first frame; at every loop, as not every format can rewind."""
        container = _open_container(self._path)
        frames = _decoded(container)
        frame = next(frames, None)
        if frame is None:
            container.close()
            raise _damaged(self._path, "no picture in it can be decoded")
        self._container, self._frames = container, frames
        return frame

    def _to_rgb(self, frame: VideoFrame) -> Pixels:
        """One conversion, into memory that the picture then owns.

        Always to the first frame's size: streams may change theirs on the way.
        """
        width, height = self._decoded_wh
        rgb = self._reformatter.reformat(frame, width=width, height=height, format="rgb24")
        pixels: Pixels = np.ascontiguousarray(rgb.to_ndarray(), np.uint8)  # copies padded rows only
        if self._turn == 0:
            return pixels
        return np.asarray(cv2.rotate(pixels, _TURNS[self._turn]), np.uint8)


def _open_container(path: Path) -> InputContainer:
    """Open a file that holds at least one video stream.

    Raises: SourceError source-missing, source-denied or source-damaged.
    """
    try:
        container = av.open(str(path), options=_OPTIONS)
    except FileNotFoundError as error:
        raise SourceError(
            "source-missing", f"The clip {path} is gone.", "Check the path given with --source."
        ) from error
    except PermissionError as error:
        raise SourceError(
            "source-denied", f"The clip {path} may not be read.", "Check the file's permissions."
        ) from error
    except FFmpegError as error:
        raise _damaged(path, "it is not a video file, or its beginning is broken") from error
    if not container.streams.video:
        container.close()
        raise _damaged(path, "there is no video in it")
    container.streams.video[0].thread_type = "AUTO"
    return container


def _decoded(container: InputContainer) -> Iterator[VideoFrame]:
    """The frames that can be decoded, in order, until the end or where the file breaks off."""
    stream = container.streams.video[0]
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = stream.decode(packet)  # None: what the decoder still holds
        except EndOfStreamError:
            return
        except FFmpegError:  # a damaged frame, or the place where the file breaks off
            continue
        yield from frames
        if packet is None:
            return


def _stamp_ns(frame: VideoFrame, otherwise_ns: int) -> int:
    """When the file says that the frame is due."""
    return otherwise_ns if frame.pts is None else round(frame.time * 1e9)


def _rate(*stated: Fraction | None) -> float:
    """The first believable number of frames a second."""
    believable = (float(rate) for rate in stated if rate and 0 < rate <= 480)
    return next(believable, 25.0)


def _damaged(path: Path, why: str) -> SourceError:
    return SourceError(
        "source-damaged",
        f"{path} cannot be played: {why}.",
        "Try it in a video player; if it plays there, convert it to MP4 (H.264).",
    )
