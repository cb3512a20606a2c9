"""The demo presenter's clip: what `demo` shows on a machine without a camera."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "vcam" / "capture" / "assets"
CLIP = FOLDER / "presenter.mp4"


@pytest.fixture(scope="module")
def thumbnails() -> np.ndarray:
    """Every frame at an eighth of its size, grey: (frames, 90, 160) int16."""
    with av.open(str(CLIP)) as container:
        grey = [
            frame.reformat(width=160, height=90, format="gray").to_ndarray()
            for frame in container.decode(video=0)
        ]
    return np.stack(grey).astype(np.int16)


def test_clip_is_small_and_in_call_format() -> None:
    """1280x720 at 30 fps, H.264 that every player knows, no sound, at most 3 MB."""
    assert CLIP.stat().st_size <= 3_000_000
    with av.open(str(CLIP)) as container:
        assert len(container.streams) == 1
        video = container.streams.video[0]
        assert (video.width, video.height) == (1280, 720)
        assert video.average_rate == 30
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"


def test_loop_is_12_to_16_seconds(thumbnails: np.ndarray) -> None:
    """Long enough not to look like a loop, short enough to be small."""
    assert 12 <= len(thumbnails) / 30 <= 16


def test_last_frame_leads_into_the_first(thumbnails: np.ndarray) -> None:
    """The step over the seam is no larger than the steps within the clip."""
    steps = np.abs(np.diff(thumbnails, axis=0)).mean((1, 2))
    seam = np.abs(thumbnails[0] - thumbnails[-1]).mean()
    assert seam <= 1.2 * steps.max()


def test_presenter_moves_and_her_background_does_not(thumbnails: np.ndarray) -> None:
    """The middle of the picture lives; its left and right edges stand still."""
    spread = thumbnails.std(0)
    assert spread[30:65, 60:100].mean() > 3
    assert max(spread[:, :25].mean(), spread[:, -25:].mean()) < 1


def test_presenter_is_a_morph_of_free_generated_faces() -> None:
    """The card names at least three CC0 sources, and says what the clip is."""
    card = json.loads((FOLDER / "presenter.json").read_text())
    assert len({source["sha256"] for source in card["made_from"]}) >= 3
    assert {source["licence"] for source in card["made_from"]} == {"CC0-1.0"}
    assert (card["width"], card["height"], card["fps"]) == (1280, 720, 30)
