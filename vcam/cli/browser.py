"""The user's browser, if there is a display to show it on."""

from __future__ import annotations

import os
import sys
import webbrowser


def has_display() -> bool:
    """Whether a browser could show anything here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_in_browser(url: str) -> bool:
    """Ask the system to open it. Returns: whether it promised to."""
    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False
