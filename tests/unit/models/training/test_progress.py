"""Clocks and reports: when to save, how fast it is, how long it takes."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
import torch

from models.training.progress import Clock, Report


class Time:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now_s


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time that everything here sees."""
    hands = Time()
    monkeypatch.setattr(time, "monotonic", hands)
    return hands


def test_a_clock_goes_on_where_it_was_stopped(hands: Time) -> None:
    """Seconds that were spent before count; without seconds to spend there is no progress."""
    clock = Clock(200.0, 60.0, spent_s=50.0)
    hands.now_s += 50
    assert clock.progress() == pytest.approx(0.5)
    assert clock.spent_s() == pytest.approx(100.0)
    assert not clock.is_time_to_save()
    hands.now_s += 11
    assert clock.is_time_to_save()
    assert not clock.is_time_to_save()
    assert Clock(None, 60.0).progress() == 0.0


def test_a_report_tells_rate_and_time_left(
    tmp_path: Path, hands: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both count from the mark, so that a slow start is not held against the rest."""
    report = Report(tmp_path / "losses.csv", is_on=True)
    hands.now_s += 500  # a slow start
    report.mark(1000, 0.2)
    hands.now_s += 60
    report.losses(7000, 0.4, {"picture": torch.tensor(0.25)})
    assert "7000 pictures    100/s     3 min left  picture 0.2500" in capsys.readouterr().out
    hands.now_s += 60
    report.losses(19000, 0.8, {"picture": torch.tensor(0.125)})
    assert "200/s     1 min left" in capsys.readouterr().out
    report.figures(19000, {"psnr_db": 26.5})
    with (tmp_path / "losses.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["pictures", "pictures_per_s", "loss", "value"],
        ["7000", "100.0", "picture", "0.25"],
        ["19000", "200.0", "picture", "0.125"],
        ["19000", "", "held-out psnr_db", "26.5"],
    ]


def test_only_the_first_process_speaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A silent report prints nothing and writes nothing."""
    report = Report(tmp_path / "losses.csv", is_on=False)
    report.say("hello")
    report.losses(1, 0.5, {"picture": torch.tensor(0.1)})
    report.figures(1, {"psnr_db": 1.0})
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.iterdir())
