"""The sink that takes everything and gives it to nobody: for measuring."""

from __future__ import annotations

from vcam.frame.nouns import Pixels
from vcam.publish.sinks.base import Sink


class NullSink(Sink):
    """Takes pictures and forgets them."""

    name = "null"

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing to give back."""
