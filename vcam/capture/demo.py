"""The embedded presenter: a source for machines without a camera."""

from __future__ import annotations

from pathlib import Path

from vcam.capture.clip import ClipSource
from vcam.errors import SourceError

PRESENTER = Path(__file__).parent / "assets" / "presenter.mp4"


def open_demo(*, lockstep: bool) -> ClipSource:
    """The presenter, looping, or in lockstep once.

    Raises: SourceError source-missing if the installation lacks the clip.
    """
    if not PRESENTER.is_file():
        raise SourceError(
            "source-missing",
            "The demo clip is not there: this installation of vcam is incomplete.",
            "Install vcam again, or give a camera, clip or picture with --source.",
        )
    return ClipSource(PRESENTER, spec="demo", lockstep=lockstep, kind="demo", name="Demo presenter")
