"""File sinks: complete files or none, marked as edited, with the right colours and times."""

import stat
import sys

import av
import numpy as np
import pytest
from av.container import InputContainer
from PIL import Image

from vcam.errors import SinkError
from vcam.publish.sinks.file import MARK, PICTURE_FORMATS, VIDEO_FORMATS, open_file_sink

SIZE = {"width": 96, "height": 64}


def picture(value: int, height: int = 64, width: int = 96) -> np.ndarray:
    """A plain picture that can be told from others by its red."""
    return np.full((height, width, 3), (value, 100, 255 - value), np.uint8)


def record(path, values, *, fps: float = 30, times_ns=None, **size) -> None:
    """Send plain pictures of these values to a file and close it."""
    sink = open_file_sink(path, fps=fps, **(size or SIZE))
    times_ns = times_ns or [round(i * 1e9 / fps) for i in range(len(values))]
    for value, at_ns in zip(values, times_ns, strict=True):
        sink.send(picture(value, (size or SIZE)["height"], (size or SIZE)["width"]), at_ns)
    sink.close()


def decode(path):
    """The video stream, its pictures and their times in seconds."""
    with av.open(path) as container:
        assert isinstance(container, InputContainer)
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        times = [float(frame.time) for frame in frames]
        return stream, [frame.to_ndarray(format="rgb24") for frame in frames], times


@pytest.mark.parametrize("ending", VIDEO_FORMATS)
def test_video_has_every_frame_with_its_colour(tmp_path, ending):
    """Frames come back in number, order and colour, and the file says what it is."""
    path = tmp_path / f"out{ending}"
    given = [10, 60, 110, 160, 210, 250]
    record(path, given)
    stream, frames, times = decode(path)
    assert [int(f[32, 48, 0]) for f in frames] == pytest.approx(given, abs=4)
    assert all(
        np.abs(f.astype(int) - picture(v)).max() <= 6 for f, v in zip(frames, given, strict=True)
    )
    assert np.diff(times) == pytest.approx(1 / 30, abs=1e-3)
    assert stream.codec_context.pix_fmt == "yuv420p"
    assert (frames[0].shape[1], frames[0].shape[0]) == (96, 64)
    with av.open(path) as container:
        said = {key.lower(): value for key, value in container.metadata.items()}
        assert MARK in (said.get("comment"), said.get("description"))


def test_video_keeps_the_time_of_live_frames(tmp_path):
    """A pause between frames is a pause in the file; two frames at once are both kept."""
    path = tmp_path / "out.mp4"
    start_ns = 5_000_000_000_000
    offsets_ms = (0, 33, 66, 70, 1000)
    record(path, [10, 60, 110, 160, 210], times_ns=[start_ns + t * 1_000_000 for t in offsets_ms])
    _, _, times = decode(path)
    assert times == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30, 1], abs=1e-3)


def test_broadcast_rates_are_exact(tmp_path):
    """29.97 frames a second stay 30000/1001."""
    path = tmp_path / "out.mp4"
    record(path, [1, 2, 3, 4], fps=30000 / 1001)
    stream, _, _ = decode(path)
    assert stream.average_rate == pytest.approx(30000 / 1001, rel=1e-6)


def test_odd_sizes_lose_their_last_row_and_column(tmp_path):
    """H.264 needs even sizes; a clip of 97x65 is recorded as 96x64."""
    path = tmp_path / "out.mp4"
    record(path, [10, 200], width=97, height=65)
    _, frames, _ = decode(path)
    assert frames[0].shape == (64, 96, 3)
    assert np.abs(frames[1].astype(int) - picture(200)).max() <= 6


@pytest.mark.parametrize("ending", PICTURE_FORMATS)
def test_a_picture_file_is_the_last_picture(tmp_path, ending):
    """A picture's path takes the last picture, marked as edited."""
    path = tmp_path / f"out{ending}"
    record(path, [10, 200])
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
        mark = image.info.get("Description") or image.getexif().get(0x010E)
    limit = 0 if ending == ".png" else 8
    assert np.abs(pixels.astype(int) - picture(200)).max() <= limit
    assert mark == MARK


@pytest.mark.parametrize("name", ["out.mp4", "out.png"])
def test_the_name_appears_when_the_file_is_complete(tmp_path, name):
    """Until it is closed, a file's name does not exist, or still has its former content."""
    path = tmp_path / name
    path.write_bytes(b"former")
    sink = open_file_sink(path, fps=30, **SIZE)
    sink.send(picture(1), 0)
    assert path.read_bytes() == b"former"
    sink.close()
    assert path.read_bytes() != b"former"
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_recordings_are_private(tmp_path):
    """A picture of a face is readable by its owner only."""
    record(tmp_path / "out.mp4", [1, 2])
    assert stat.S_IMODE((tmp_path / "out.mp4").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["out.mp4", "out.png"])
def test_without_a_picture_there_is_no_file(tmp_path, name):
    """A sink that never got a picture leaves nothing behind."""
    open_file_sink(tmp_path / name, fps=30, **SIZE).close()
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_never_written_over(tmp_path):
    """A result under the source's own name is refused, also through a link."""
    clip, link = tmp_path / "clip.mp4", tmp_path / "link.mp4"
    record(clip, [1, 2])
    before = clip.read_bytes()
    link.symlink_to(clip)
    for path in (clip, link):
        with pytest.raises(SinkError, match="source itself") as caught:
            open_file_sink(path, fps=30, source=clip, **SIZE)
        assert caught.value.code == "sink-refused"
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("missing/out.mp4", "sink-missing", "mkdir"),
        ("out.gif", "sink-refused", "mp4"),
        ("out", "sink-refused", "png"),
        ("folder.mp4", "sink-refused", "file in it"),
    ],
)
def test_impossible_paths_are_explained(tmp_path, name, code, told):
    """Each path that cannot be written says why and what to do, and nothing is left behind."""
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(SinkError) as caught:
        open_file_sink(tmp_path / name, fps=30, **SIZE)
    assert caught.value.code == code
    assert told in caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["folder.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_disk_that_fills_up_is_an_error_and_not_a_broken_file(tmp_path):
    """When the disk is full the sink says so, ends in order, and no half file takes the name."""
    resource = pytest.importorskip("resource")
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(50)]
    sink = open_file_sink(tmp_path / "out.mp4", fps=30, **SIZE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, hard))  # of this process, for a moment
    try:
        with pytest.raises(SinkError) as caught:  # noqa: PT012 - the disk says at which frame
            for i, pixels in enumerate(noise * 4):
                sink.send(pixels, i * 33_333_333)
        sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "sink-failed"
    assert "disk" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_disk_that_is_full_is_seen_when_opening(tmp_path, monkeypatch):
    """A recording that cannot begin is refused before the first frame."""
    monkeypatch.setattr("vcam.publish.sinks.file._hidden_beside", lambda _: tmp_path / "full")
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(SinkError, match="No space") as caught:
        open_file_sink(tmp_path / "out.mp4", fps=30, **SIZE)
    assert caught.value.code == "sink-failed"
