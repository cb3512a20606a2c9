"""Skin tone: known colours have their published angle."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.skin import typology_angles_deg


def test_angles_of_known_colours() -> None:
    """Colours whose L* and b* are tabled have atan((L* - 50) / b*); a dark brown's is below 0."""
    yellow, red, brown = typology_angles_deg(
        np.array([(1.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.5, 0.25, 0.0)])
    )
    assert yellow == pytest.approx(np.degrees(np.arctan(47.14 / 94.48)), abs=0.1)
    assert red == pytest.approx(np.degrees(np.arctan(3.24 / 67.20)), abs=0.1)
    assert -60 < brown < 0
