"""Who may talk to the daemon, on a clock that the tests move."""

import pytest

from vcam.daemon.auth import CODE_LIFE_S, SESSIONS, TICKET_LIFE_S, Auth, check_place
from vcam.errors import DaemonError

OURS = {"Host": "127.0.0.1:8763"}
NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Clock:
    """Seconds that pass when told."""

    now = 1000.0

    def __call__(self):
        """What it shows."""
        return self.now


@pytest.fixture
def clock():
    """The clock of `auth`."""
    return Clock()


@pytest.fixture
def auth(clock):
    """The rights of one run."""
    return Auth(clock)


def refuses(check, *arguments, **options):
    """Whether a check refuses with the right error."""
    with pytest.raises(DaemonError) as caught:
        check(*arguments, **options)
    assert "vcam open" in caught.value.hint
    return caught.value.code == "unauthorised"


def test_the_token_opens(auth):
    """The token of this run passes, in any case of the scheme's name."""
    auth.check_bearer(f"Bearer {auth.token}")
    auth.check_bearer(f"bearer {auth.token}")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Bearer x", "Bearer ä", "\ud800"])
def test_anything_else_does_not(auth, given):
    """No key, an empty one and nonsense are refused."""
    assert refuses(auth.check_bearer, given)


def test_the_token_needs_its_scheme(auth):
    """The bare token and basic authentication are refused."""
    assert refuses(auth.check_bearer, auth.token)
    assert refuses(auth.check_bearer, f"Basic {auth.token}")


def test_each_run_has_its_own_token():
    """A token of an earlier run is worth nothing."""
    assert Auth().token != Auth().token


def test_a_code_becomes_a_session_key(auth):
    """The page's way in: a code is traded for a key that passes like the token."""
    key = auth.trade_code(auth.issue_code())
    auth.check_bearer(f"Bearer {key}")


def test_a_code_works_once(auth):
    """Whoever finds the link in a history finds a used one."""
    code = auth.issue_code()
    auth.trade_code(code)
    assert refuses(auth.trade_code, code)


def test_a_code_lives_for_a_minute(auth, clock):
    """A link left lying about is worth nothing after 60 s."""
    code = auth.issue_code()
    clock.now += CODE_LIFE_S
    assert refuses(auth.trade_code, code)


def test_a_code_is_no_key_and_no_ticket(auth):
    """Each right opens its own door only."""
    code, ticket = auth.issue_code(), auth.issue_ticket()
    assert refuses(auth.check_bearer, f"Bearer {code}")
    assert refuses(auth.check_bearer, f"Bearer {ticket}")
    assert refuses(auth.check_ticket, code)
    assert refuses(auth.check_ticket, auth.token)
    assert refuses(auth.trade_code, ticket)


def test_a_ticket_lives_for_thirty_seconds(auth, clock):
    """A picture's address passes more than once, and not after 30 s."""
    ticket = auth.issue_ticket()
    auth.check_ticket(ticket)
    clock.now += TICKET_LIFE_S - 0.1
    auth.check_ticket(ticket)
    clock.now += 0.1
    assert refuses(auth.check_ticket, ticket)


def test_the_oldest_session_ends_when_there_are_too_many(auth):
    """Keys do not pile up: one tab too many ends the oldest."""
    keys = [auth.trade_code(auth.issue_code()) for _ in range(SESSIONS + 1)]
    assert refuses(auth.check_bearer, f"Bearer {keys[0]}")
    auth.check_bearer(f"Bearer {keys[1]}")


@pytest.mark.parametrize(
    "headers",
    [
        OURS,
        {**OURS, "Origin": "http://127.0.0.1:8763"},
        {**OURS, "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_our_own_requests_pass(headers):
    """Our page's requests and those of programs, which send neither Origin nor Sec-Fetch-Site."""
    check_place(headers, 8763, is_front_door=False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:8764"},
        {"Host": "localhost:8763"},
        {"Host": "evil.example:8763"},
        {**OURS, "Origin": "null"},
        {**OURS, "Origin": "https://evil.example"},
        {**OURS, "Origin": "https://127.0.0.1:8763"},
        {**OURS, "Origin": "http://127.0.0.1:9000"},
        {**OURS, "Sec-Fetch-Site": "cross-site"},
        {**OURS, "Sec-Fetch-Site": "same-site"},
        {**OURS, "Sec-Fetch-Site": "none"},
        {**OURS, "Sec-Fetch-Site": "cross-site", **NAVIGATE},
    ],
)
def test_other_places_are_refused(headers):
    """Another name for this machine, another site, another port: none may call the API."""
    assert refuses(check_place, headers, 8763, is_front_door=False)


def test_the_page_can_be_navigated_to():
    """The redirect file and the address bar may open the page, and nothing may embed it."""
    for site in ("none", "cross-site"):
        check_place({**OURS, "Sec-Fetch-Site": site, **NAVIGATE}, 8763, is_front_door=True)
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert refuses(
        check_place, {**OURS, **framed, "Sec-Fetch-Dest": "iframe"}, 8763, is_front_door=True
    )
    assert refuses(check_place, {**OURS, "Sec-Fetch-Site": "cross-site"}, 8763, is_front_door=True)
