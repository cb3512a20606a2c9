"""Sinks: where published pictures go, and how a sink is named.

A new kind of sink is a module with a class beside these and a line in `SINKS`. Each module loads
what it needs when its sink is opened, so that this one is light.
"""

from vcam.publish.sinks.base import Sink
from vcam.publish.sinks.opening import (
    SINKS,
    AutoSinks,
    OpenedSinks,
    auto_sinks,
    open_sink,
    open_sinks,
)

__all__ = [
    "SINKS",
    "AutoSinks",
    "OpenedSinks",
    "Sink",
    "auto_sinks",
    "open_sink",
    "open_sinks",
]
