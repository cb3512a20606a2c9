"""The slate: readable at every size, whatever it has to say."""

import numpy as np
import pytest

from vcam.publish.gate import SlateText
from vcam.publish.slate import Slate

LONG = SlateText(
    "The camera was disconnected: Logitech HD Pro Webcam C920 (046d:082d), first of several",
    "Plug it in again; vcam goes on by itself as soon as it is there. " * 3,
)


def ink(pixels: np.ndarray) -> np.ndarray:
    """Where there is text: brighter than any background pixel."""
    return pixels.max(axis=2) > 70


@pytest.mark.parametrize(
    "size", [(64, 64), (64, 2160), (160, 120), (640, 480), (720, 1280), (3840, 2160)]
)
@pytest.mark.parametrize("text", [SlateText("Paused"), LONG], ids=["short", "long"])
def test_text_fits_at_every_size(size, text):
    """Something is written, centred, and nothing touches the edge, from a stamp to 4K."""
    width, height = size
    pixels = Slate(width, height).picture(text)
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8
    rows, columns = np.nonzero(ink(pixels))
    assert len(rows)
    assert 0.04 * width < columns.min() < columns.max() < 0.96 * width
    assert 0.02 * height < rows.min() < rows.max() < 0.98 * height
    assert abs(columns.min() + columns.max() - width) < 0.05 * width + 4


def test_the_same_text_is_drawn_once():
    """A slate is drawn once and then only handed out; nobody can write to it."""
    slate = Slate(320, 240)
    first = slate.picture(SlateText("Paused"))
    assert slate.picture(SlateText("Paused")) is first
    assert not first.flags.writeable


def test_only_a_few_slates_are_kept():
    """However many texts come by, memory holds a few pictures."""
    slate = Slate(64, 64)
    first = slate.picture(SlateText("0"))
    for number in range(1, 10):
        slate.picture(SlateText(str(number)))
    assert slate.picture(SlateText("0")) is not first


def test_texts_look_different():
    """Two texts give two pictures."""
    slate = Slate(320, 240)
    assert not np.array_equal(slate.picture(SlateText("a")), slate.picture(SlateText("b")))


def test_letters_the_font_lacks_are_replaced():
    """Accents are dropped and unknown letters become question marks, never boxes or errors."""
    slate = Slate(320, 240)
    foreign = slate.picture(SlateText("Führer\u0301schein – 漢字", "\U0001f600\n\x00 x"))
    plain = slate.picture(SlateText("Fuhrerschein - ??", "? x"))
    assert np.array_equal(foreign, plain)


def test_no_text_at_all_is_a_slate_too():
    """An empty message still gives a picture."""
    assert Slate(64, 64).picture(SlateText("")).shape == (64, 64, 3)
