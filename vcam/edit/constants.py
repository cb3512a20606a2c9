"""The numbers of the edit's equations, one for all its forms; free of torch."""

from __future__ import annotations

LOG_FLOOR = 0.1
"""Added before the logarithm. With it, dark colours are shifted more as light adds and bright ones
as light scales; without, the highlights of dark skin burst when they are brought to a pale one."""

PALETTE_AXES = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
"""Lightness, then two opponent colours; of length 1 once divided by their norms."""

CONTRAST_BOUNDS = ((0.5, 0.35, 0.35), (1.33, 1.0, 1.0))
"""How far a reference's variation may be scaled to the user's, lowest and highest on each axis.
Colour is only ever calmed: coloured light on a reference must not travel."""

GROWTH_PX = 9
"""Side of the square by which the correction's mask outgrows the masks, crop pixels."""

SOFTNESS_PX = 4.0
"""Sigma by which it is softened, cut off at three."""

BORDER_PX = 8.0
"""Over so many pixels it falls to 0 at the crop's border."""
