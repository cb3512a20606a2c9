"""The command line as a user meets it: exit statuses, three lines for an error, an orderly end."""

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from functools import partial

import cv2
import pytest

from tests.fakes.faces import draw_face
from tests.fakes.terminal import error_lines, free_port, run_command
from tests.fakes.vcam import install
from vcam.cli import run
from vcam.config.library import ReferenceLibrary
from vcam.daemon import jobs, supervisor

HEAVY = ("torch", "numpy", "pydantic", "http.client", "flask", "cv2", "mediapipe", "av")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """Every test has folders of its own, and no display."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path / "home"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clip(tmp_path):
    """A file that stands for a clip; the fake engine does not open it."""
    path = tmp_path / "clip.mp4"
    path.touch()
    return path


@pytest.fixture
def vcam(monkeypatch, capfd):
    """Run a command in this process, with the fakes in place."""
    monkeypatch.setattr(supervisor, "ENGINE", supervisor.ENGINE)  # put back after the test
    monkeypatch.setattr(jobs, "JOBS", jobs.JOBS)
    monkeypatch.setattr(run, "log_to_file", lambda: None)  # pytest keeps the log of this process
    library = ReferenceLibrary
    monkeypatch.setattr(library, "__init__", library.__init__)
    install()

    return partial(run_command, capfd)


def test_help_is_there_at_once(deadline):
    """`vcam --help` answers within 0.3 s."""
    times_s = []
    for _ in range(3):
        began_s = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "vcam", "--help"], capture_output=True, check=True, timeout=30
        )
        times_s.append(time.monotonic() - began_s)
    assert min(times_s) < deadline(0.3)


def test_the_command_line_loads_nothing_heavy():
    """Importing it, and building its parser, brings in none of the heavy libraries."""
    script = (
        "import sys, vcam.cli; from vcam.cli.parser import build_parser; build_parser()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_the_daemon_never_loads_what_the_engine_loads():
    """The daemon's whole program is imported without torch and MediaPipe."""
    script = (
        "import sys, vcam.cli.run, vcam.daemon.program\n"
        "print([name for name in ('torch', 'mediapipe') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_clip_goes_into_a_file(vcam, clip, tmp_path):
    """`vcam run --source CLIP --sink file:OUT` ends by itself with status 0 and plain lines."""
    out = tmp_path / "out.mp4"
    done = vcam("run", "--source", clip, "--sink", f"file:{out}", "--no-web", "--no-tray")
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 0
    assert "20 frames were published" in done.stdout
    assert "\x1b" not in done.stdout


def test_frames_end_a_live_run(vcam):
    """`--frames N` ends with status 0 after N pictures."""
    done = vcam("run", "--sink", "null", "--frames", 9, "--size", "160x120", "--no-web")
    assert done.returncode == 0, done.stderr
    assert "9 frames were published" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["--source", "/no/such/clip.mp4"], 3, "source-missing"),
        (["--source", "camera:no such camera"], 3, "source-missing"),
        (["--source", "camrea"], 2, "source-unknown"),
        (["--sink", "file:/no/folder/x.mp4"], 3, "sink-missing"),
        (["--sink", "nul"], 2, "sink-unknown"),
        (["--strength", "nan"], 2, "setting-invalid"),
        (["--set", "strenght=1"], 2, "setting-unknown"),
        (["--set", "strength"], 2, "setting-invalid"),
        (["--regions", "eye"], 2, "setting-invalid"),
        (["--reference", "nobody"], 2, "reference-unknown"),
        (["--reference", "no/such/face.png"], 3, "reference-missing"),
        (["--size", "641x480"], 2, "setting-invalid"),
        (["--frames", "0"], 2, "misuse"),
        (["--nonsense"], 2, "misuse"),
        (["--model", "damaged", "--sink", "null"], 5, "weights-damaged"),
    ],
)
def test_failures_have_their_status_and_three_lines(vcam, arguments, status, code):
    """What and why, what to do, the code; the status says which kind."""
    error_lines(vcam("run", "--no-web", *arguments), status, code)


