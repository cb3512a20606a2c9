"""Where vcam keeps its files: settings, state, and what lives only while it runs.

Each folder is made on first use, readable by its owner alone. `VCAM_HOME` moves all three under one
folder, for tests and for a second, separate vcam.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from vcam.errors import ConfigError

_APP = "vcam"


def config_folder() -> Path:
    """Settings and presets.

    Raises: ConfigError if it cannot be made or belongs to somebody else; so do the other two.
    """
    home = os.environ.get("VCAM_HOME")
    return _private(Path(home, "config") if home else platformdirs.user_config_path(_APP))


def state_folder() -> Path:
    """Reference faces, logs, set-aside files: what outlives a run but is no setting."""
    home = os.environ.get("VCAM_HOME")
    return _private(Path(home, "state") if home else platformdirs.user_state_path(_APP))


def runtime_folder() -> Path:
    """Token, port and lock of the running daemon.

    In XDG_RUNTIME_DIR where the system gives one, else inside the state folder; never a fixed name
    in a temporary folder that others can write to.
    """
    if home := os.environ.get("VCAM_HOME"):
        return _private(Path(home, "runtime"))
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir():
        return _private(Path(given, _APP))
    return _private(state_folder() / "runtime")


def _private(folder: Path) -> Path:
    """The folder, made if need be, ours and closed to others."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        if mine and stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            "config-damaged",
            f"The folder {folder} cannot be used: {error.strerror}.",
            "make it writable, or set VCAM_HOME to a folder of your own",
        ) from error
    if not mine:
        raise ConfigError(
            "config-damaged",
            f"The folder {folder} belongs to another user.",
            "remove it, or set VCAM_HOME to a folder of your own",
        )
    return folder
