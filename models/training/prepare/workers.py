"""Processes that examine photos, each one at a time.

The first process hands out a photo when a worker is free and takes what became of it. A photo that
crashes its worker, or holds it for too long, costs that photo and a new worker. Workers are started
with `spawn`, take the network from themselves before they load MediaPipe, and end when their pipe
does, so none outlives the first process by more than a photo.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from models.training.prepare.outcomes import Dropped, Examined, Limits, Reason
from models.training.prepare.photos import Photo
from vcam.engine.no_network import deny_network

MOST_S_A_PHOTO = 120.0
_MOST_S_TO_START = 300.0  # loading OpenCV and MediaPipe from a cold disk
_END_S = 2.0


class WorkerError(Exception):
    """Workers cannot start: why."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A worker's first message; a text instead says why it cannot work."""

    offline: bool


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    since: float = field(default_factory=time.monotonic)  # started, or was handed its photo
    ready: bool = False
    number: int | None = None  # of the photo in hand

    def is_late(self) -> bool:
        """Whether it has held its photo, or its start, for too long."""
        if self.ready and self.number is None:
            return False
        allowed_s = MOST_S_A_PHOTO if self.ready else _MOST_S_TO_START
        return time.monotonic() - self.since > allowed_s


class Workers:
    """So many processes; `offline`: whether they have no network, None until one has started."""

    def __init__(self, count: int, folder: Path, limits: Limits) -> None:
        self.offline: bool | None = None
        self._folder, self._limits = folder, limits
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        for _ in range(count):
            self._workers.append(self._start())

    def examine(
        self, photos: Sequence[Photo], numbers: Sequence[int]
    ) -> Iterator[tuple[int, Examined] | None]:
        """Examine the photos of these numbers; they come back as they are done.

        None comes when nothing was done for a second, so that a caller can show that it waits.
        Raises: WorkerError if a worker cannot start.
        """
        waiting = deque(numbers)
        while waiting or any(worker.number is not None for worker in self._workers):
            for worker in self._workers:
                if waiting and worker.ready and worker.number is None:
                    self._hand_out(worker, waiting, photos)
            heard = wait([worker.pipe for worker in self._workers], timeout=1.0)
            if not heard:
                yield None
            for place, worker in enumerate(self._workers):
                number, done = worker.number, None
                if worker.pipe in heard:
                    done = self._hear(place)
                elif worker.is_late():
                    done = self._replace(place, Reason.TOO_SLOW)
                if number is not None and done is not None:
                    yield number, done

    def close(self) -> None:
        """End the workers; one that does not end by itself is killed."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(_END_S)
            worker.process.kill()
            worker.process.join()
        self._workers = []

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(theirs, self._folder, self._limits), daemon=True
        )
        with _without_ctrl_c():
            process.start()
        theirs.close()  # or we would not notice when the child's end goes
        return _Worker(process, ours)

    def _hand_out(self, worker: _Worker, waiting: deque[int], photos: Sequence[Photo]) -> None:
        number = waiting.popleft()
        try:
            worker.pipe.send(photos[number].name)
        except OSError:  # it died while it had nothing to do; `_hear` replaces it
            waiting.appendleft(number)
            return
        worker.number, worker.since = number, time.monotonic()

    def _hear(self, place: int) -> Examined | None:
        """Take a worker's message: what became of its photo, None if it was about itself."""
        worker = self._workers[place]
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return self._replace(place, Reason.CRASHED)
        if isinstance(message, _Ready):
            worker.ready, self.offline = True, message.offline
            return None
        if isinstance(message, str):
            raise WorkerError(message)
        worker.number = None
        return message

    def _replace(self, place: int, reason: Reason) -> Examined:
        """Start a new worker for one that crashed or hangs."""
        worker = self._workers[place]
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        status = worker.process.exitcode
        if not worker.ready:
            raise WorkerError(f"a worker ended while it started, with status {status}")
        self._workers[place] = self._start()
        detail = f"status {status}" if reason is Reason.CRASHED else f"{MOST_S_A_PHOTO:.0f} s"
        return Examined("", [Dropped(reason, detail)])


@contextlib.contextmanager
def _without_ctrl_c() -> Generator[None]:
    """Processes started here never see Ctrl-C, from their first moment on.

    It goes to every process of the terminal, and is the first process's to handle, which gets it
    at the end of this block.
    """
    if sys.platform == "win32":  # `work` ignores it, as soon as it begins
        yield
        return
    resource_tracker.ensure_running()  # starting it would take our mask away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(pipe: Connection, folder: Path, limits: Limits) -> None:
    """The body of a worker: names of photos in, what became of them out, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    offline = deny_network()
    with contextlib.suppress(OSError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # MediaPipe's own log; what matters goes through the pipe
    try:
        import cv2

        from models.training.prepare.examine import Examiner

        cv2.setNumThreads(1)  # the other cores have workers of their own
        examiner = Examiner(limits)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        pipe.send(f"MediaPipe or OpenCV cannot be loaded: {error}")
        return
    with contextlib.suppress(EOFError, OSError):  # the first process has ended, or wants us to
        pipe.send(_Ready(offline))
        while True:
            path = folder / pipe.recv()
            try:
                done = examiner.examine(path)
            except Exception as error:  # noqa: BLE001 - no photo ends the run
                done = Examined("", [Dropped(Reason.CRASHED, f"{type(error).__name__}: {error}")])
            pipe.send(done)
    examiner.close()
