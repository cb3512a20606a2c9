"""The publisher: one thread that gives pictures to every sink, from start to stop.

In: frames in the shared slots, announced by `notify`, and the Controller's Situation. Out: pictures
to the sinks, and a copy for the page. The gate (gate.py) says what is seen, the pacer (pacer.py)
when; the newest frame wins, and what was never shown is counted. The two buffers a frame can lie in
are made once.

Live: a picture at every place of the pacer's grid, the slate if there is no other, so that the
virtual camera never stands still. Lockstep: every frame once, in order, as fast as the sinks take
it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from vcam.frame.nouns import Pixels, PublishedFrame
from vcam.publish.gate import Shown, Situation, SlateText, choose, choose_in_lockstep
from vcam.publish.meter import Meter
from vcam.publish.outlet import Outlet, Reopen, SinkStatus, SlowOutlet
from vcam.publish.pacer import Pacer
from vcam.publish.sinks import Sink, open_sink
from vcam.publish.slate import Slate

_LOG = logging.getLogger(__name__)

CLOSING = SlateText("Camera off", "vcam has been closed.")
"""The last slate: what readers of a virtual camera keep seeing."""


class FrameReader(Protocol):
    """The reading side of vcam.frame.slots.FrameSlots."""

    width: int
    height: int

    def read_newest(self, into: Pixels, *, after_edited_ns: int) -> PublishedFrame | None:
        """Copy the newest frame into `into` if it was finished after that time."""
        ...


@dataclass(frozen=True, slots=True)
class PublisherStats:
    """What has been published since the start, and how it went in the last two seconds.

    published: pictures sent, of which `repeated` were shown before and `slates` were slates.
    dropped: frames that were finished and replaced before they were read. withheld: frames that
    the gate kept back.
    shown: what was sent last.
    """

    published: int
    repeated: int
    slates: int
    dropped: int
    withheld: int
    shown: Shown | None
    fps_out: float
    delay_p50_ms: float
    delay_p95_ms: float
    sinks: tuple[SinkStatus, ...]


class Publisher:
    """Gives every sink a picture at a steady rate, whatever happens to the engine.

    width, height, fps: of every picture; in lockstep the clip's own.
    sinks: open ones; the publisher closes them. reopen: opens one of them anew after a failure.
    frame_limit: end after so many pictures; live, slates do not count. A file gets exactly so many
        if there are only files.
    on_taken: lockstep only; told a frame's `seq` once all sinks have it, on the publisher's thread.
    on_published: told after every picture, on the publisher's thread.
    """

    def __init__(
        self,
        width: int,
        height: int,
        fps: float,
        sinks: Sequence[Sink],
        situation: Situation,
        *,
        lockstep: bool = False,
        frame_limit: int | None = None,
        reopen: Reopen | None = None,
        on_taken: Callable[[int], None] | None = None,
        on_published: Callable[[], None] | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.width, self.height, self.fps = width, height, fps
        self.finished = threading.Event()
        """Set when the last picture is out and every sink is closed."""
        self._lockstep, self._frame_limit, self._clock = lockstep, frame_limit, clock
        self._on_taken, self._on_published = on_taken, on_published
        self._reopen = reopen or partial(open_sink, width=width, height=height, fps=fps)
        # A counted run that nobody watches, files only: a slow sink gets every picture.
        is_counted = frame_limit is not None and all(sink.keeps for sink in sinks)
        self._waits_for_sinks = lockstep or is_counted
        self._outlets = [self._outlet(sink) for sink in sinks]
        self._leaving: list[Outlet] = []  # let go of on the thread, between two pictures
        self._slate = Slate(width, height)

        self._changed = threading.Condition()  # guards these five
        self._situation, self._slate_pixels = situation, self._slate.picture(situation.message)
        self._is_news = True  # the situation is another one
        self._arrived_ns: int | None = self._clock()
        self._announced = 0
        self._is_stopping = False

        self._slots_lock = threading.Lock()  # held while reading, so that detach can wait for it
        self._slots: FrameReader | None = None
        self._read_ns = 0

        self._incoming, self._spare = (np.zeros((height, width, 3), np.uint8) for _ in range(2))
        self._held: PublishedFrame | None = None

        self._latest_lock = threading.Lock()
        self._latest: Pixels | None = None  # the buffer itself, good only under the lock
        self._latest_number = 0
        self._latest_copy: tuple[Pixels, int] | None = None

        self._meter = Meter()
        self._published = self._repeated = self._slates = self._dropped = self._withheld = 0
        self._shown: Shown | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def _outlet(self, sink: Sink) -> Outlet:
        if sink.may_block and not self._waits_for_sinks:
            return SlowOutlet(sink, self._reopen, width=self.width, height=self.height)
        return Outlet(sink, self._reopen)

    # ---- what others ask ---------------------------------------------------------------------

    def start(self) -> None:
        """Begin; in live mode the slate is out at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.8) -> bool:
        """End with the slate and close the sinks. Returns: whether that was done in time."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.ident is None:  # never started
            self._close()
        return self.finished.wait(timeout_s)

    def set_situation(self, situation: Situation) -> None:
        """What the gate goes by from now on; seen within a frame."""
        slate_pixels = self._slate.picture(situation.message)  # drawn here, not on the thread
        with self._changed:
            self._situation, self._slate_pixels = situation, slate_pixels
            self._is_news = True
            self._arrived_ns = self._arrived_ns or self._clock()
            self._changed.notify()

    def change_sinks(self, *, keep: Collection[str], add: Sequence[Sink]) -> None:
        """Live: go on with the sinks of the names in `keep` and with new ones.

        The others get the closing slate and are closed, within a picture's time.
        """
        new = [self._outlet(sink) for sink in add]
        with self._changed:
            self._leaving += [outlet for outlet in self._outlets if outlet.name not in keep]
            self._outlets = [outlet for outlet in self._outlets if outlet.name in keep] + new

    def attach(self, slots: FrameReader) -> None:
        """Read frames from these slots from now on.

        Raises: ValueError if they are of another size.
        """
        if (slots.width, slots.height) != (self.width, self.height):
            raise ValueError(
                f"slots of {slots.width}x{slots.height} for a publisher of "
                f"{self.width}x{self.height}"
            )
        with self._slots_lock:
            self._slots = slots

    def detach(self) -> None:
        """Read no more frames; once this returns the slots can be closed."""
        with self._slots_lock:
            self._slots = None

    def notify(self) -> None:
        """A new frame lies in the slots."""
        with self._changed:
            self._announced += 1
            self._arrived_ns = self._clock()
            self._changed.notify()

    def latest(self) -> tuple[Pixels, int] | None:
        """The newest published picture and its number, which grows with each new one.

        Published pixels only. The picture is a copy, shared by all who ask for the same number:
        it must not be written to.
        Returns: None before the first.
        """
        with self._latest_lock:
            copied = self._latest_copy
            if self._latest is not None and (copied is None or copied[1] != self._latest_number):
                self._latest_copy = self._latest.copy(), self._latest_number
            return self._latest_copy

    def stats(self) -> PublisherStats:
        """How it goes."""
        return PublisherStats(
            self._published,
            self._repeated,
            self._slates,
            max(self._dropped, 0),
            self._withheld,
            self._shown,
            *self._meter.rates(self._clock()),
            tuple(outlet.status() for outlet in self._outlets),
        )

    # ---- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        """Publish until told to stop, or until the limit; then close everything."""
        publish = self._publish_in_lockstep if self._lockstep else self._publish_live
        while True:
            try:
                publish()
                break
            except Exception:  # noqa: BLE001 - a bug must not leave viewers with a frozen face
                _LOG.exception("the publisher stumbled and goes on")
                with self._changed:
                    if self._changed.wait_for(lambda: self._is_stopping, 0.5):
                        break
        self._part_with_leaving()
        if not self._lockstep:
            self._send_closing_slate()
        self._close()

    def _close(self) -> None:
        for outlet in self._outlets:
            outlet.close()
        self.finished.set()

    def _publish_live(self) -> None:
        """A picture whenever one is due.

        Ends when told to, or at the limit. Drops frames that were replaced before they were due.
        """
        pacer = Pacer(self.fps, self._clock())
        while not self._is_limit_reached() and self._wait_until_due(pacer):
            now_ns = self._clock()
            with self._changed:
                situation, slate_pixels = self._situation, self._slate_pixels
                is_news, self._is_news, self._arrived_ns = self._is_news, False, None
            newest = self._read_newest()
            if newest is None and not is_news and now_ns < pacer.repeat_ns():
                continue  # announced, but read before: two frames came together
            shown = choose(situation, newest=newest, held=self._held, now_ns=now_ns)
            self._send(shown, newest, slate_pixels, now_ns)
            pacer.sent(now_ns)
            self._part_with_leaving()

    def _publish_in_lockstep(self) -> None:
        """Every frame once, in order. Ends when told to, at the limit, or without a sink left."""
        while not self._is_limit_reached() and self._wait_for_frame():
            newest = self._read_newest()
            if newest is None:
                continue
            with self._changed:
                situation, slate_pixels = self._situation, self._slate_pixels
            shown = choose_in_lockstep(situation, newest=newest, held=self._held)
            at_ns = round(self._published * 1e9 / self.fps)
            self._send(shown, newest, slate_pixels, at_ns)
            if all(outlet.is_lost for outlet in self._outlets):
                return
            if self._on_taken is not None:
                self._on_taken(newest.seq)

    def _wait_until_due(self, pacer: Pacer) -> bool:
        """Wait until a picture is due; False when told to stop."""
        with self._changed:
            while not self._is_stopping:
                arrived_ns = self._arrived_ns
                due_ns = pacer.repeat_ns() if arrived_ns is None else pacer.new_ns(arrived_ns)
                wait_ns = due_ns - self._clock()
                if wait_ns <= 0:
                    return True
                self._changed.wait(wait_ns / 1e9)
            return False

    def _wait_for_frame(self) -> bool:
        """Wait for an announced frame; False when told to stop and none is left."""
        with self._changed:
            while self._announced == 0:
                if self._is_stopping:
                    return False
                self._changed.wait(1.0)
            return True

    def _read_newest(self) -> PublishedFrame | None:
        """The newest frame in the incoming buffer, if it was not read before."""
        with self._changed:
            announced, self._announced = self._announced, 0
        with self._slots_lock:
            if self._slots is None:
                return None
            newest = self._slots.read_newest(self._incoming, after_edited_ns=self._read_ns)
        if newest is not None:
            self._read_ns = newest.edited_ns
        # Below 0 for a moment when a frame is read before it is announced.
        self._dropped += announced - (newest is not None)
        return newest

    def _send(
        self, shown: Shown, newest: PublishedFrame | None, slate_pixels: Pixels, at_ns: int
    ) -> None:
        """Send what the gate chose, and keep count."""
        held = self._held
        if newest is not None and shown is Shown.NEWEST:
            # The buffer that was shown until now takes the next frame.
            self._incoming = self._spare if held is None else held.pixels
            self._held = held = newest
        elif newest is not None:
            self._withheld += 1
        pixels = slate_pixels if held is None or shown is Shown.SLATE else held.pixels
        self._show(pixels)
        is_lead_in = not self._lockstep and shown is Shown.SLATE and self._published == self._slates
        for outlet in self._outlets:
            if not (is_lead_in and outlet.keeps):  # a recording begins with the first picture
                outlet.send(pixels, at_ns)
        self._published += 1
        self._repeated += shown is Shown.HELD
        self._slates += shown is Shown.SLATE
        self._shown = shown
        captured_ns = held.captured_ns if held is not None and shown is Shown.NEWEST else None
        self._meter.sent(self._clock(), captured_ns)
        if self._on_published is not None:
            self._on_published()

    def _show(self, pixels: Pixels) -> None:
        """Let the page see it; from here on nobody copies from the buffer that was shown before."""
        with self._latest_lock:
            self._latest_number += pixels is not self._latest
            self._latest = pixels

    def _is_limit_reached(self) -> bool:
        counted = self._published - (0 if self._lockstep else self._slates)
        return self._frame_limit is not None and counted >= self._frame_limit

    def _part_with_leaving(self) -> None:
        """Close the sinks that `change_sinks` left out, slow ones on a thread of their own."""
        with self._changed:
            leaving, self._leaving = self._leaving, []
        for outlet in leaving:
            self._leave_behind(outlet)
            # Not a daemon thread: a recording is finished before the program ends.
            threading.Thread(target=outlet.close, name=f"close {outlet.name}").start()

    def _send_closing_slate(self) -> None:
        """Leave readers with a picture that says what happened."""
        self._show(self._slate.picture(CLOSING))
        for outlet in self._outlets:
            self._leave_behind(outlet)

    def _leave_behind(self, outlet: Outlet) -> None:
        """The last picture that readers of this sink get."""
        if not outlet.keeps:
            outlet.send(self._slate.picture(CLOSING), self._clock())
