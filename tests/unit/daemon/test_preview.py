"""The preview: encoded once for all, only while somebody looks, and never the past."""

import threading

import numpy as np
import pytest

from vcam.daemon import preview as preview_module
from vcam.daemon.preview import Preview


class Studio:
    """A publisher's newest picture."""

    def __init__(self):
        self.newest = None
        self.preview = Preview(lambda: self.newest)

    def publish(self, number):
        """One more picture."""
        self.newest = np.full((16, 16, 3), number, np.uint8), number
        self.preview.published()


@pytest.fixture
def studio():
    """A publisher that has published nothing."""
    return Studio()


@pytest.fixture
def encoded(monkeypatch):
    """How often a picture was encoded, by its number."""
    counts = []
    original = preview_module.encode_jpeg

    def count(pixels):
        counts.append(int(pixels[0, 0, 0]))
        return original(pixels)

    monkeypatch.setattr(preview_module, "encode_jpeg", count)
    return counts


def test_nothing_is_encoded_while_nobody_looks(studio, encoded):
    """Publishing costs no JPEG."""
    for number in range(5):
        studio.publish(number)
    assert encoded == []


def test_one_encode_serves_all_viewers(studio, encoded):
    """Ten viewers of one picture get the same bytes, made once."""
    studio.publish(3)
    seen = []

    def look():
        seen.append(studio.preview.picture(timeout_s=5))

    viewers = [threading.Thread(target=look) for _ in range(10)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    assert encoded == [3]
    assert len({id(picture) for picture, _ in seen}) == 1


def test_a_slow_viewer_gets_the_newest(studio):
    """Whoever comes late skips what was between."""
    studio.publish(1)
    _, number = studio.preview.picture(timeout_s=1)
    for later in (2, 3, 4):
        studio.publish(later)
    assert studio.preview.picture(after=number, timeout_s=1)[1] == 4


def test_a_viewer_waits_for_a_new_picture(studio):
    """The same picture is not given twice; the next one wakes who waits."""
    studio.publish(1)
    assert studio.preview.picture(after=1, timeout_s=0.05) is None
    woken = threading.Event()

    def wait():
        if studio.preview.picture(after=1, timeout_s=30):
            woken.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not woken.wait(0.01):
        studio.publish(2)
    waiting.join()


def test_before_the_first_picture_there_is_none(studio):
    """No picture is no error."""
    assert studio.preview.picture(timeout_s=0.01) is None
