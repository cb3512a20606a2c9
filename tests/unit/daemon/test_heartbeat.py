"""When a silent engine counts as hung, on a clock that the tests move."""

from vcam.daemon.heartbeat import LOADING_LIMIT_S, SLOWEST_LIMIT_S, Heartbeat, RestartBudget


def beating(gap_s, beats=20, now_s=100.0):
    """A heart that has edited with this rhythm, and the time of its last beat."""
    heart = Heartbeat(now_s)
    for _ in range(beats):
        now_s += gap_s
        heart.beat(now_s, is_loading=False)
    return heart, now_s


def test_a_silent_engine_is_seen_within_a_second():
    """On a machine that keeps up, one second of silence means that the engine hangs."""
    heart, last_s = beating(0.25)
    assert heart.due_s() == last_s + 1.0


def test_loading_gets_its_time():
    """While the engine loads, an import that holds the interpreter is no hang."""
    heart = Heartbeat(0.0)
    assert heart.due_s() == LOADING_LIMIT_S
    heart.beat(3.0, is_loading=True)
    heart.beat(9.0, is_loading=True)
    assert heart.due_s() == 9.0 + LOADING_LIMIT_S


def test_the_pauses_of_loading_do_not_slow_the_watch_later():
    """An import of six seconds earns no longer silence once the engine edits."""
    heart = Heartbeat(0.0)
    heart.beat(6.0, is_loading=True)
    heart.beat(6.3, is_loading=False)
    heart.beat(6.55, is_loading=False)
    assert heart.limit_s() == 1.0


def test_a_slow_rhythm_earns_a_longer_silence_up_to_a_bound():
    """Four beats of the engine's own rhythm must be missed; never more than five seconds."""
    assert beating(0.5)[0].limit_s() == 2.0
    assert beating(3.0)[0].limit_s() == SLOWEST_LIMIT_S


def test_any_event_is_a_sign_of_life():
    """A frame moves the limit as a status does, and says nothing about the rhythm."""
    heart, last_s = beating(0.25)
    heart.beat(last_s + 0.9)
    assert heart.due_s() == last_s + 1.9


def test_the_first_frame_ends_the_loading():
    """An engine that hangs right after its first frame is seen as soon as any other."""
    heart = Heartbeat(0.0)
    heart.beat(2.0, is_loading=True)
    heart.beat(2.1)
    heart.edits()
    assert heart.due_s() == 3.1


def test_an_engine_that_loads_anew_gets_time_again():
    """Another model means another load: the long limit counts until it edits."""
    heart, last_s = beating(0.25)
    heart.beat(last_s + 0.25, is_loading=True)
    assert heart.limit_s() == LOADING_LIMIT_S


def test_a_machine_that_slept_blames_nobody():
    """After the daemon itself stood still the silence is counted anew."""
    heart, last_s = beating(0.25)
    heart.excuse(last_s + 3600)
    assert heart.due_s() == last_s + 3601


def test_five_restarts_in_a_minute_and_no_sixth():
    """A loop of crashes ends; crashes that lie apart are always forgiven."""
    budget = RestartBudget(restarts=5, span_s=60)
    assert [budget.spend(second) for second in (0, 1, 2, 3, 4, 5)] == [True] * 5 + [False]
    assert budget.spend(61)
    apart = RestartBudget(restarts=5, span_s=60)
    assert all(apart.spend(second) for second in range(0, 3600, 15))


def test_a_change_by_the_user_renews_the_budget():
    """Whoever chooses another device gets all restarts again."""
    budget = RestartBudget(restarts=1)
    assert budget.spend(0)
    assert not budget.spend(1)
    budget.renew()
    assert budget.spend(2)