def test_a_bug_is_three_lines_and_a_log(tmp_path):
    """A traceback goes to the log, never to the user."""
    script = (
        "import sys, vcam.cli.cameras as c, vcam.cli\n"
        "c.main = lambda arguments: 1 / 0\n"
        "sys.exit(vcam.cli.main(['cameras']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    lines = error_lines(done, 1, "internal")
    assert "ZeroDivisionError" in lines[0]
    assert "Traceback" in (tmp_path / "home" / "state" / "vcam.log").read_text()


def test_what_goes_wrong_in_a_thread_goes_to_the_log(tmp_path):
    """Neither log records nor a thread's traceback disturb the terminal's line."""
    script = (
        "import logging, threading, vcam.cli.log as log\n"
        "log.log_to_file()\n"
        "logging.getLogger('vcam.x').warning('a sink stumbled')\n"
        "thread = threading.Thread(target=lambda: 1 / 0, name='some thread')\n"
        "thread.start(); thread.join()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout + done.stderr == ""
    path = tmp_path / "home" / "state" / "vcam.log"
    assert "a sink stumbled" in path.read_text()
    assert "some thread ended" in path.read_text()
    assert "ZeroDivisionError" in path.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_port_asked_for_by_name_must_be_free(vcam):
    """`--port N` with N taken is status 4; without `--port` another one is used and said."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        error_lines(vcam("run", "--sink", "null", "--port", taken), 4, "port-taken")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_it_ends_in_order_when_asked(start, deadline, number):
    """Ctrl-C and SIGTERM: status 0 within two seconds, and no engine is left."""
    process = start("--sink", "null", "--port", free_port())
    engine = _child_of(process.pid)
    began_s = time.monotonic()
    process.send_signal(getattr(signal, number))
    assert process.wait(20) == 0
    assert time.monotonic() - began_s < deadline(2.0)
    assert _is_gone(engine)
    assert "Traceback" not in process.stdout.read()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_engine_ends_with_a_killed_daemon(start, deadline):
    """After kill -9 of the daemon its engine is gone within a second."""
    process = start("--sink", "null", "--no-web")
    engine = _child_of(process.pid)
    process.kill()
    process.wait(10)
    end_s = time.monotonic() + deadline(1.0)
    while not _is_gone(engine):
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_a_running_vcam_is_found_by_all_commands(vcam, start, tmp_path):
    """A second run is refused; open, references and config speak with the one that runs."""
    process = start("--sink", "preview", "--port", free_port())
    refused = error_lines(vcam("run", "--sink", "null"), 4, "already-running")
    assert str(process.pid) in refused[0]
    opened = vcam("open")
    assert opened.returncode == 0
    assert opened.stdout.splitlines()[-1].startswith("file://")
    picture = tmp_path / "Ada.png"
    cv2.imwrite(str(picture), draw_face("ada"))
    added = vcam("references", "add", picture, "--json")
    assert json.loads(added.stdout)[0]["id"] == "ada"
    assert vcam("references", "remove", "ada").returncode == 0
    assert str(process.pid) in vcam("config").stdout


def test_references_without_a_running_vcam(vcam, tmp_path):
    """Add, list and remove work on the files alone; a second add is the same face."""
    picture = tmp_path / "Ada.png"
    cv2.imwrite(str(picture), draw_face("ada"))
    for _ in range(2):
        assert vcam("references", "add", picture).stdout == "ada: Ada\n"
    listed = vcam("references", "list", "--json").record
    assert [card["id"] for card in listed] == ["mira", "omar", "june", "ada"]
    assert "(your own)" in vcam("references", "list").stdout
    assert vcam("references", "remove", "ada").returncode == 0
    error_lines(vcam("references", "remove", "ada"), 2, "reference-unknown")
    error_lines(vcam("references", "add", tmp_path / "none.png"), 3, "reference-missing")


def test_a_picture_can_be_the_reference_of_a_run(vcam, tmp_path):
    """`--reference PATH` adds the picture as `references add` would and uses it."""
    picture = tmp_path / "Ada.png"
    cv2.imwrite(str(picture), draw_face("ada"))
    done = vcam("run", "--reference", picture, "--sink", "null", "--frames", 40, "--no-web")
    assert done.returncode == 0, done.stderr
    assert "“Ada”" in done.stdout
    stored = tmp_path / "home" / "config" / "settings.toml"
    assert not stored.exists()  # a flag counts for its run


def test_open_without_a_running_vcam(vcam):
    """`vcam open` says how to start one."""
    lines = error_lines(vcam("open"), 3, "not-running")
    assert "vcam run" in lines[1]


def test_config_and_cameras_give_json_alone(vcam):
    """With --json the standard output holds JSON and nothing else."""
    config = vcam("config", "--json").record
    assert config["settings"]["strength"] == 0.8
    assert set(config["files"]) == {"settings", "references", "log", "engine_log", "runtime"}
    assert isinstance(vcam("cameras", "--json").record, list)


def test_a_damaged_settings_file_is_said_aloud(vcam, tmp_path):
    """The run starts with the defaults and says where the old file is."""
    stored = tmp_path / "home" / "config" / "settings.toml"
    stored.parent.mkdir(parents=True)
    stored.write_text("strength = much")
    done = vcam("run", "--sink", "null", "--frames", 3, "--no-web")
    assert done.returncode == 0
    assert "damaged" in done.stdout
    assert "settings.damaged-1.toml" in done.stdout


def test_a_stored_face_that_is_gone_does_not_bar_the_start(vcam, tmp_path):
    """A face whose files were removed gives way to the first one, said aloud."""
    stored = tmp_path / "home" / "config" / "settings.toml"
    stored.parent.mkdir(parents=True)
    stored.write_text('[[layers]]\nreference = "ada"\n')
    done = vcam("run", "--sink", "null", "--frames", 3, "--no-web")
    assert done.returncode == 0, done.stderr
    assert "'ada'" in done.stdout
    assert "takes its place" in done.stdout


def _child_of(pid):
    """The engine of a running vcam."""
    import psutil

    (child,) = psutil.Process(pid).children()
    return child


def _is_gone(process):
    import psutil

    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
