"""The published picture for browsers, as JPEG.

Encoded on the thread of whichever viewer asks first; the others get the same bytes, and nothing is
encoded while nobody looks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2

from vcam.errors import DaemonError
from vcam.frame.nouns import Pixels

_QUALITY = 82


def encode_jpeg(pixels: Pixels) -> bytes:
    """An RGB picture [H, W, 3] as JPEG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise DaemonError("internal", "A picture could not be encoded.", "report this as a bug")
    return data.tobytes()


class Preview:
    """The newest published frame as JPEG, encoded once for all who look.

    newest: gives the newest published picture and its number, which grows with each one; None
        before the first.
    """

    def __init__(self, newest: Callable[[], tuple[Pixels, int] | None]) -> None:
        self._newest = newest
        self._news = threading.Condition()
        self._waiting = 0
        self._encoding = threading.Lock()
        self._encoded: tuple[bytes, int] | None = None

    def published(self) -> None:
        """A new picture is out; called by the publisher, costs nothing while nobody looks."""
        if self._waiting:
            with self._news:
                self._news.notify_all()

    def picture(self, *, after: int = -1, timeout_s: float) -> tuple[bytes, int] | None:
        """The newest picture and its number, once that is beyond `after`.

        Whoever asks late gets the newest and never sees those between.
        Returns: None if no newer one came in time.
        """

        def is_newer() -> bool:
            newest = self._newest()
            return newest is not None and newest[1] > after

        with self._news:
            self._waiting += 1
            try:
                if not self._news.wait_for(is_newer, timeout_s):
                    return None
            finally:
                self._waiting -= 1
        with self._encoding:
            newest = self._newest()
            if newest is not None and (self._encoded is None or self._encoded[1] != newest[1]):
                self._encoded = encode_jpeg(newest[0]), newest[1]
            return self._encoded
