"""Live or lockstep: one rule, asked by the daemon and by the engine. Light."""

from __future__ import annotations

from vcam.capture import is_file_source
from vcam.config.settings import Settings


def runs_in_lockstep(settings: Settings) -> bool:
    """Whether every frame is worked through once, in order.

    So it is for a clip or picture that goes only into files, or nowhere: nobody waits for it, and
    no frame is to be missing. Everything else is live.
    """
    kept = (sink == "null" or sink.startswith("file:") for sink in settings.sinks)
    return is_file_source(settings.source) and all(kept)
