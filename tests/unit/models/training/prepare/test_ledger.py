"""What was recorded is there again after the process has gone, and only for the same run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.training.prepare.ledger import Ledger, LedgerError
from models.training.prepare.outcomes import Dropped, Examined, Kept, Reason

IDENTITY = {"photos": "abc", "limits": {"most_blur": 0.6}}


def _kept(seed: int) -> Kept:
    random = np.random.default_rng(seed)
    landmarks = random.uniform(0, 255, (478, 2)).astype(np.float32)
    return Kept(random.bytes(50), landmarks, random.integers(0, 2**63, 4).astype(np.uint64))


def test_outcomes_come_back_in_the_order_of_the_photos(tmp_path: Path) -> None:
    """Whatever the order in which they were recorded, and bit for bit."""
    faces = [_kept(1), Dropped(Reason.BLURRED, "0.8", b"thumb"), _kept(2)]
    with Ledger(tmp_path / "a", IDENTITY) as ledger:
        ledger.record(7, Examined("d7", faces))
        ledger.record(2, Examined("", [Dropped(Reason.DAMAGED)]))
    with Ledger(tmp_path / "a", IDENTITY) as ledger:
        assert ledger.done() == {2, 7}
        (first, damaged), (second, examined) = ledger.outcomes()
    assert (first, second, examined.digest) == (2, 7, "d7")
    assert damaged.faces == [Dropped(Reason.DAMAGED)]
    assert examined.faces[1] == faces[1]
    for before, after in ((faces[0], examined.faces[0]), (faces[2], examined.faces[2])):
        assert isinstance(before, Kept)
        assert isinstance(after, Kept)
        assert before.picture == after.picture
        assert np.array_equal(before.landmarks, after.landmarks)
        assert np.array_equal(before.face_hash, after.face_hash)


def test_another_run_is_not_mixed_in(tmp_path: Path) -> None:
    """Other photos or limits, a second process, a file that is no ledger: refused with why."""
    with Ledger(tmp_path / "a", IDENTITY), pytest.raises(LedgerError, match="at work"):
        Ledger(tmp_path / "a", IDENTITY)
    with pytest.raises(LedgerError, match="other limits"):
        Ledger(tmp_path / "a", {**IDENTITY, "limits": {"most_blur": 0.7}})
    (tmp_path / "b").write_bytes(b"no database, but longer than its header would be" * 9)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger(tmp_path / "b", IDENTITY)
