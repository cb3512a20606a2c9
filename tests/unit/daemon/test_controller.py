"""The one truth: changes, what engine and gate are told, and what everybody reads."""

import threading
from typing import Any

import pytest

from vcam.config.settings import Settings
from vcam.daemon.controller import Controller
from vcam.errors import ConfigError, DaemonError, ReferencePictureError

TITLES = {"mira": "Mira", "omar": "Omar"}
CRASH = DaemonError("engine-lost", "The engine crashed.", "look into the log")
NO_FRAMES: Any = {
    "shown": None,
    "frames": 0,
    "fps": 0.0,
    "delay_ms": (0.0, 0.0),
    "repeated": 0,
    "dropped": 0,
    "sinks": [],
}


def find_reference(reference_id):
    """A library of two."""
    found = "mira" if reference_id == "first" else reference_id
    if found not in TITLES:
        raise ReferencePictureError("reference-unknown", "There is no such face.", "known: mira")
    return found, TITLES[found]


class FakePorts:
    """Engine and publisher that write down what they are told, in order."""

    def __init__(self):
        self.told = []
        self.record = dict(NO_FRAMES)

    def send_settings(self, settings):
        """The engine's settings."""
        self.told.append(("settings", settings))

    def retry_engine(self):
        """A new engine is asked for."""
        self.told.append(("retry", None))

    def show(self, situation):
        """The gate's situation."""
        self.told.append(("situation", situation))

    def change_sinks(self, specs):
        """The publisher's sinks."""
        self.told.append(("sinks", specs))

    def published(self):
        """What left."""
        return self.record

    def last(self, kind):
        """The newest thing of this kind."""
        return next(what for said, what in reversed(self.told) if said == kind)

    def kinds(self):
        """Kinds of all that was told."""
        return [kind for kind, _ in self.told]


class Clock:
    """Nanoseconds that pass when told."""

    ns = 10**12

    def __call__(self):
        """What it shows."""
        return self.ns


class Desk:
    """A Controller with fakes all round."""

    def __init__(self, settings=None, **options):
        self.saved, self.clock, self.ports = [], Clock(), FakePorts()
        start = settings or Settings()
        self.controller = Controller(
            start,
            stored=options.pop("stored", start),
            save=self.saved.append,
            find_reference=find_reference,
            clock_ns=self.clock,
            **options,
        )
        ports: Any = self.ports
        self.controller.connect(ports)

    def say(self, kind, **fields):
        """An event of the engine."""
        event: Any = {"kind": kind, **fields}
        self.controller.engine_said(event)

    def status_event(self, **fields):
        """The engine's status while all is well, but for what the test says."""
        self.say(
            "status",
            **{
                "stage": "",
                "fps_in": 30.0,
                "fps_out": 30.0,
                "dropped": 0,
                "no_face_ms": 0.0,
                "stages_ms": {},
                **fields,
            },
        )

    def begin(self):
        """An engine that edits."""
        self.say("hello", device="cpu", model="face256", note="no GPU was found")
        self.say("source", source="demo", lockstep=False, width=1280, height=720, fps=30.0)
        self.status_event()
        self.say("frame", seq=0)

    @property
    def state(self):
        """The state word."""
        return self.controller.status()["state"]


@pytest.fixture
def desk():
    """A Controller whose engine edits."""
    one = Desk()
    one.begin()
    return one


def test_starting_until_the_first_styled_frame():
    """The state goes from starting to styled with the first frame that has a face in it."""
    desk = Desk()
    assert desk.state == "starting"
    desk.status_event(stage="loading the model")
    assert "oading the model" in desk.controller.status()["reason"]
    desk.status_event(no_face_ms=100.0)
    desk.say("frame", seq=0)
    assert desk.state == "starting"
    desk.status_event()
    desk.say("frame", seq=1)
    assert desk.state == "styled"


def test_a_change_reaches_engine_file_and_readers(desk):
    """One change: a new revision for the engine, a saved file, and news for who waits."""
    news = desk.controller.wait_for_news(0, 0)
    record = desk.controller.change({"strength": 0.25, "reference": "omar"})
    assert record["settings"]["strength"] == 0.25
    command = desk.ports.last("settings")
    assert command["revision"] == record["revision"] == 2
    assert command["settings"]["layers"][0]["reference"] == "omar"
    assert desk.saved[-1].strength == 0.25
    assert desk.controller.wait_for_news(news, 0) != news
    assert desk.controller.status()["reference"] == {"id": "omar", "title": "Omar"}


