"""How far a training is: the time it may take, the line it prints, the table it leaves."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor


class Clock:
    """When to end and when to save.

    seconds: how long to train, None if pictures are counted; every_s: between saved states;
    spent_s: of the seconds, before this clock.
    """

    def __init__(self, seconds: float | None, every_s: float, spent_s: float = 0.0) -> None:
        self._seconds, self._every_s = seconds, every_s
        self._saved_s = time.monotonic()
        self._began_s = self._saved_s - spent_s

    def spent_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began_s

    def progress(self) -> float:
        """Which part of the time is over, 1 or more at its end."""
        return self.spent_s() / self._seconds if self._seconds else 0.0

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
        self._began_s = time.monotonic()
        self.mark(0, 0.0)

    def say(self, text: str) -> None:
        """Print a line with the seconds since the start before it."""
        if self._is_on:
            print(f"[{time.monotonic() - self._began_s:6.1f} s] {text}", flush=True)

    def mark(self, seen: int, progress: float) -> None:
        """Measure the rate, and what time is left, from here on."""
        self._mark_s = self._rate_s = time.monotonic()
        self._mark_progress, self._rate_seen = progress, seen

    def losses(self, seen: int, progress: float, losses: Mapping[str, Tensor]) -> None:
        """Print and store losses. Waits for the device."""
        if not self._is_on:
            return
        values = {name: float(loss) for name, loss in losses.items()}
        now = time.monotonic()
        rate = (seen - self._rate_seen) / max(now - self._rate_s, 1e-6)
        self._rate_s, self._rate_seen = now, seen
        came = max(progress - self._mark_progress, 1e-6)  # since the mark
        left_s = (now - self._mark_s) / came * max(0.0, 1 - progress)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        self.say(f"{seen:8d} pictures  {rate:5.0f}/s  {left_s / 60:4.0f} min left  {shown}")
        self._store(seen, rate, values)

    def figures(self, seen: int, figures: Mapping[str, float]) -> None:
        """Print and store what was measured on held-out faces."""
        if not self._is_on:
            return
        self.say(" ".join(f"{name} {value:.4g}" for name, value in figures.items()))
        self._store(seen, 0.0, {f"held-out {name}": value for name, value in figures.items()})

    def _store(self, seen: int, rate: float, values: Mapping[str, float]) -> None:
        """Append rows; a figure of held-out faces has no rate."""
        is_new = not self._table.exists()
        with self._table.open("a", newline="") as file:
            rows = csv.writer(file)
            if is_new:
                rows.writerow(("pictures", "pictures_per_s", "loss", "value"))
            rows.writerows((seen, round(rate, 1) or "", name, v) for name, v in values.items())
