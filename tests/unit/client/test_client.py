"""The client, against the real API on a real socket."""

import os
import stat
import urllib.parse
from pathlib import Path

import cv2
import pytest

from tests.fakes.faces import draw_face, write_library
from vcam.client import Client
from vcam.config.library import ReferenceLibrary
from vcam.config.settings import Settings
from vcam.daemon.api import Api
from vcam.daemon.auth import Auth
from vcam.daemon.controller import Controller
from vcam.daemon.jobs import Jobs
from vcam.daemon.presence import Presence
from vcam.daemon.preview import Preview
from vcam.daemon.references import References
from vcam.daemon.server import Server
from vcam.errors import ConfigError, DaemonError, ReferencePictureError


class Daemon:
    """The API of a daemon without engine and camera."""

    def __init__(self, folder, runtime):
        library = ReferenceLibrary(built_in_folder=write_library(folder / "built-in"))
        self.references = References(
            library, Jobs(folder / "jobs.log", module="tests.fakes.fake_jobs", limit_s=30)
        )
        self.controller = Controller(
            Settings(), stored=Settings(), save=lambda settings: None, find_reference=self.find
        )
        self.auth, self.server = Auth(), Server(0, is_named=False)
        picture = draw_face("mira")
        api = Api(
            self.controller,
            self.references,
            Preview(lambda: (picture, 1)),
            self.auth,
            port=self.server.port,
        )
        self.server.start(api.application())
        self.presence = Presence(runtime)
        self.presence.claim()
        self.presence.announce(port=self.server.port, token=self.auth.token)

    def find(self, reference_id):
        """Id and title."""
        card = self.references.card(reference_id)
        return card["id"], card["title"]


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The runtime folder, like all folders the test's own."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path / "home"))
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def daemon(tmp_path, runtime):
    """A daemon that a client can find."""
    made = Daemon(tmp_path, runtime)
    yield made
    made.server.stop()
    made.presence.leave()


@pytest.fixture
def client(daemon, runtime):
    """A client of it."""
    return Client(folder=runtime)


def test_without_a_daemon_every_call_says_so(runtime):
    """The error names the command that starts one."""
    with pytest.raises(DaemonError) as caught:
        Client(folder=runtime).status()
    assert caught.value.code == "not-running"
    assert caught.value.exit_status == 3
    assert "vcam run" in caught.value.hint


def test_a_note_of_a_dead_daemon_is_no_daemon(daemon, client):
    """After a kill -9 the note is still there; the client says that vcam is not running."""
    daemon.server.stop()
    with pytest.raises(DaemonError) as caught:
        client.status()
    assert caught.value.code == "not-running"


def test_a_daemon_without_its_page_says_so(daemon, client):
    """`--no-web` has no API: the error says which flag is in the way."""
    daemon.presence.announce(port=None, token="t")
    with pytest.raises(DaemonError, match="without its page") as caught:
        client.status()
    assert "--no-web" in caught.value.hint


def test_settings_are_read_and_changed(client):
    """A change answers with the settings after it."""
    assert client.settings()["strength"] == 0.8
    assert client.change(strength=0.25, reference="omar")["strength"] == 0.25
    assert client.settings()["layers"][0]["reference"] == "omar"
    assert client.status()["reference"]["title"] == "Omar"


def test_errors_come_back_in_their_own_class(client):
    """What the daemon refuses raises what it would raise inside, hint included."""
    with pytest.raises(ConfigError) as caught:
        client.change(strenght=1)
    assert "'strength'" in caught.value.hint
    with pytest.raises(ConfigError):
        client.change(strength=float("nan"))
    with pytest.raises(ReferencePictureError, match="nobody"):
        client.change(reference="nobody")


def test_a_wrong_token_is_refused(daemon, client):
    """A token of another run opens nothing."""
    daemon.presence.announce(port=daemon.server.port, token="of another run")
    with pytest.raises(DaemonError) as caught:
        client.settings()
    assert caught.value.code == "unauthorised"


def test_faces_are_added_and_removed(client, tmp_path):
    """A picture's path becomes a face, once; removing takes it away."""
    picture = tmp_path / "Ada L.png"
    cv2.imwrite(str(picture), draw_face("ada"))
    card = client.add_reference(picture)
    assert card["id"] == "ada-l"
    assert client.add_reference(str(picture)) == card
    assert "ada-l" in [face["id"] for face in client.references()]
    client.remove_reference("ada-l")
    with pytest.raises(ReferencePictureError):
        client.remove_reference("ada-l")


@pytest.mark.parametrize("name", ["missing.png", "."])
def test_a_picture_that_is_not_there_is_said(client, tmp_path, name):
    """What cannot be read is told before anything is sent."""
    with pytest.raises(ReferencePictureError) as caught:
        client.add_reference(tmp_path / name)
    assert caught.value.code == "reference-missing"


def test_too_large_a_picture_is_not_sent(client, tmp_path):
    """The limit is told by the client, in a moment."""
    picture = tmp_path / "large.png"
    with picture.open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(ReferencePictureError) as caught:
        client.add_reference(picture)
    assert caught.value.code == "reference-too-large"


def test_the_snapshot_is_a_jpeg(client):
    """A program gets what others see."""
    assert client.snapshot().startswith(b"\xff\xd8")


def test_the_page_is_opened_by_a_private_file(client, daemon):
    """The link's code stands in a 0600 file, in no command line; it leads to our own port."""
    url = client.open_page_url()
    path = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path))
    assert url.startswith("file:///")
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert f"url=http://127.0.0.1:{daemon.server.port}/#code=" in text
    assert daemon.auth.token not in text
    code = text.split("#code=")[1].split('"')[0]
    assert daemon.auth.trade_code(code)
