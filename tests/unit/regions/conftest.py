"""A face to work on: the first built-in reference, found afresh."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vcam.config.library import ReferenceLibrary
from vcam.frame import Pixels


@pytest.fixture(scope="session")
def portrait() -> Pixels:
    """RGB pixels of the first built-in reference."""
    library = ReferenceLibrary()
    path = library.picture_path(library.cards()[0].id)
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.ascontiguousarray(picture[:, :, ::-1])
