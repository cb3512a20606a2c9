"""The settings file: what is kept, who may read it, and what a damaged one does."""

import os
import stat

import pytest

from vcam.config.changes import apply_changes
from vcam.config.private_file import write_private
from vcam.config.settings import Settings
from vcam.config.store import load_settings, save_settings
from vcam.errors import ConfigError


@pytest.fixture
def path(tmp_path):
    """Where the settings file would be."""
    return tmp_path / "settings.toml"


def test_settings_come_back(path):
    """What was stored is what the next start reads."""
    changes = {"strength": 0.3, "reference": "mira", "sinks": ["null"], "source": 'a "b"\\ü.mp4'}
    settings = apply_changes(Settings(), changes)
    save_settings(path, settings)
    assert load_settings(path) == (settings, None)


def test_no_file_means_defaults(path):
    """A first start has the defaults and nothing to say."""
    assert load_settings(path) == (Settings(), None)


def test_paused_and_bypass_are_not_stored(path):
    """A new start is neither dead nor bare, whatever the last one was."""
    save_settings(path, apply_changes(Settings(), {"paused": True, "bypass": True}))
    assert load_settings(path)[0] == Settings()


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_only_the_owner_reads_it(path):
    """The file is 0600, also when an older one was open to others."""
    path.touch(0o644)
    save_settings(path, Settings())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"strength = ",
        b"strength = nan",
        b"\xff\xfe",
        b"colour = 3",
        b"version = 9",
        b"[[layers]]\na=1",
    ],
)
def test_a_damaged_file_is_set_aside(path, content):
    """A file that holds no settings is kept under another name, and the defaults count."""
    path.write_bytes(content)
    settings, said = load_settings(path)
    assert settings == Settings()
    assert said is not None
    assert said.code == "config-damaged"
    aside = path.with_name("settings.damaged-1.toml")
    assert aside.read_bytes() == content
    assert str(aside) in said.hint


def test_a_second_damaged_file_does_not_replace_the_first(path):
    """Every damaged file is kept: it may be the only copy of somebody's settings."""
    for content in (b"first", b"second"):
        path.write_bytes(content)
        load_settings(path)
    kept = {file.read_bytes() for file in path.parent.glob("settings.damaged-*.toml")}
    assert kept == {b"first", b"second"}


def test_an_unreadable_file_is_an_error_and_stays(path):
    """What cannot be read at all is not replaced by defaults."""
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(path)
    assert path.is_dir()


def test_a_folder_that_cannot_be_written_is_said(path, tmp_path):
    """A change that cannot be stored says so, and that it counts until the end."""
    with pytest.raises(ConfigError, match="could not be stored") as caught:
        save_settings(tmp_path / "gone" / "settings.toml", Settings())
    assert "until vcam ends" in caught.value.hint


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    """A crash while writing leaves the old settings whole and nothing beside them."""
    write_private(path, b"old")

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("stored", "meant"), [("face256", "auto"), ("mine", "mine")])
def test_a_default_that_form_1_wrote_down_is_no_choice(path, stored, meant):
    """In a file of form 1 `face256` means what the default means now; another model was chosen."""
    path.write_text(f'version = 1\nmodel = "{stored}"\nstrength = 0.3\n')
    settings, said = load_settings(path)
    assert (settings.model, settings.strength, said) == (meant, 0.3, None)
    chosen = apply_changes(settings, {"model": "face256"})
    save_settings(path, chosen)
    assert load_settings(path) == (chosen, None)
