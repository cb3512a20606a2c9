"""The whole program as a new user meets it: `vcam run`, the demo presenter, the real engine.

On a CPU a styled picture takes a second or more; what is asked for here does not depend on it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.browser.chromium import find_browser, open_browser, picture_of
from vcam.client import Client
from vcam.errors import DaemonError

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium with chromedriver here"),
]

LOADING_S = 180  # torch from a cold disk, and a first frame on a busy CPU


def test_the_demo_is_styled_and_seen(tmp_path, monkeypatch):
    """`vcam run --source demo` shows the styled presenter on its page, which takes a face there."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path))
    log = (tmp_path / "run.log").open("wb")
    command = [sys.executable, "-m", "vcam", "run", "--source", "demo", "--sink", "preview"]
    process = subprocess.Popen([*command, "--size", "640x360"], stdout=log, stderr=log)
    try:
        client = Client()
        _until(lambda: _state(client) == "styled" and _shows_frames(client), tmp_path / "run.log")
        with open_browser() as driver:
            driver.get(client.open_page_url())
            _until(lambda: picture_of(driver).std() > 30, tmp_path / "run.log")
            driver.save_screenshot(
                str(Path(os.environ.get("VCAM_SCREENSHOTS") or tmp_path) / "whole.png")
            )
            faces = driver.find_elements("css selector", ".face-pick")
            assert len(faces) >= 8
            faces[3].click()
            chosen = faces[3].get_attribute("data-id")
            _until(lambda: client.status()["reference"]["id"] == chosen, tmp_path / "run.log")
    finally:
        process.terminate()
        status = process.wait(30)
        log.close()
    assert status == 0


def _state(client):
    try:
        return client.status()["state"]
    except DaemonError:
        return None


def _shows_frames(client):
    return client.status()["published"]["shown"] in ("newest", "held")


def _until(claim, log):
    end_s = time.monotonic() + LOADING_S
    while not claim():
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.2)
