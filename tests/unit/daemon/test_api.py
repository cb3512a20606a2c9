"""The HTTP API: rights, routes, and the one form of every failure."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fakes.faces import draw_face
from vcam.daemon.api import STREAMS
from vcam.daemon.server import BODY_LIMIT_BYTES

PNG = cv2.imencode(".png", draw_face("new"))[1].tobytes()

GUARDED = [
    ("GET", "/api/status"),
    ("GET", "/api/events"),
    ("GET", "/api/settings"),
    ("PATCH", "/api/settings"),
    ("GET", "/api/references"),
    ("POST", "/api/references"),
    ("GET", "/api/references/mira"),
    ("DELETE", "/api/references/mira"),
    ("GET", "/api/references/mira/thumbnail"),
    ("GET", "/api/preview.mjpg"),
    ("GET", "/api/snapshot.jpg"),
    ("POST", "/api/code"),
    ("POST", "/api/ticket"),
]


def error_of(response, status):
    """The error of a failed request; every one has this form."""
    assert response.status_code == status
    body = response.get_json()
    assert body["ok"] is False
    assert set(body["error"]) == {"code", "message", "hint"}
    assert all(body["error"].values())
    return body["error"]


# ---- rights -------------------------------------------------------------------------------------


def test_every_route_is_guarded(desk):
    """No route of the API answers without a key, and none was forgotten in this list."""
    rules = {
        (method, rule.rule.replace("<name>", "mira"))
        for rule in desk.api.application().url_map.iter_rules()
        for method in rule.methods - {"HEAD"}
    }
    open_to_all = {("GET", "/"), ("GET", "/web/<path:name>"), ("POST", "/api/session")}
    assert rules - open_to_all == set(GUARDED)
    for method, address in GUARDED:
        assert error_of(desk.ask(method, address, key=""), 401)["code"] == "unauthorised"
        assert error_of(desk.ask(method, address, key="wrong"), 401)["code"] == "unauthorised"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"base_url": "http://localhost:8763"},
        {"base_url": "http://evil.example:8763"},
        {"headers": {"Origin": "https://evil.example"}},
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
    ],
)
@pytest.mark.parametrize("address", ["/", "/web/page.js", "/api/status", "/api/session", "/nope"])
def test_requests_from_elsewhere_are_refused_everywhere(desk, elsewhere, address):
    """Another site, or another name for this machine, gets nothing: with the token or without."""
    assert error_of(desk.ask("GET", address, **elsewhere), 403)["code"] == "unauthorised"


def test_a_page_gets_its_key_by_a_code_once(desk):
    """Code, session key, status: the page's way in; the same code again is refused."""
    code = desk.ask("POST", "/api/code").get_json()["code"]
    key = desk.ask("POST", "/api/session", key="", json={"code": code}).get_json()["key"]
    assert desk.ask("GET", "/api/status", key=key).get_json()["ok"] is True
    error_of(desk.ask("POST", "/api/session", key="", json={"code": code}), 401)
    error_of(desk.ask("POST", "/api/session", key="", json={"code": ["no", "text"]}), 401)


def test_a_ticket_opens_pictures_and_nothing_else(desk):
    """An address with a ticket can show a picture; it cannot read or change anything."""
    ticket = desk.ask("POST", "/api/ticket").get_json()["ticket"]
    for address in ("/api/snapshot.jpg", "/api/references/mira/thumbnail"):
        assert desk.ask("GET", f"{address}?ticket={ticket}", key="").status_code == 200
        error_of(desk.ask("GET", f"{address}?ticket=old", key=""), 401)
    error_of(desk.ask("GET", f"/api/status?ticket={ticket}", key=""), 401)
    error_of(desk.ask("DELETE", f"/api/references/mira?ticket={ticket}", key=""), 401)


def test_the_page_itself_needs_no_key_and_holds_no_secret(desk):
    """The page's files are open to navigation, so that a link can open them."""
    navigate = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    page = desk.ask("GET", "/", key="", headers=navigate)
    assert page.status_code == 200
    assert desk.auth.token not in page.text


def test_every_answer_carries_the_headers(desk):
    """No framing, no sniffing, no referrer, no other origin: on successes and failures alike."""
    for response in (
        desk.ask("GET", "/", key=""),
        desk.ask("GET", "/api/status"),
        desk.ask("GET", "/api/status", key=""),
        desk.ask("GET", "/nope"),
    ):
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Set-Cookie" not in response.headers


