"""A small stage for the engine's loops: thin fakes for camera, face finder and editor.

A picture's first pixel says what it is (its red value), so that every frame that comes out can be
recognised. Value NO_FACE shows nobody, value SPOILT cannot be edited; the fake editor paints the
whole picture STYLED but keeps the first pixel.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from models.crop import CropKind
from vcam.capture.array import ArraySource
from vcam.config.library import ReferenceLibrary
from vcam.config.settings import parse
from vcam.edit.runtime import Runtime
from vcam.engine.parts import Parts
from vcam.engine.serving import Engine
from vcam.errors import FrameError, SourceError
from vcam.frame import FaceShape, Look, TrackedFace
from vcam.frame.slots import FrameSlots

WIDTH, HEIGHT = 64, 64
NO_FACE, SPOILT, STYLED, OWN = 1, 2, 200, 100


def picture(value: int):
    """A frame of the user's own face, known by its first pixel."""
    made = np.full((HEIGHT, WIDTH, 3), OWN, np.uint8)
    made[0, 0] = value
    return made


class LosableSource(ArraySource):
    """A camera of pictures that goes away when `lost` is set, or after some frames."""

    def __init__(self, *arguments, lost_after=None, **named):
        super().__init__(*arguments, **named)
        self.lost = threading.Event()
        self.is_open = True
        self._left = lost_after

    def read(self):
        """The next picture, or the news that the camera is gone."""
        if self._left is not None:
            self._left -= 1
        if self.lost.is_set() or self._left == -1:
            raise SourceError("source-lost", "The camera went away.", "plug it in again")
        return super().read()

    def close(self):
        """Let go."""
        self.is_open = False
        super().close()


class FakeTracker:
    """Finds a face in every picture whose first pixel does not say otherwise."""

    def __init__(self, work_s=0.0):
        self.work_s, self.closed = work_s, False
        self.looked_at = []  # where the frames' pixels lay

    def track(self, frame):
        """The face, after the time it takes."""
        self.looked_at.append(frame.pixels.ctypes.data)
        time.sleep(self.work_s)
        if frame.pixels[0, 0, 0] == NO_FACE:
            return None
        return TrackedFace(1, np.zeros((478, 2), np.float32), np.eye(2, 3))

    def close(self):
        """Let go."""
        self.closed = True


class FakeEditor:
    """Paints all but the first pixel."""

    def __init__(self, work_s=0.0):
        self.work_s = work_s
        self.device_name, self.note = "a fake", "for tests"
        self.crop_kind: CropKind = "face"
        self.model_name, self.runtime = "fake", Runtime("none", "0", "float32", 1)

    def edit(self, frame, face, shape, layers, out):
        """Style the frame, after the time it takes."""
        time.sleep(self.work_s)
        assert len(shape.layers) == len(layers)
        out.reshape(-1, 3)[1:] = STYLED
        if frame.pixels[0, 0, 0] == SPOILT:
            raise FrameError("frame-failed", "This frame cannot be edited.", "")


@dataclass
class Seen:
    """A frame as the daemon would see it."""

    seq: int
    value: int
    look: Look
    paint: int
    revision: int
    age_ms: float


@dataclass
class Stage:
    """An engine with fakes around it; the test plays the daemon."""

    library: ReferenceLibrary
    pictures: list = field(default_factory=lambda: [picture(9)])
    fps: float = 100.0
    tracker: FakeTracker = field(default_factory=FakeTracker)
    editor: FakeEditor = field(default_factory=FakeEditor)
    lost_after: int | None = None
    events: list = field(default_factory=list)
    frames: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    opened: list = field(default_factory=list)
    open_errors: list = field(default_factory=list)
    loaded: list = field(default_factory=list)
    takes: bool = True
    status: int | None = None
    settings: dict = field(default_factory=dict)
    revision: int = 0

    def __post_init__(self):
        self.news = threading.Condition()
        self.slots = None
        self.engine = Engine(self.hear, self.left, library=self.library, parts=self.parts())

    def parts(self):
        """The fakes, as the engine is given them."""

        def shape_face(face, layers):
            return FaceShape(np.zeros((1, 1), np.float32), tuple(layers))

        def load(model, device):
            self.loaded.append((model, device))
            return self.editor

        return Parts(self.open, load, lambda kind: self.tracker, shape_face)

    def open(self, spec, *, lockstep, size, fps):
        """Open a fake camera, unless an error is due."""
        self.opened.append(spec)
        if self.open_errors:
            raise self.open_errors.pop(0)
        source = LosableSource(
            self.pictures,
            fps=self.fps,
            lockstep=lockstep,
            name=f"source {spec}",
            spec=spec,
            lost_after=self.lost_after,
        )
        self.sources.append(source)
        self.lost_after = None
        return source

    def start(self, **settings):
        """Begin with these settings."""
        self.settings = {"size": f"{WIDTH}x{HEIGHT}", "source": "camera:fake", **settings}
        self.change()

    def change(self, **settings):
        """Change some settings, as the Controller would."""
        self.settings |= settings
        self.revision += 1
        values = parse(self.settings).model_dump(mode="json")
        self.obey({"kind": "settings", "revision": self.revision, "settings": values})

    def obey(self, command):
        """Send a command through JSON, as the pipe does."""
        return self.engine.obey(json.loads(json.dumps(command)))

    def hear(self, event):
        """Play the daemon: slots for a source, a look at each frame."""
        event = json.loads(json.dumps(event))
        if event["kind"] == "source" and self.slots is None:
            self.slots = FrameSlots.create(event["width"], event["height"])
            self.buffer = np.zeros((event["height"], event["width"], 3), np.uint8)
            command = {"kind": "slots", "name": self.slots.name}
            self.obey({**command, "width": event["width"], "height": event["height"]})
        if event["kind"] == "frame":
            self.look()
            if self.takes:
                self.obey({"kind": "taken", "seq": event["seq"]})
        with self.news:
            self.events.append(event)
            self.news.notify_all()

    def look(self):
        """Read the newest frame, as the publisher does."""
        assert self.slots is not None
        frame = self.slots.read_newest(self.buffer, after_edited_ns=0)
        assert frame is not None
        value, paint = int(self.buffer[0, 0, 0]), int(self.buffer[1, 1, 0])
        age_ms = (time.monotonic_ns() - frame.captured_ns) / 1e6
        self.frames.append(Seen(frame.seq, value, frame.look, paint, frame.revision, age_ms))

    def left(self, status):
        """The engine came to its own end."""
        with self.news:
            self.status = status
            self.news.notify_all()

    def wait(self, is_true, timeout_s=5.0):
        """Wait for something to become true."""
        deadline = time.monotonic() + timeout_s
        while not is_true():
            assert time.monotonic() < deadline, (
                f"waited in vain; events: {[e for e in self.events if e['kind'] != 'frame']}, "
                f"frames: {self.frames[-5:]}"
            )
            time.sleep(0.005)

    def wait_for_frames(self, count):
        """Wait for so many more frames."""
        goal = len(self.frames) + count
        self.wait(lambda: len(self.frames) >= goal)

    def told(self, kind):
        """Events of a kind, in order."""
        return [event for event in self.events if event["kind"] == kind]

    def stop(self):
        """End the engine and take the slots away."""
        self.engine.stop()
        if self.slots is not None:
            self.slots.unlink()
