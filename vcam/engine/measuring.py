"""The engine's figures on this machine: each stage alone, then all of it together.

The real rooms and the real threads, on pictures that were decoded beforehand, so that the clip's
decoder is not what is measured. Frames end where the daemon would copy them: in the slots, read by
a thread that stands for the publisher.
"""

from __future__ import annotations

import itertools
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import psutil

import vcam
from vcam.capture import Source, SourceInfo, open_source
from vcam.capture.array import ArraySource
from vcam.capture.fit import Fit
from vcam.config.changes import apply_changes, read_assignment
from vcam.config.library import ReferenceLibrary
from vcam.config.settings import Settings
from vcam.engine import rooms
from vcam.engine.live import run_live
from vcam.engine.parts import FaceEditor, Parts, Tracker
from vcam.engine.protocol import Event
from vcam.engine.shared import Figures, Shared
from vcam.engine.stages import StageTimes
from vcam.engine.styling import Orders, Stylist
from vcam.errors import SourceError, VcamError
from vcam.frame import Frame, Pixels
from vcam.frame.slots import FrameSlots

_NS = 1_000_000_000
_WARM_UP_S = 1.0
_ALONE_SHARE = 0.3  # of a run's seconds, for each stage alone
_REFERENCE_SIZE = 512

Quantiles = dict[str, float]


def measure(
    *,
    source: str,
    seconds: float,
    pictures: int,
    changes: Sequence[str],
    say: Callable[[str], object],
) -> dict[str, Any]:
    """Everything that docs/bench.md lists, as plain values.

    say: told what is being done.
    Raises: VcamError if source, model or a setting cannot be used.
    """
    settings = Settings(strength=1.0, source=source)
    settings = apply_changes(settings, dict(map(read_assignment, changes)))
    say(f"decoding {source}")
    held, info, decode_ms = _decoded(source, pictures, settings)
    orders = Stylist(ReferenceLibrary(), _raise).orders(settings, revision=1)
    busy_before = _load_reference()
    say("loading the model")
    began_ns = time.monotonic_ns()
    editor = rooms.load_editor(settings.model, settings.device)
    loading_s = (time.monotonic_ns() - began_ns) / _NS
    tracker = rooms.load_tracker(editor.crop_kind)
    try:
        say("each stage alone")
        alone = _alone(held, info, orders, editor, tracker, seconds * _ALONE_SHARE)
    finally:
        tracker.close()
    engine = _Engine(orders, held, info, editor, seconds)
    say(f"all together, as fast as they can, {seconds:.0f} s")
    free = engine.run("free")
    say(f"all together, at {settings.fps} frames a second, {seconds:.0f} s")
    paced = engine.run("paced")
    return {
        "vcam": vcam.__version__,
        "machine": _machine(editor.device_name),
        "model": _model(editor),
        "load_reference_ms": {"before": busy_before, "after": _load_reference()},
        "source": {
            "name": info.name,
            "size": [info.width, info.height],
            "pictures": len(held),
            "decode_ms": decode_ms,
        },
        "settings": settings.model_dump(mode="json"),
        "loading_s": round(loading_s, 2),
        "alone_ms": alone,
        "free": free,
        "paced": paced,
        "memory_mb": _memory_mb(),
    }


def _decoded(
    spec: str, count: int, settings: Settings
) -> tuple[list[Pixels], SourceInfo, Quantiles]:
    """The source's first frames, its kind, and how long each took to decode."""
    source = open_source(spec, lockstep=True, size=settings.width_height, fps=settings.fps)
    held: list[Pixels] = []
    took_ns: list[int] = []
    try:
        while len(held) < count:
            began_ns = time.monotonic_ns()
            pixels = source.read()
            if pixels is None:
                break
            took_ns.append(time.monotonic_ns() - began_ns)
            held.append(pixels.copy())
    finally:
        source.close()
    if not held:
        raise SourceError("source-damaged", f"{spec} gave no frame.", "try another clip")
    return held, source.info, _quantiles(took_ns)


# ---- each stage alone ---------------------------------------------------------------------------


