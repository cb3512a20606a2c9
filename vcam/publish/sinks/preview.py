"""The control page's preview, as a sink.

It only says that the page is where pictures go: the page asks the publisher for its newest picture
(`Publisher.latest`) when somebody looks, whatever the sinks are.
"""

from __future__ import annotations

from vcam.frame.nouns import Pixels
from vcam.publish.sinks.base import Sink


class PreviewSink(Sink):
    """Takes nothing: the page fetches."""

    name = "preview"

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Leave it to the page."""

    def close(self) -> None:
        """Nothing to give back."""
