"""The virtual cameras of Windows and macOS, through pyvirtualcam.

The only file that knows pyvirtualcam. Only its opening and sending are used: its own pacing runs
away after a stall (the pacer is ours), and its constructor's ways to fail are turned into ours
here: KeyError for a backend the system has not, RuntimeError with text for everything else.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Literal

from vcam.errors import SinkError
from vcam.frame.nouns import Pixels
from vcam.publish.sinks.base import Sink

Kind = Literal["obs", "unity"]

_BACKENDS: dict[Kind, str] = {"obs": "obs", "unity": "unitycapture"}
_SYSTEMS: dict[Kind, tuple[str, ...]] = {"obs": ("win32", "darwin"), "unity": ("win32",)}
_INSTALL: dict[Kind, str] = {
    "obs": "install OBS Studio, start its virtual camera once and close OBS again",
    "unity": "install Unity Capture and register its device",
}


class VirtualSink(Sink):
    """Sends RGB frames to the camera of OBS Studio, or to Unity Capture.

    device: Unity Capture's name for one of several; None takes the first.
    Raises: SinkError (sink-missing, sink-busy, sink-refused).
    """

    reopens = True

    def __init__(
        self, kind: Kind, width: int, height: int, fps: float, device: str | None = None
    ) -> None:
        self.name = kind if device is None else f"{kind}:{device}"
        self._kind: Kind = kind
        module = _load(kind)
        try:
            self._camera = module.Camera(
                width,
                height,
                fps,
                fmt=module.PixelFormat.RGB,
                backend=_BACKENDS[kind],
                device=device,
            )
        except RuntimeError as error:
            raise _not_opened(kind, error) from error

    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Send one frame."""
        try:
            self._camera.send(pixels)
        except (RuntimeError, ValueError, TypeError) as error:
            raise SinkError(
                "sink-failed",
                f"The {self._kind} virtual camera took no frame: {_first_line(error)}.",
                "vcam tries again by itself; see that no other program uses the camera",
            ) from error

    def close(self) -> None:
        """Let go of the camera; readers see what its driver shows then."""
        self._camera.close()


def has_camera(kind: Kind) -> bool:
    """Whether pyvirtualcam is here and knows this kind; the driver shows only when opened."""
    try:
        _load(kind)
    except SinkError:
        return False
    return True


def _load(kind: Kind) -> Any:  # noqa: ANN401 - an untyped library
    """Pyvirtualcam, if it has this kind of camera here; asked before its constructor can fail."""
    if not sys.platform.startswith(_SYSTEMS[kind]):
        use = "v4l2" if sys.platform.startswith("linux") else "obs"
        raise SinkError(
            "sink-missing", f"This system has no {kind} virtual camera.", f"use --sink {use}"
        )
    try:
        module = importlib.import_module("pyvirtualcam")
        backends = importlib.import_module("pyvirtualcam.camera").BACKENDS
    except ImportError as error:
        raise SinkError(
            "sink-missing",
            f"The {kind} virtual camera needs pyvirtualcam: {_first_line(error)}.",
            "pip install 'vcam[obs]'",
        ) from error
    if _BACKENDS[kind] not in backends:
        raise SinkError(
            "sink-missing",
            f"This pyvirtualcam has no {_BACKENDS[kind]} camera.",
            "pip install --upgrade 'vcam[obs]'",
        )
    return module


def _not_opened(kind: Kind, error: RuntimeError) -> SinkError:
    said = _first_line(error)
    if "could not be started" in said:  # how OBS's camera says that it is in use
        return SinkError(
            "sink-busy",
            f"The {kind} virtual camera is in use: {said}.",
            "stop the virtual camera in the other program, OBS itself included",
        )
    return SinkError(
        "sink-missing", f"The {kind} virtual camera cannot be opened: {said}.", _INSTALL[kind]
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
