"""Pictures kept in memory, as a sink: for tests and for programs that embed vcam."""

from __future__ import annotations

from vcam.frame.nouns import Pixels
from vcam.publish.sinks.base import Sink


class ArraySink(Sink):
    """Keeps a copy of every picture and when it came."""

    name = "array"

    def __init__(self) -> None:
        self.pictures: list[Pixels] = []
        self.times_ns: list[int] = []
        self.is_closed = False

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Keep a copy."""
        self.pictures.append(pixels.copy())
        self.times_ns.append(at_ns)

    def close(self) -> None:
        """Remember that it was closed."""
        self.is_closed = True
