"""Closing eyes and mouths: where a reference's open eye must not show through."""

from __future__ import annotations

import numpy as np
import pytest

from vcam.regions.openings import EYES, MOUTH, Opening, kept_contour, uncrossed


def _face(gap: float) -> np.ndarray:
    """Landmarks whose openings are level ellipses, 30 px wide and 30 * gap high."""
    points = np.zeros((478, 2), np.float32)
    for k, opening in enumerate((*EYES, MOUTH)):
        count = len(opening.contour)
        turn = np.arange(count) * (2 * np.pi / count)
        ellipse = np.stack((-15 * np.cos(turn) * opening.turn, 15 * gap * np.sin(turn)), 1)
        points[list(opening.contour)] = ellipse + np.array([60 + 60 * k, 100])
    return points


@pytest.mark.parametrize("opening", [*EYES, MOUTH])
def test_an_open_one_is_kept_as_it_is(opening: Opening) -> None:
    """Open wide, what stays the user's own is the opening itself."""
    points = _face(0.4)
    assert np.array_equal(kept_contour(points, opening), points[list(opening.contour)])


@pytest.mark.parametrize("opening", [*EYES, MOUTH])
@pytest.mark.parametrize("gap", [0.0, -0.1])
def test_a_shut_one_keeps_a_band(opening: Opening, gap: float) -> None:
    """Shut, even with lids that cross, a band of the promised height stays the user's own."""
    kept = kept_contour(_face(gap), opening)
    assert np.ptp(kept[:, 1]) == pytest.approx(2 * opening.band * 30, rel=0.05)
    assert np.ptp(kept[:, 0]) == pytest.approx(30, rel=0.01)


@pytest.mark.parametrize("opening", EYES)
def test_a_blink_is_steady(opening: Opening) -> None:
    """While an eye closes bit by bit, what is kept never jumps: less than 1 px a step of 1 %."""
    contours = [kept_contour(_face(gap), opening) for gap in np.arange(0.4, -0.1, -0.01)]
    assert max(np.abs(np.diff(contours, axis=0)).max(axis=(1, 2))) < 1.0


def test_lids_never_cross_in_the_warp() -> None:
    """After `uncrossed` every lower lid lies below its upper one, and nothing else moved."""
    crossed = _face(-0.15)
    mended = uncrossed(crossed)
    for opening in (*EYES, MOUTH):
        contour = mended[list(opening.contour)]
        half = len(contour) // 2
        assert np.all(contour[1:half, 1] > contour[:half:-1, 1])
    others = np.setdiff1d(np.arange(478), [i for o in (*EYES, MOUTH) for i in o.contour])
    assert np.array_equal(mended[others], crossed[others])
