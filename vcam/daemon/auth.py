"""Who may talk to the daemon: the token, one-time codes, session keys and image tickets.

A program of this user reads the token from the runtime folder's 0600 file and sends it with every
request. A browser never sees the token: `vcam open` asks for a one-time code, the page trades it
for a session key that lives in that tab, and asks for a short ticket where a picture's address
must carry the right by itself. Nothing here is logged, and all comparisons take constant time.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping

from vcam.errors import DaemonError

CODE_LIFE_S = 60.0
TICKET_LIFE_S = 30.0
SESSIONS = 32
"""Tabs that may hold a key at once; the oldest key ends first."""

_OPEN_AGAIN = "open the page with `vcam open`"


class ForeignRequestError(DaemonError):
    """A request that another site or another name for this machine brought about."""

    def __init__(self, message: str) -> None:
        super().__init__("unauthorised", message, _OPEN_AGAIN)


class _Secrets:
    """Random values with an end: by time, by use, or pushed out by newer ones."""

    def __init__(self, clock: Callable[[], float], *, life_s: float | None, most: int) -> None:
        self._clock, self._life_s, self._most = clock, life_s, most
        self._born_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def issue(self) -> str:
        """A new value, 256 random bits."""
        value = secrets.token_urlsafe(32)
        with self._lock:
            self._forget_old()
            while len(self._born_s) >= self._most:
                del self._born_s[next(iter(self._born_s))]
            self._born_s[value] = self._clock()
        return value

    def accepts(self, given: str, *, use_up: bool = False) -> bool:
        """Whether `given` is one of ours and still good."""
        with self._lock:
            self._forget_old()
            found = [value for value in self._born_s if _same(value, given)]
            if found and use_up:
                del self._born_s[found[0]]
        return bool(found)

    def _forget_old(self) -> None:
        if self._life_s is not None:
            oldest_s = self._clock() - self._life_s
            for value in [v for v, born_s in self._born_s.items() if born_s <= oldest_s]:
                del self._born_s[value]


class Auth:
    """The rights of one run of the daemon; all of them end with it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.token = secrets.token_urlsafe(32)
        self._codes = _Secrets(clock, life_s=CODE_LIFE_S, most=8)
        self._sessions = _Secrets(clock, life_s=None, most=SESSIONS)
        self._tickets = _Secrets(clock, life_s=TICKET_LIFE_S, most=256)

    def issue_code(self) -> str:
        """A one-time code for a page that is about to open."""
        return self._codes.issue()

    def trade_code(self, code: str) -> str:
        """A session key for a one-time code, which is used up by this.

        Raises: DaemonError (unauthorised) if the code is unknown, used or older than 60 s.
        """
        if not self._codes.accepts(code, use_up=True):
            raise DaemonError(
                "unauthorised", "This link has been used already or is too old.", _OPEN_AGAIN
            )
        return self._sessions.issue()

    def issue_ticket(self) -> str:
        """A right to fetch pictures by address alone, for 30 s."""
        return self._tickets.issue()

    def check_bearer(self, authorization: str | None) -> None:
        """Let a request with the token or a session key pass.

        Raises: DaemonError (unauthorised) for every other.
        """
        kind, _, given = (authorization or "").partition(" ")
        given = given.strip()
        # Both are asked, so that the time taken does not tell which of them was wrong.
        is_token, is_session = _same(self.token, given), self._sessions.accepts(given)
        if kind.lower() != "bearer" or not (is_token or is_session):
            raise DaemonError(
                "unauthorised", "This request carries no valid key of this run.", _OPEN_AGAIN
            )

    def check_ticket(self, ticket: str) -> None:
        """Let a picture's address pass.

        Raises: DaemonError (unauthorised) if the ticket is unknown or older than 30 s.
        """
        if not self._tickets.accepts(ticket):
            raise DaemonError("unauthorised", "This picture's address is too old.", _OPEN_AGAIN)


def check_place(headers: Mapping[str, str], port: int, *, is_front_door: bool) -> None:
    """Refuse requests that another site or another name for this machine brings about.

    The Host must be ours to the letter (a name that was made to point here is not), an Origin must
    be ours, and a browser must call the request our own. `is_front_door`: the page itself, which
    holds nothing secret, may also be navigated to from elsewhere: from the redirect file, a
    bookmark, the address bar.
    Raises: ForeignRequestError.
    """
    ours = f"127.0.0.1:{port}"
    if not _same(headers.get("Host", ""), ours):
        raise ForeignRequestError("This is not the name vcam answers to.")
    origin = headers.get("Origin")
    if origin is not None and not _same(origin, f"http://{ours}"):
        raise ForeignRequestError("Another site may not talk to vcam.")
    site = headers.get("Sec-Fetch-Site")
    navigates = (
        headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    )
    if site not in (None, "same-origin") and not (is_front_door and navigates):
        raise ForeignRequestError("Another site may not talk to vcam.")


def _same(left: str, right: str) -> bool:
    """Compare in constant time; any text may come from outside."""
    return hmac.compare_digest(
        left.encode(errors="surrogatepass"), right.encode(errors="surrogatepass")
    )
