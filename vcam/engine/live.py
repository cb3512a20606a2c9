"""The live engine: capture, landmarks and edit overlap on three threads, the newest frame wins.

    capture -> Mailbox -> landmarks -> Mailbox -> edit -> slots

Delay cannot grow: each thread holds one frame, each mailbox one, and a newer frame takes the place
of one that waits. Frames travel in buffers that go round; whoever drops a frame gives its buffer
back. Only the edit thread writes to the slots, so frames come out in order.
"""

from __future__ import annotations

from vcam.engine.capturing import OPENING, Capture
from vcam.engine.editing import LOADING_MODEL, Editing
from vcam.engine.mailbox import FramePool, Mailbox
from vcam.engine.parts import Parts
from vcam.engine.shaping import LOADING_TRACKER, ShapedFrame, Shaping
from vcam.engine.shared import Shared
from vcam.frame import Frame

_JOIN_S = 0.4


def run_live(shared: Shared, parts: Parts) -> None:
    """Run until told to stop; the calling thread is the edit thread.

    Size and rate are those of the orders at the start.
    Raises: EditError if the model cannot work.
    """
    settings = shared.orders.settings
    captured: Mailbox[Frame] = Mailbox()
    shaped: Mailbox[ShapedFrame] = Mailbox()
    pool = FramePool(*settings.width_height)
    shared.figures.mailboxes = captured, shaped
    shared.figures.begin(LOADING_MODEL, LOADING_TRACKER, OPENING)
    size, fps = settings.width_height, settings.fps
    capture = Capture(shared, captured, pool, parts.open_source, size, fps)
    shaping = Shaping(shared, parts, captured, shaped, pool)
    threads = [
        shared.start_thread("capture", capture.run),
        shared.start_thread("landmarks", shaping.run),
    ]
    try:
        Editing(shared, parts, shaped, pool).run()
    finally:
        shared.end()
        for thread in threads:
            thread.join(_JOIN_S)
