"""Eyes and mouth as openings: how far open, and what to do when they close.

When an eye shuts, its lids meet or even cross in the landmarks, while an open-eyed reference has
an iris between them. Laid on the live face as they are, such points would fold the reference's
eye into the user's closed one. So lids are kept a little apart where the warp is made, and the
part that stays the user's own grows to a band over a closing eye: a blink is the user's blink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import mesh

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Opening:
    """A closed contour whose first half is the lower edge, and when it counts as closing.

    turn: 1 if the contour starts at the picture's left, else -1.
    closed_at, open_at: height over width at which it is taken as shut, and as fully open.
    band: half height over width of what stays the user's own when it is shut.
    """

    contour: tuple[int, ...]
    turn: int
    closed_at: float
    open_at: float
    band: float


EYES = (
    Opening(mesh.RIGHT_EYE, 1, closed_at=0.08, open_at=0.22, band=0.17),
    Opening(mesh.LEFT_EYE, -1, closed_at=0.08, open_at=0.22, band=0.17),
)
MOUTH = Opening(mesh.MOUTH_OPENING, 1, closed_at=0.02, open_at=0.08, band=0.03)

_LEAST_GAP = 0.02  # half height over width to which crossed edges are parted for the warp


def kept_contour(points: Points, opening: Opening) -> Points:
    """The contour of what stays the user's own: the opening, or a band over it when it closes."""
    openness = 2.0 * float(_half_gaps(points, opening).max())
    shut = (opening.open_at - openness) / (opening.open_at - opening.closed_at)
    return _parted(points, opening, opening.band * min(max(shut, 0.0), 1.0))


def uncrossed(points: Points) -> Points:
    """The landmarks with eyelids and lips that met or crossed drawn a little apart.

    Shapes: [478, 2]; returns a copy.
    """
    points = points.copy()
    for opening in (*EYES, MOUTH):
        points[list(opening.contour)] = _parted(points, opening, _LEAST_GAP)
    return points


def _parted(points: Points, opening: Opening, floor: float) -> Points:
    """The contour with its edges at least 2 `floor` widths apart midway, less to the corners."""
    contour = points[list(opening.contour)]
    gaps = _half_gaps(points, opening)
    halves = len(contour) // 2
    along = np.arange(1, halves, dtype=np.float32) * (2.0 / halves) - 1.0
    missing = np.maximum(floor * np.sqrt(1.0 - along * along) - gaps, 0.0)[:, None]
    push = missing * _across(points, opening)
    contour[1:halves] += push
    contour[halves + 1 :] -= push[::-1]
    return contour


def _half_gaps(points: Points, opening: Opening) -> NDArray[np.float32]:
    """Half the way from upper to lower edge, in widths, at each pair; negative if they crossed."""
    contour = points[list(opening.contour)]
    halves = len(contour) // 2
    across = _across(points, opening)
    width_squared = max(float(across @ across), 1e-6)
    gaps = (contour[1:halves] - contour[:halves:-1]) @ across
    return gaps.astype(np.float32) * np.float32(0.5 / width_squared)


def _across(points: Points, opening: Opening) -> Points:
    """From the upper edge to the lower, as long as the opening is wide."""
    first, last = points[opening.contour[0]], points[opening.contour[len(opening.contour) // 2]]
    x, y = (last - first) * opening.turn
    return np.array([-y, x], np.float32)
