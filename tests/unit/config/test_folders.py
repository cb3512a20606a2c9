"""Where files live: one place each, and nobody else's."""

from __future__ import annotations

import os
import stat

import pytest

from vcam.config.folders import config_folder, runtime_folder, state_folder
from vcam.errors import ConfigError

posix = pytest.mark.skipif(os.name != "posix", reason="Windows guards a user's folders itself")


def test_one_variable_moves_all_three(tmp_path, monkeypatch):
    """VCAM_HOME holds settings, state and run-time files of a separate vcam."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path / "home"))
    folders = [config_folder(), state_folder(), runtime_folder()]
    assert len(set(folders)) == 3
    assert all(folder.is_dir() and folder.parent == tmp_path / "home" for folder in folders)


def test_the_runtime_folder_follows_the_desktop(tmp_path, monkeypatch):
    """XDG_RUNTIME_DIR is used where it is; without it, a folder inside the state folder."""
    monkeypatch.delenv("VCAM_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder() == tmp_path / "vcam"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    assert runtime_folder().is_relative_to(state_folder())


@posix
def test_folders_are_their_owners_alone(tmp_path, monkeypatch):
    """New folders are 0700, and one that others could read is closed."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))
    (tmp_path / "state").mkdir(mode=0o755)
    for folder in (config_folder(), state_folder(), runtime_folder()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    """A folder that somebody else put in our place is not written to, and the error says so."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 123456)
    with pytest.raises(ConfigError, match="another user") as caught:
        runtime_folder()
    assert "VCAM_HOME" in caught.value.hint


def test_a_folder_that_cannot_be_made_is_explained(tmp_path, monkeypatch):
    """A file in the way gives an error with a cure, not a traceback."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VCAM_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError) as caught:
        config_folder()
    assert caught.value.code == "config-damaged"
