"""How far a training is: the time it may take, the line it prints, the table it leaves."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor


class Clock:
    """When to end and when to save.

    seconds: how long to train, None if pictures are counted; every_s: between saved states.
    """

    def __init__(self, seconds: float | None, every_s: float) -> None:
        self._seconds, self._every_s = seconds, every_s
        self._began_s = self._saved_s = time.monotonic()

    def progress(self) -> float:
        """Which part of the time is over, 1 or more at its end."""
        return (time.monotonic() - self._began_s) / self._seconds if self._seconds else 0.0

    def is_time_to_save(self) -> bool:
        """Whether the last saved state is old; asked again, it is new."""
        now = time.monotonic()
        if now - self._saved_s < self._every_s:
            return False
        self._saved_s = now
        return True


class Report:
    """Prints, and writes losses to a CSV file; silent where `is_on` is not."""

    def __init__(self, table: Path, *, is_on: bool) -> None:
        self._table, self._is_on = table, is_on
        self._began_s = self._mark_s = time.monotonic()
        self._mark_seen = 0

    def say(self, text: str) -> None:
        """Print a line with the seconds since the start before it."""
        if self._is_on:
            print(f"[{time.monotonic() - self._began_s:6.1f} s] {text}", flush=True)

    def started(self, seen: int) -> None:
        """Measure the rate from here on."""
        self.say("first steps done")
        self._mark_s, self._mark_seen = time.monotonic(), seen

    def losses(self, seen: int, progress: float, losses: Mapping[str, Tensor]) -> None:
        """Print and store losses. Waits for the device."""
        if not self._is_on:
            return
        values = {name: float(loss) for name, loss in losses.items()}
        now = time.monotonic()
        rate = (seen - self._mark_seen) / (now - self._mark_s)
        self._mark_s, self._mark_seen = now, seen
        left_s = (now - self._began_s) * (1 / max(progress, 1e-6) - 1)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        self.say(f"{seen:8d} pictures  {rate:5.0f}/s  {left_s / 60:4.0f} min left  {shown}")
        is_new = not self._table.exists()
        with self._table.open("a", newline="") as file:
            rows = csv.writer(file)
            if is_new:
                rows.writerow(("pictures", "pictures_per_s", "loss", "value"))
            rows.writerows((seen, round(rate, 1), name, value) for name, value in values.items())
