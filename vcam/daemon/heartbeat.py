"""When a silent engine counts as hung, and how often a lost one is replaced.

Pure arithmetic on given clock readings, in seconds; the Supervisor asks.
"""

from __future__ import annotations

from collections import deque

BEAT_S = 0.25
"""How often the engine's status comes (vcam.engine.protocol)."""

SILENCE_LIMIT_S = 1.0
"""A running engine on a machine that keeps up is hung after this much silence."""

SLOWEST_LIMIT_S = 5.0
"""The longest silence that a slow rhythm can earn."""

LOADING_LIMIT_S = 30.0
"""While the engine loads: importing torch from a cold disk holds the interpreter for seconds, and
no thread of the engine can speak then."""


class Heartbeat:
    """How long an engine may be silent, by the rhythm it has shown.

    While it says that it is loading (its status names a stage), one long limit counts. Once it
    edits, four of its own recent beats must be missed, and at least a second: on a free machine
    that is one second; where the engine has only just got its turn every 0.5 s, it is two.
    """

    def __init__(self, now_s: float) -> None:
        self._last_s = self._last_status_s = now_s
        self._gaps_s: deque[float] = deque(maxlen=12)
        self._is_loading = True

    def beat(self, now_s: float, *, is_loading: bool | None = None) -> None:
        """The engine spoke. `is_loading`: what its status said; None if it was something else."""
        if is_loading:
            self._gaps_s.clear()  # an import's pauses say nothing about the rhythm of editing
        elif is_loading is False and not self._is_loading:
            self._gaps_s.append(now_s - self._last_status_s)
        if is_loading is not None:
            self._is_loading, self._last_status_s = is_loading, now_s
        self._last_s = now_s

    def edits(self) -> None:
        """The first frame is there: the engine has loaded, whatever its last status said."""
        self._is_loading = False

    def excuse(self, now_s: float) -> None:
        """Begin the silence anew: the daemon itself did not run (sleep, a starved machine)."""
        self._last_s = self._last_status_s = now_s

    def limit_s(self) -> float:
        """The silence that is allowed now."""
        if self._is_loading:
            return LOADING_LIMIT_S
        longest = max(self._gaps_s, default=BEAT_S)
        return min(max(SILENCE_LIMIT_S, 4 * longest), SLOWEST_LIMIT_S)

    def due_s(self) -> float:
        """Clock reading at which the engine counts as hung if it stays silent."""
        return self._last_s + self.limit_s()


class RestartBudget:
    """How many restarts a span of time allows: a crash now and then, not a loop of crashes."""

    def __init__(self, restarts: int = 5, span_s: float = 60.0) -> None:
        self.restarts, self.span_s = restarts, span_s
        self._spent_s: deque[float] = deque(maxlen=restarts)

    def spend(self, now_s: float) -> bool:
        """Take one restart; False if none is left."""
        if len(self._spent_s) == self.restarts and now_s - self._spent_s[0] < self.span_s:
            return False
        self._spent_s.append(now_s)
        return True

    def renew(self) -> None:
        """Forget what was spent: the user has changed something."""
        self._spent_s.clear()
