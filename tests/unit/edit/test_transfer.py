"""One upload a frame."""

from __future__ import annotations

import numpy as np
import torch

from vcam.edit.transfer import Upload


def test_what_is_sent_arrives_as_it_is() -> None:
    """Arrays arrive with shape, type and values; several laid end to end as one flat tensor."""
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (7, 9, 3), np.uint8)[1:6, 2:8]
    planes = tuple(rng.normal(size=size).astype(np.float32) for size in ((5, 3), (2,), (1, 1, 7)))
    upload = Upload(torch.device("cpu"))
    for part in (picture, picture[:3]):  # the second lies in the first's memory
        seen, flat, last = upload.send([part, planes, planes[1]])
        assert np.array_equal(seen.numpy(), part)
        assert np.array_equal(flat.numpy(), np.concatenate([plane.ravel() for plane in planes]))
        assert np.array_equal(last.numpy(), planes[1])