def test_flags_count_for_the_run_and_are_not_stored():
    """A change stores what the user changed on the page, not what a flag said."""
    flagged = Settings(strength=0.1, fps=25)
    desk = Desk(flagged, stored=Settings())
    desk.controller.change({"on_trouble": "slate"})
    assert desk.controller.settings.strength == 0.1
    assert desk.saved == [Settings(on_trouble="slate")]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"strength": 2}, ConfigError),
        ({"strenght": 1}, ConfigError),
        ({"reference": "mirra"}, ReferencePictureError),
        ({"strength": 0.5, "layers": [{}, {"reference": "nobody"}]}, ReferencePictureError),
    ],
)
def test_a_refused_change_changes_nothing(desk, changes, error):
    """After a refusal settings, file, engine and gate are as they were."""
    told = len(desk.ports.told)
    with pytest.raises(error):
        desk.controller.change(changes)
    assert desk.controller.settings == Settings()
    assert desk.saved == []
    assert len(desk.ports.told) == told


def test_a_file_that_cannot_be_written_is_told_and_the_change_counts(desk):
    """A full disk is an error in the answer, not a dead slider."""

    def fail(_settings):
        raise ConfigError("config-damaged", "The disk is full.", "free space")

    desk.controller._save = fail
    with pytest.raises(ConfigError, match="full"):
        desk.controller.change({"strength": 0.5})
    assert desk.controller.settings.strength == 0.5


def test_size_rate_and_port_wait_for_the_next_start(desk):
    """They are stored, the answer says when they count, and the engine keeps this run's."""
    record = desk.controller.change({"size": "640x480", "fps": 15, "port": 9000})
    assert [note.split()[0] for note in record["notes"]] == ["fps", "port", "size"]
    sent = desk.ports.last("settings")["settings"]
    assert (sent["size"], sent["fps"], sent["port"]) == ("1280x720", 30, 8763)
    assert desk.saved[-1].size == "640x480"


@pytest.mark.parametrize("name", ["paused", "bypass"])
def test_the_gate_closes_before_the_engine_hears(desk, name):
    """The gate knows first, and frames made under older settings are shut out by their revision."""
    desk.ports.told.clear()
    desk.controller.change({name: True})
    assert desk.ports.kinds()[:2] == ["situation", "settings"]
    situation = desk.ports.last("situation")
    assert getattr(situation, name)
    assert situation.minimum_revision == desk.ports.last("settings")["revision"] == 2
    desk.controller.change({"strength": 0.5})
    assert desk.ports.last("situation").minimum_revision == 2


def test_after_a_pause_it_is_starting_again(desk):
    """The webcam has to open anew: no old frame makes the state styled."""
    desk.controller.change({"paused": True})
    assert desk.state == "paused"
    desk.controller.change({"paused": False})
    assert desk.state == "starting"
    desk.say("frame", seq=9)
    assert desk.state == "styled"


def test_no_face_becomes_trouble_after_two_seconds(desk):
    """An empty chair is trouble from its second second on, and over with the first face."""
    desk.status_event(no_face_ms=1900.0)
    assert desk.controller.situation.trouble_since_ns is None
    desk.status_event(no_face_ms=2150.0)
    assert desk.state == "problem"
    assert desk.controller.situation.trouble_since_ns == desk.clock.ns
    desk.status_event(no_face_ms=0.0)
    assert desk.state == "styled"
    assert desk.controller.situation.trouble_since_ns is None


def test_trouble_begins_once(desk):
    """The moment at which trouble began stays while it lasts, so a held frame is not held anew."""
    desk.status_event(no_face_ms=2100.0)
    began_ns = desk.clock.ns
    desk.clock.ns += 10**9
    desk.status_event(no_face_ms=3100.0)
    desk.controller.change({"strength": 0.4})
    assert desk.controller.situation.trouble_since_ns == began_ns