def _alone(
    held: Sequence[Pixels],
    info: SourceInfo,
    orders: Orders,
    editor: FaceEditor,
    tracker: Tracker,
    seconds: float,
) -> dict[str, Quantiles]:
    """Fit, landmarks, shape and edit, one after the other, each back to back on the same frames."""
    size = orders.settings.width_height
    fit = Fit((info.width, info.height), size, orders.settings.fit)
    out = np.empty((size[1], size[0], 3), np.uint8)
    frames = [
        Frame(fit(pixels, out).copy(), seq, seq * _NS // 30) for seq, pixels in enumerate(held)
    ]
    later = iter(range(len(frames), 1_000_000))  # the tracker's time only goes forward

    def track(i: int) -> object:
        return tracker.track(Frame(frames[i].pixels, 0, next(later) * _NS // 30))

    seen = [(frame, face) for frame in frames if (face := tracker.track(frame)) is not None]
    if not seen:
        raise SourceError("source-damaged", "No face was found in the source.", "try another clip")
    shapes = [rooms.shape_face(face, orders.layers) for _, face in seen]

    def edit(i: int) -> None:
        editor.edit(*seen[i], shapes[i], orders.layers, out)

    return {
        "fit": _timed(lambda i: fit(held[i], out), len(held), seconds / 4),
        "landmarks": _timed(track, len(frames), seconds),
        "shape": _timed(lambda i: rooms.shape_face(seen[i][1], orders.layers), len(seen), seconds),
        "edit": _timed(edit, len(seen), seconds),
    }


def _timed(work: Callable[[int], object], count: int, seconds: float) -> Quantiles:
    """Quantiles of `work(i)`, i going round below `count`, for so long, after a warm-up."""
    for i in range(3):
        work(i % count)
    took_ns: list[int] = []
    ends_ns = time.monotonic_ns() + round(seconds * _NS)
    while (began_ns := time.monotonic_ns()) < ends_ns or len(took_ns) < 5:
        work(len(took_ns) % count)
        took_ns.append(time.monotonic_ns() - began_ns)
    return _quantiles(took_ns)


# ---- all together -------------------------------------------------------------------------------


class _Engine:
    """The live engine in this process, on held pictures."""

    def __init__(
        self,
        orders: Orders,
        held: Sequence[Pixels],
        info: SourceInfo,
        editor: FaceEditor,
        seconds: float,
    ) -> None:
        self._orders, self._held, self._info = orders, held, info
        self._editor, self._seconds = editor, seconds

    def run(self, how: str) -> dict[str, Any]:
        """`free`: as fast as the slowest stage; `paced`: at the settings' rate, as a camera.

        Raises: VcamError if the engine cannot work.
        """
        width, height = self._orders.settings.width_height
        slots = FrameSlots.create(width, height)
        reader = _Reader(slots)
        shared = Shared(reader.hear, self._orders)
        shared.figures.times = StageTimes(window_ns=round(self._seconds * _NS))
        shared.tell(slots=FrameSlots.attach(slots.name, width, height))
        parts = Parts(
            open_source=lambda *_, **__: self._source(how, shared.figures),
            editor=lambda *_: self._editor,
            tracker=rooms.load_tracker,
            shape_face=rooms.shape_face,
        )
        result: dict[str, Any] = {}
        watch = shared.start_thread("watch", lambda: result.update(self._watch(shared, reader)))
        shared.start_thread("publisher", lambda: reader.run(shared.stop))
        shared.guard(lambda: run_live(shared, parts))
        watch.join()
        if shared.error is not None:
            raise shared.error
        return result

    def _source(self, how: str, figures: Figures) -> Source:
        if how == "paced":
            return ArraySource(self._held, fps=self._orders.settings.fps, lockstep=False)
        return _FreeSource(self._held, self._info, figures)

    def _watch(self, shared: Shared, reader: _Reader) -> dict[str, Any]:
        """Wait until frames come, let it run, look, and end the engine."""
        figures, process = shared.figures, psutil.Process()
        shared.stop.wait(_WARM_UP_S)
        while not reader.delays_ns and not shared.stop.wait(0.1):
            pass
        reader.delays_ns.clear()
        began_ns, used_s = time.monotonic_ns(), _cpu_s(process)
        dropped = figures.status()["dropped"]
        shared.stop.wait(self._seconds)
        now_ns, delays_ns = time.monotonic_ns(), list(reader.delays_ns)
        took_s = (now_ns - began_ns) / _NS
        stages = figures.times.quantiles_ms(now_ns)
        result = {
            "seconds": round(took_s, 2),
            "frames": len(delays_ns),
            "fps": round(len(delays_ns) / took_s, 2),
            "dropped": figures.status()["dropped"] - dropped,
            "stages_ms": {name: {"p50": p50, "p95": p95} for name, (p50, p95) in stages.items()},
            "delay_ms": _quantiles(delays_ns),
            "cpu_cores": round((_cpu_s(process) - used_s) / took_s, 2),
        }
        shared.end()
        return result


class _FreeSource:
    """Gives the next picture as soon as none waits, so that the engine runs as fast as it can."""

    def __init__(self, held: Sequence[Pixels], info: SourceInfo, figures: Figures) -> None:
        self.info = info
        self._pictures, self._figures = itertools.cycle(held), figures

    def read(self) -> Pixels | None:
        """The next picture, once the landmarks and the edit have each taken theirs."""
        for mailbox in reversed(self._figures.mailboxes):
            mailbox.wait_until_empty(1.0)
        return next(self._pictures)

    def close(self) -> None:
        """Nothing to let go of."""


class _Reader:
    """Stands for the daemon: copies each frame out of the slots as soon as it hears of it.

    delays_ns: from capture to the end of the copy, one for each frame.
    """

    def __init__(self, slots: FrameSlots) -> None:
        self.delays_ns: list[int] = []
        self._slots = slots
        self._news = threading.Event()
        self._copy = np.empty((slots.height, slots.width, 3), np.uint8)

    def hear(self, event: Event) -> None:
        """An event of the engine's."""
        if event["kind"] == "frame":
            self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Copy the newest frame until told to stop."""
        last_ns = 0
        while not stop.is_set():
            if not self._news.wait(0.1):
                continue
            self._news.clear()
            frame = self._slots.read_newest(self._copy, after_edited_ns=last_ns)
            if frame is not None:
                last_ns = frame.edited_ns
                self.delays_ns.append(time.monotonic_ns() - frame.captured_ns)


# ---- the machine --------------------------------------------------------------------------------


def _load_reference() -> Quantiles:
    """A product of two 512 x 512 float32 matrices, on two cores at once, for a second, in ms.

    The same on the same machine; where it is not, other work was going on.
    """
    rng = np.random.default_rng(1)
    a, b = rng.random((2, _REFERENCE_SIZE, _REFERENCE_SIZE), np.float32)
    found: list[Quantiles] = []

    def work() -> None:
        out = np.empty_like(a)
        found.append(_timed(lambda _: np.matmul(a, b, out=out), 1, 1.0))

    other = threading.Thread(target=work)
    other.start()
    work()
    other.join()
    return max(found, key=lambda one: one["p50"])


def _machine(device: str) -> dict[str, Any]:
    torch = _loaded_torch()
    has_gpu = torch is not None and torch.cuda.is_available()
    return {
        "device": device,
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch is not None and has_gpu else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "torch_threads": None if torch is None else torch.get_num_threads(),
        "cuda": None if torch is None else torch.version.cuda,
        "mediapipe": version("mediapipe"),
        "opencv": cv2.__version__,
    }


def _model(editor: FaceEditor) -> dict[str, Any]:
    """What edited, and by what means."""
    runtime = editor.runtime
    return {
        "name": editor.model_name,
        "runtime": f"{runtime.name} {runtime.version}",
        "precision": runtime.precision,
        "threads": runtime.threads,
        "note": editor.note,
    }


def _loaded_torch() -> ModuleType | None:
    """Torch if the editor has brought it in; measuring alone does not."""
    return sys.modules.get("torch")


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_mb() -> dict[str, int | None]:
    """The process's memory now and, on a GPU, the most that was allocated there."""
    torch = _loaded_torch()
    has_gpu = torch is not None and torch.cuda.is_available()
    gpu = torch.cuda.max_memory_allocated() >> 20 if torch is not None and has_gpu else None
    return {"process": psutil.Process().memory_info().rss >> 20, "gpu_peak": gpu}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _quantiles(took_ns: Sequence[int]) -> Quantiles:
    """p50 and p95 in ms; zeros of nothing."""
    if not took_ns:
        return {"p50": 0.0, "p95": 0.0}
    p50, p95 = np.percentile(took_ns, (50, 95)) / 1e6
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3)}


def _raise(error: VcamError | None) -> None:
    if error is not None:
        raise error
