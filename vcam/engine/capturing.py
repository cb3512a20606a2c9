"""The capture thread: keeps the wanted source open, fits its frames and hands the newest on."""

from __future__ import annotations

import time

from vcam.capture import Source
from vcam.capture.fit import Fit
from vcam.config.settings import Settings
from vcam.engine.mailbox import FramePool, Mailbox
from vcam.engine.parts import OpenSource
from vcam.engine.shared import Shared
from vcam.errors import SourceError
from vcam.frame import Frame

OPENING = "opening the source"

_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.25, 4.0  # between tries to open a source that is not there


class Capture:
    """The capture thread's loop and the source it owns.

    A source that is lost or missing is trouble, tried again at growing intervals while everything
    else stays up; one that comes back is the same one, even if `auto` had found it. While paused
    there is no source: the camera is released.
    """

    def __init__(
        self,
        shared: Shared,
        out: Mailbox[Frame],
        pool: FramePool,
        open_source: OpenSource,
        size: tuple[int, int],
        fps: int,
    ) -> None:
        self._shared, self._out, self._pool = shared, out, pool
        self._open_source, self._size, self._fps = open_source, size, fps
        self._source: Source | None = None
        self._asked, self._found = "", ""  # the source as the settings name it, and its own name
        self._fit: Fit | None = None
        self._fitted = ""  # how
        self._wait_s = _SHORTEST_WAIT_S
        self._seq = 0

    def run(self) -> None:
        """Capture until told to stop."""
        try:
            while not self._shared.stop.is_set():
                settings = self._shared.orders.settings
                if settings.paused:
                    self._release()
                    self._rest(1.0)
                else:
                    self._capture(settings)
        finally:
            self._release()

    def _capture(self, settings: Settings) -> None:
        """One frame, or one try to get the source that gives them."""
        try:
            if self._source is None or settings.source != self._asked:
                self._open(settings)
            else:
                self._hand_on(self._source, settings)
        except SourceError as error:
            self._release()
            self._shared.troubles.met("source", error)
            self._shared.figures.done(OPENING)
            self._rest(self._wait_s)
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)

    def _open(self, settings: Settings) -> None:
        self._release()
        if settings.source != self._asked:
            self._asked = self._found = settings.source
            self._wait_s = _SHORTEST_WAIT_S
        source = self._open_source(self._found, lockstep=False, size=self._size, fps=self._fps)
        self._source, self._found, self._fit = source, source.info.spec, None
        self._shared.troubles.over("source")
        self._shared.figures.done(OPENING)
        self._shared.say(
            {
                "kind": "source",
                "source": source.info.name,
                "lockstep": False,
                "width": self._size[0],
                "height": self._size[1],
                "fps": float(self._fps),
            }
        )

    def _hand_on(self, source: Source, settings: Settings) -> None:
        """Wait for the source's next frame and put it where the landmarks thread takes it."""
        times, started_ns = self._shared.figures.times, time.monotonic_ns()
        pixels = source.read()
        if pixels is None:  # live sources do not end; this one did
            self._release()
            self._rest(_SHORTEST_WAIT_S)
            return
        self._wait_s = _SHORTEST_WAIT_S
        captured_ns = times.add("read", started_ns)
        buffer = self._pool.take()
        fitted = self._fit_for(source, settings)(pixels, buffer)
        if fitted is not buffer:
            self._pool.give(buffer)
        times.add("fit", captured_ns)
        self._shared.figures.captured.add(captured_ns, 0)
        dropped = self._out.put(Frame(fitted, self._seq, captured_ns))
        self._seq += 1
        if dropped is not None:
            self._pool.give(dropped.pixels)

    def _fit_for(self, source: Source, settings: Settings) -> Fit:
        if self._fit is None or self._fitted != settings.fit:
            wh = source.info.width, source.info.height
            self._fit, self._fitted = Fit(wh, self._size, settings.fit), settings.fit
        return self._fit

    def _release(self) -> None:
        """Close the source: the camera's light goes out."""
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _rest(self, timeout_s: float) -> None:
        """Wait; new orders, or the wish to stop, end it early."""
        orders = self._shared.orders
        self._shared.wait_until(lambda: self._shared.orders is not orders, timeout_s)