def test_a_lost_engine_is_trouble_until_another_one_makes_a_frame(desk):
    """A crash is a problem from its moment to the next engine's first frame, loading included."""
    desk.controller.engine_lost(CRASH)
    assert desk.controller.status()["error"] == CRASH.record()
    desk.status_event(stage="loading the model")
    assert desk.state == "problem"
    desk.status_event()
    desk.say("frame", seq=0)
    assert desk.state == "styled"
    assert desk.controller.status()["error"] is None


@pytest.mark.parametrize("where", ["source", "edit"])
def test_reported_trouble_comes_and_goes(desk, where):
    """What the engine reports is a problem until it reports the end of it."""
    record = {"code": "source-lost", "message": "The camera is gone.", "hint": "plug it in"}
    desk.say("trouble", where=where, error=record)
    assert desk.state == "problem"
    assert desk.controller.status()["error"] == record
    desk.say("trouble", where=where, error=None)
    assert desk.state == "styled"


def test_a_reference_that_cannot_be_read_is_a_note(desk):
    """The picture goes on; the user is told what is wrong with the face."""
    record = {"code": "reference-missing", "message": "Omar is gone.", "hint": "add it again"}
    desk.say("trouble", where="reference", error=record)
    assert desk.state == "styled"
    assert "Omar is gone. add it again" in desk.controller.status()["notes"]


def test_another_device_starts_a_dead_engine(desk):
    """After a loop of crashes, choosing another device, model or source tries again."""
    desk.controller.engine_lost(CRASH)
    for changes in ({"device": "cpu"}, {"model": "other"}, {"source": "demo"}):
        desk.ports.told.clear()
        desk.controller.change(changes)
        assert desk.ports.kinds()[-1] == "retry"
    desk.controller.change({"strength": 0.2})
    assert desk.ports.kinds()[-1] != "retry"


def test_sinks_change_at_once(desk):
    """Other sinks count from now on, not from the next start."""
    desk.controller.change({"sinks": ["null"]})
    assert desk.ports.last("sinks") == ("null",)


@pytest.mark.parametrize("changes", [{"source": "x.mp4"}, {"sinks": ["null"]}, {"paused": True}])
def test_a_file_run_keeps_its_source_and_sinks(changes):
    """In lockstep a change that would tear the file apart is refused."""
    desk = Desk(is_lockstep=True)
    with pytest.raises(ConfigError, match="worked through"):
        desk.controller.change(changes)
    desk.controller.change({"strength": 0.5})


def test_status_tells_device_note_and_figures(desk):
    """Page and command line read device, reason for it, rates and delay from one record."""
    for _ in range(12):
        desk.status_event(fps_out=2.0, dropped=7, stages_ms={"edit": [400.0, 450.0]})
    status = desk.controller.status()
    assert status["engine"]["device"] == "cpu"
    assert status["engine"]["dropped"] == 7
    assert status["size"] == (1280, 720)
    assert any("about 2 of 30 frames a second" in note for note in status["notes"])
    assert "No GPU was found." in status["notes"]


def test_a_failing_sink_is_a_note(desk):
    """A virtual camera that fails is named while the others go on."""
    error = {"code": "sink-busy", "message": "It is taken.", "hint": "close OBS"}
    desk.ports.record["sinks"] = [{"name": "v4l2:/dev/video9", "error": error}]
    assert "v4l2:/dev/video9: It is taken. close OBS" in desk.controller.status()["notes"]
    assert desk.state == "styled"


def test_who_waits_is_woken(desk):
    """A reader that waits for news gets them at once, not at its time-out."""
    seen = desk.controller.wait_for_news(0, 0)
    woken = threading.Event()

    def wait():
        desk.controller.wait_for_news(seen, 30)
        woken.set()

    threading.Thread(target=wait).start()
    desk.controller.references_changed()
    assert woken.wait(5)


def test_changes_from_many_hands_all_count(desk):
    """Two hands on two fields of layer 1 at the same time both get their way."""

    def turn(changes):
        for _ in range(20):
            desk.controller.change(changes)

    hands = [
        threading.Thread(target=turn, args=(changes,))
        for changes in ({"reference": "omar"}, {"tone": 0.5}, {"regions": ["eyes"]})
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    layer = desk.controller.settings.layers[0]
    assert (layer.reference, layer.tone, layer.mask) == ("omar", 0.5, ("eyes",))
    assert desk.saved[-1] == desk.controller.settings
