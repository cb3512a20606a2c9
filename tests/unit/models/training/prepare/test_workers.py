"""One photo costs one photo: a worker that crashes or hangs is replaced and the run goes on."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from models.training.prepare import workers
from models.training.prepare.outcomes import Dropped, Kept, Limits, Reason
from models.training.prepare.photos import Photo
from models.training.prepare.workers import WorkerError, Workers
from tests.unit.models.training.prepare.conftest import portrait

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a FIFO stands for a photo that never ends"
)


def test_a_crash_and_a_hang_cost_one_photo_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker killed in its photo, and one that does not come back, leave the others' results."""
    os.mkfifo(tmp_path / "kills.jpg")
    os.mkfifo(tmp_path / "hangs.jpg")
    portrait("mara").save(tmp_path / "good.png")
    photos = [Photo(name, 0, 0) for name in ("kills.jpg", "good.png", "hangs.jpg")]

    def kill_when_at_work() -> None:
        # Opening to write succeeds when the worker reads; then it waits for bytes that never come.
        with (tmp_path / "kills.jpg").open("wb"):
            for child in multiprocessing.active_children():
                child.kill()

    killer = threading.Thread(target=kill_when_at_work)
    killer.start()
    monkeypatch.setattr(workers, "MOST_S_A_PHOTO", 5.0)
    some = Workers(1, tmp_path, Limits())
    try:
        done = dict(filter(None, some.examine(photos, range(3))))
    finally:
        some.close()
    killer.join()
    (killed,), (good,), (hung,) = (done[number].faces for number in range(3))
    assert isinstance(killed, Dropped)
    assert isinstance(hung, Dropped)
    assert (killed.reason, hung.reason) == (Reason.CRASHED, Reason.TOO_SLOW)
    assert isinstance(good, Kept)
    assert some.offline


def test_workers_that_cannot_start_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that is missing ends the run in the library's own words, not in a circle."""
    (tmp_path / "mediapipe.py").write_text("raise ImportError('libGL.so.1: cannot open')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # children inherit it
    one = Workers(1, tmp_path, Limits())
    began = time.monotonic()
    try:
        with pytest.raises(WorkerError, match=r"libGL\.so\.1"):
            list(one.examine([Photo("a.jpg", 0, 0)], [0]))
    finally:
        one.close()
    assert time.monotonic() - began < 60
