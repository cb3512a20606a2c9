"""Pictures that are already in memory, as a source: a still picture, and tests."""

from __future__ import annotations

from collections.abc import Sequence

from vcam.capture.source import SourceInfo, SourceKind, Timeline
from vcam.frame import Pixels


class ArraySource:
    """Gives the pictures in turn: for ever at their rate, or in lockstep each of them once.

    Shapes: every picture [H, W, 3] uint8, all of one size.
    Raises: ValueError if there is no picture, if sizes differ, or if fps is below 1.
    """

    def __init__(
        self,
        pictures: Sequence[Pixels],
        *,
        fps: float,
        lockstep: bool,
        kind: SourceKind = "clip",
        name: str = "array",
        spec: str = "array",
    ) -> None:
        shapes = {picture.shape for picture in pictures}
        if len(shapes) != 1 or fps < 1:
            raise ValueError(f"needs pictures of one size and fps >= 1, not {shapes}, {fps}")
        height, width, _ = shapes.pop()
        self.info = SourceInfo(kind, name, width, height, fps, spec)
        self._pictures = pictures
        self._lockstep = lockstep
        self._interval_ns = round(1e9 / fps)
        self._next = 0
        self._timeline = Timeline()

    def read(self) -> Pixels | None:
        """The next picture; see Source."""
        if self._lockstep:
            if self._timeline.is_stopped or self._next == len(self._pictures):
                return None
        else:
            lag_ns = self._timeline.lag_ns(self._next * self._interval_ns)
            self._next += max(lag_ns // self._interval_ns, 0)  # too late to show
            if not self._timeline.wait(-lag_ns):
                return None
        picture = self._pictures[self._next % len(self._pictures)]
        self._next += 1
        return picture

    def close(self) -> None:
        """Wake a waiting `read`; see Source."""
        self._timeline.stop()
