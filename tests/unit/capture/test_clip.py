"""Clips: upright, in their own proportions, damaged, cut off, slow to decode."""

from __future__ import annotations

import struct
import time
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.capture.numbered_pictures import SIZE, number_of, numbered
from vcam.capture import clip as clip_module
from vcam.capture.clip import ClipSource
from vcam.errors import SourceError
from vcam.frame import Pixels


def play(path: Path) -> list[Pixels]:
    """Every frame of a clip."""
    source = ClipSource(path, spec=str(path), lockstep=True)
    frames: list[Pixels] = []
    while (pixels := source.read()) is not None:
        frames.append(pixels)
    source.close()
    return frames


def turn(path: Path, quarters: int) -> None:
    """Write into an MP4's track header that it is to be shown turned clockwise."""
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    matrix = struct.pack(
        ">9i", *(0x10000 * number for number in (cos, sin, 0, -sin, cos, 0, 0, 0)), 0x40000000
    )
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    content[start : start + 36] = matrix
    path.write_bytes(content)


def test_lossless_clip_comes_bit_for_bit(make_clip):
    """Frames of a lossless clip arrive with the very pixels that went in."""
    for number, frame in enumerate(play(make_clip())):
        np.testing.assert_array_equal(frame, numbered(number))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_turned_clip_comes_upright(make_clip, quarters: int):
    """A clip whose metadata says that it lies on its side comes the right way up."""
    path = make_clip("phone.mp4")
    turn(path, quarters)
    source = ClipSource(path, spec="phone.mp4", lockstep=True)
    pixels = source.read()
    assert pixels is not None
    assert pixels.flags.c_contiguous
    assert (source.info.width, source.info.height) == (SIZE if quarters % 2 == 0 else SIZE[::-1])
    red = pixels[..., 0].astype(int) - pixels[..., 1]
    corners = [red[3, 3], red[3, -4], red[-4, -4], red[-4, 3]]  # clockwise from top left
    assert int(np.argmax(corners)) == quarters


def test_wide_pixels_become_square(make_clip):
    """A clip with pixels twice as wide as high comes twice as wide."""
    source = ClipSource(
        make_clip("wide.mp4", pixel_aspect=Fraction(2, 1)), spec="wide.mp4", lockstep=True
    )
    assert (source.info.width, source.info.height) == (2 * SIZE[0], SIZE[1])
    pixels = source.read()
    assert pixels is not None
    assert pixels.shape == (SIZE[1], 2 * SIZE[0], 3)


def test_rate_is_the_clips_own(make_clip):
    """The info states the clip's own rate, whatever the output's is."""
    assert ClipSource(make_clip(fps=24), spec="clip", lockstep=True).info.fps == pytest.approx(24)


def test_cut_off_clip_gives_what_it_has(make_clip):
    """A clip that breaks off gives its frames in order and ends there."""
    path = make_clip(count=40)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    numbers = [number_of(frame) for frame in play(path)]
    assert 15 < len(numbers) < 40
    assert numbers == list(range(len(numbers)))


def test_cut_off_clip_loops_live(make_clip):
    """Live, a clip that breaks off begins again."""
    path = make_clip(count=40, fps=200)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 4])
    source = ClipSource(path, spec="cut", lockstep=False)
    numbers = [number_of(pixels) for _ in range(30) if (pixels := source.read()) is not None]
    source.close()
    assert len(numbers) == 30
    assert max(numbers) < 15
    assert numbers.count(numbers[-1]) > 1 or numbers != sorted(numbers)


def test_damaged_middle_does_not_end_a_clip(make_clip):
    """Frames after a damaged stretch still come, each of the clip's size."""
    path = make_clip("clip.mp4", count=40)
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 60] = b"\xff" * 60
    path.write_bytes(content)
    frames = play(path)
    assert number_of(frames[-1]) > 30
    assert {frame.shape for frame in frames} == {(SIZE[1], SIZE[0], 3)}


def test_gif_loops(make_clip):
    """A format that cannot rewind, such as GIF, loops too."""
    source = ClipSource(make_clip("clip.gif", count=4, fps=50), spec="gif", lockstep=False)
    numbers = [number_of(pixels) for _ in range(9) if (pixels := source.read()) is not None]
    source.close()
    assert len(numbers) == 9
    assert numbers.count(numbers[0]) > 1


def _text(path: Path) -> None:
    path.write_text("not a film, though a library would play it as one\n" * 40)


def _playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nclip.mkv\n#EXT-X-ENDLIST\n")


def _sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _header_only(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))


@pytest.mark.parametrize("write", [Path.touch, _text, _playlist, _sound, _header_only])
@pytest.mark.parametrize("name", ["film.txt", "film.m3u8", "film.mp4"])
def test_what_is_no_clip_is_said_so(make_clip, write, name: str):
    """Text, playlists, sound and empty files are refused, with a hint, whatever their name."""
    path = make_clip().with_name(name)
    write(path)
    with pytest.raises(SourceError) as caught:
        ClipSource(path, spec=name, lockstep=False)
    assert caught.value.code == "source-damaged"
    assert name in str(caught.value)
    assert caught.value.hint


def test_vanished_clip_ends_with_an_error(make_clip):
    """A live clip whose file is deleted says so when it would begin again."""
    path = make_clip(count=3, fps=100)
    source = ClipSource(path, spec="clip", lockstep=False)
    path.unlink()
    for _ in range(3):
        source.read()
    with pytest.raises(SourceError) as caught:
        source.read()
    assert caught.value.code == "source-missing"


def test_slow_decoding_never_stops_the_picture(make_clip, monkeypatch: pytest.MonkeyPatch):
    """Where decoding takes three times as long as the clip lasts, frames go on coming."""
    decode = clip_module._decoded

    def slow(container) -> Iterator[av.VideoFrame]:
        for frame in decode(container):
            time.sleep(0.03)
            yield frame

    monkeypatch.setattr(clip_module, "_decoded", slow)
    source = ClipSource(make_clip(count=40, fps=100), spec="clip", lockstep=False)
    waits: list[float] = []
    for _ in range(8):
        started = time.monotonic()
        assert source.read() is not None
        waits.append(time.monotonic() - started)
    source.close()
    assert sorted(waits)[len(waits) // 2] < 0.3


def test_a_clip_that_stands_still_repeats_itself(make_clip):
    """While a clip's next frame is more than a second away, its last one comes again."""
    source = ClipSource(make_clip(count=3, fps=50), spec="clip", lockstep=False)
    first = source.read()
    source._media_ns += 5_000_000_000  # as if the file's clock made a step of five seconds
    source._offset_ns += 5_000_000_000
    started = time.monotonic()
    assert source.read() is first
    source.close()
    assert time.monotonic() - started < 1.5