# ---- failures -----------------------------------------------------------------------------------


def test_unknown_addresses_and_methods_are_json(desk):
    """404 and 405 have the form of all errors; there is no way to ask for CORS."""
    assert error_of(desk.ask("GET", "/api/nope"), 404)["code"] == "not-found"
    assert error_of(desk.ask("PUT", "/api/settings"), 405)["code"] == "not-found"
    error_of(desk.ask("OPTIONS", "/api/settings"), 405)
    error_of(desk.ask("GET", "/web/../api.py"), 404)


def test_a_bug_is_json_too_and_tells_no_traceback(desk, monkeypatch, caplog):
    """An error of ours is a 500 in the one form; the traceback goes to the log."""

    def fail():
        raise RuntimeError("secret detail")

    monkeypatch.setattr(desk.controller, "status", fail)
    error = error_of(desk.ask("GET", "/api/status"), 500)
    assert error["code"] == "internal"
    assert "secret" not in json.dumps(error)
    assert "secret detail" in caplog.text


# ---- settings -----------------------------------------------------------------------------------


def test_settings_are_read_and_changed(desk):
    """PATCH changes what it names, answers with everything, and GET agrees."""
    answer = desk.ask("PATCH", "/api/settings", json={"strength": 0.4, "reference": "omar"})
    body = answer.get_json()
    assert answer.status_code == 200
    assert body["settings"]["strength"] == 0.4
    assert body["settings"]["layers"][0]["reference"] == "omar"
    assert desk.ask("GET", "/api/settings").get_json() == body
    assert desk.saved[-1].strength == 0.4


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b'{"strenght": 1}', "setting-unknown", "'strength'"),
        (b'{"strength": 2}', "setting-invalid", "Master strength"),
        (b'{"strength": NaN}', "setting-invalid", "Master strength"),
        (b'{"strength": 1e999}', "setting-invalid", "Master strength"),
        (b'{"regions": ["eye"]}', "setting-invalid", "'eyes'"),
        (b"[1]", "setting-invalid", "strength"),
        (b"not json", "setting-invalid", "strength"),
        (b"\xff", "setting-invalid", "strength"),
    ],
)
def test_a_bad_change_is_explained(desk, body, code, said):
    """A refused change is a 400 with the nearest name or what the value may be."""
    error = error_of(desk.ask("PATCH", "/api/settings", data=body), 400)
    assert error["code"] == code
    assert said in error["hint"]
    assert desk.saved == []


def test_a_setting_for_the_next_start_says_so(desk):
    """Size, rate and port are taken, and the answer says when they count."""
    body = desk.ask("PATCH", "/api/settings", json={"size": "640x480"}).get_json()
    assert body["notes"] == ["size counts from the next start"]


# ---- reference faces ----------------------------------------------------------------------------


def test_reference_faces_are_listed_and_shown(desk):
    """List, card and thumbnail of a face."""
    cards = desk.ask("GET", "/api/references").get_json()["references"]
    assert [card["id"] for card in cards] == ["mira", "omar", "june"]
    card = desk.ask("GET", "/api/references/omar").get_json()["reference"]
    assert card["title"] == "Omar"
    thumbnail = desk.ask("GET", "/api/references/omar/thumbnail")
    assert thumbnail.mimetype == "image/webp"
    assert cv2.imdecode(np.frombuffer(thumbnail.data, np.uint8), 1) is not None


def test_an_unknown_face_is_a_404_with_the_nearest(desk):
    """A misspelt id offers the nearest."""
    error = error_of(desk.ask("GET", "/api/references/mirra"), 404)
    assert "'mira'" in error["hint"]


def test_a_picture_is_added_used_and_removed(desk):
    """Upload, the same again, use, refusal to remove what is in use, removal."""
    first = desk.upload(PNG, "My%20Face.png")
    assert first.status_code == 201
    card = first.get_json()["reference"]
    assert card["id"] == "my-face"
    assert desk.upload(PNG, "other-name.png").get_json()["reference"]["id"] == "my-face"
    desk.ask("PATCH", "/api/settings", json={"reference": "my-face"})
    error = error_of(desk.ask("DELETE", "/api/references/my-face"), 409)
    assert error["code"] == "reference-in-use"
    desk.ask("PATCH", "/api/settings", json={"reference": "mira"})
    assert desk.ask("DELETE", "/api/references/my-face").get_json() == {"ok": True}
    error_of(desk.ask("GET", "/api/references/my-face"), 404)


