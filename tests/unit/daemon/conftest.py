"""What the daemon's tests share: a Controller with fakes all round, drawn faces, an application."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from tests.fakes.faces import write_library
from vcam.config.library import ReferenceLibrary
from vcam.config.settings import Settings
from vcam.daemon.api import Api
from vcam.daemon.auth import Auth
from vcam.daemon.controller import Controller
from vcam.daemon.jobs import Jobs
from vcam.daemon.preview import Preview
from vcam.daemon.references import References

PORT = 8763
HOME = f"http://127.0.0.1:{PORT}"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """Every test has folders of its own."""
    monkeypatch.setenv("VCAM_HOME", str(tmp_path / "home"))


@pytest.fixture
def library(tmp_path):
    """A library with three drawn faces built in."""
    return ReferenceLibrary(built_in_folder=write_library(tmp_path / "built-in"))


class Desk:
    """Everything behind the API, and a browser that has a right to it."""

    def __init__(self, library: ReferenceLibrary, tmp_path) -> None:
        jobs = Jobs(tmp_path / "jobs.log", module="tests.fakes.fake_jobs", limit_s=30)
        self.references = References(
            library,
            jobs,
            in_use=lambda: self.controller.references_in_use(),
            on_change=lambda: self.controller.references_changed(),
        )
        self.saved: list[Settings] = []
        self.controller = Controller(
            Settings(), stored=Settings(), save=self.saved.append, find_reference=self.find
        )
        self.picture: tuple[np.ndarray, int] | None = (np.full((48, 64, 3), 90, np.uint8), 1)
        self.preview = Preview(lambda: self.picture)
        self.auth = Auth()
        self.api = Api(self.controller, self.references, self.preview, self.auth, port=PORT)
        self.browser = self.api.application().test_client()

    def find(self, reference_id: str) -> tuple[str, str]:
        """Id and title of a face."""
        card = self.references.card(reference_id)
        return card["id"], card["title"]

    def ask(self, method: str, address: str, *, key: str | None = None, **options: Any) -> Any:
        """A request with the token, or with another key; '' for none."""
        given = self.auth.token if key is None else key
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        headers |= options.pop("headers", {})
        options = {"base_url": HOME, "buffered": True, **options}
        return self.browser.open(address, method=method, headers=headers, **options)

    def upload(self, content: bytes, name: str = "a-face.png") -> Any:
        """POST a picture."""
        return self.ask("POST", f"/api/references?name={name}", input_stream=io.BytesIO(content))


@pytest.fixture
def desk(library, tmp_path):
    """An API with everything behind it."""
    return Desk(library, tmp_path)