def test_built_in_faces_stay(desk):
    """What comes with the program cannot be removed."""
    error = error_of(desk.ask("DELETE", "/api/references/june"), 400)
    assert error["code"] == "reference-built-in"


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        (b"no picture", "a.png", 400, "reference-not-a-picture"),
        (PNG, "no-face.png", 400, "reference-no-face"),
        (PNG, "crash.png", 500, "job-failed"),
        (b"\0" * (BODY_LIMIT_BYTES + 1), "a.png", 413, "too-large"),
    ],
)
def test_a_bad_picture_is_refused_with_its_reason(desk, content, name, status, code):
    """What cannot serve as a face is refused, and the process that read it may even crash."""
    assert error_of(desk.upload(content, name), status)["code"] == code
    assert len(desk.ask("GET", "/api/references").get_json()["references"]) == 3


def test_no_upload_is_left_lying_about(desk, tmp_path):
    """After an upload, good or bad, the file that came is gone."""
    desk.upload(PNG)
    desk.upload(b"no picture")
    assert list((tmp_path / "home" / "runtime").iterdir()) == []


def test_a_name_cannot_lead_out_of_its_folder(desk, tmp_path):
    """The name of an upload is a title, never a path."""
    card = desk.upload(PNG, "..%2F..%2Fetc%2Fpasswd.png").get_json()["reference"]
    assert "/" not in card["id"]
    assert not (tmp_path / "etc").exists()


# ---- pictures and events ------------------------------------------------------------------------


def test_the_snapshot_is_the_published_picture(desk):
    """A JPEG of what others see."""
    response = desk.ask("GET", "/api/snapshot.jpg")
    picture = cv2.imdecode(np.frombuffer(response.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (48, 64, 3)
    assert abs(int(picture.mean()) - 90) <= 1


def test_the_preview_streams_pictures(desk):
    """Whole JPEGs, each followed at once by the next one's head: Chromium shows it only then."""
    head = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"
    response = desk.ask("GET", "/api/preview.mjpg", buffered=False)
    parts = iter(response.response)
    assert next(parts) == head
    first = next(parts)
    assert first.startswith(b"\xff\xd8")
    assert first.endswith(b"\xff\xd9\r\n" + head)
    desk.picture = (np.zeros((48, 64, 3), np.uint8), 7)
    desk.preview.published()
    assert next(parts) != first
    response.close()


def test_events_tell_settings_then_status(desk):
    """The first events are the whole truth; a change made elsewhere follows at once."""
    response = desk.ask("GET", "/api/events", buffered=False)
    assert response.mimetype == "text/event-stream"
    parts = iter(response.response)
    first, second = next(parts), next(parts)
    assert first.startswith(b"event: settings\ndata: {")
    assert second.startswith(b"event: status\ndata: {")
    desk.controller.change({"strength": 0.125})
    assert b'"strength":0.125' in next(parts)
    response.close()


def test_too_many_streams_are_refused_and_a_seat_comes_free(desk):
    """Twelve may look; the next is told what to do, and gets in when one leaves."""
    viewers = [desk.ask("GET", "/api/preview.mjpg", buffered=False) for _ in range(STREAMS)]
    error = error_of(desk.ask("GET", "/api/events"), 503)
    assert error["code"] == "too-many-viewers"
    viewers.pop().close()
    again = desk.ask("GET", "/api/preview.mjpg", buffered=False)
    assert again.status_code == 200
    for viewer in (*viewers, again):
        viewer.close()


def test_streams_end_with_the_daemon(desk):
    """A page that is open does not hold the daemon back."""
    response = desk.ask("GET", "/api/events", buffered=False)
    desk.api.end_streams()
    assert len(list(response.response)) <= 2
    response.close()


def test_every_address_is_documented(desk):
    """docs/api.md names every address and method of the API."""
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for method, address in GUARDED:
        place = address.replace("/mira", "/ID")
        named = f"{method} {place}" in text or (method == "POST" and place in text)
        assert named, (method, place)


def test_every_key_of_the_status_is_documented(desk):
    """docs/api.md explains every key of the status record."""
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    status = desk.ask("GET", "/api/status").get_json()
    for key in (*status, *status["engine"], *status["published"]):
        assert f"`{key}`" in text or key == "ok", key
