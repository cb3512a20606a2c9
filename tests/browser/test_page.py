"""The control page in a real browser: what a user sees and does, and what the daemon makes of it.

Headless Chromium opens the page by the file that `vcam open` makes. The daemon is the whole program
with a fake engine, so that what is seen is known to the pixel. With VCAM_SCREENSHOTS set to a
folder the screenshots are kept there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.chromium import find_browser, open_browser, picture_of
from tests.fakes.faces import draw_face
from vcam.client import Client
from vcam.errors import DaemonError

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium with chromedriver here"),
]

WAIT_S = 20
RED = round(255 * 0.8)  # the fake engine's ground at the default strength


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Folders of a vcam of our own, here and in its processes."""
    folder = tmp_path_factory.mktemp("home")
    before, os.environ["VCAM_HOME"] = os.environ.get("VCAM_HOME"), str(folder)
    yield folder
    if before is None:
        del os.environ["VCAM_HOME"]
    else:
        os.environ["VCAM_HOME"] = before


@pytest.fixture(scope="module")
def client(home):
    """A running vcam, and a client of it."""
    log = (home / "run.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.vcam", "run", "--sink", "preview", "--size", "640x360"],
        stdout=log,
        stderr=log,
    )
    client = Client()
    until(lambda: state_of(client) == "styled", (home / "run.log").read_text)
    yield client
    process.terminate()
    assert process.wait(10) == 0
    log.close()


@pytest.fixture(scope="module")
def driver(home):
    """A browser."""
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(client, driver, tmp_path, request):
    """The page, opened as `vcam open` does, with the settings as they are at first."""
    client.change(reference="first", strength=0.8, regions=["face"], paused=False, bypass=False)
    driver.get(client.open_page_url())
    wait(driver, lambda: driver.find_element(By.ID, "state").text == "styled")
    yield driver
    folder = Path(os.environ.get("VCAM_SCREENSHOTS") or tmp_path)
    driver.save_screenshot(str(folder / f"{request.node.name}.png"))
    complaints = [entry["message"] for entry in driver.get_log("browser")]
    assert complaints == []  # no script error, nothing that the content policy had to refuse


def state_of(client):
    """The state word, None while nobody answers."""
    try:
        return client.status()["state"]
    except DaemonError:
        return None


def until(claim, explain=lambda: ""):
    """Wait until something is true."""
    end_s = time.monotonic() + WAIT_S
    while not claim():
        assert time.monotonic() < end_s, explain()
        time.sleep(0.05)


def wait(driver, claim):
    """Wait until something is true of the page, which may build its parts anew meanwhile."""
    passing = (NoSuchElementException, StaleElementReferenceException)
    WebDriverWait(driver, WAIT_S, 0.05, passing).until(lambda _: claim())


def ground_red(driver):
    """How red the ground of the fake's picture is."""
    return float(np.median(picture_of(driver)[..., 0]))


def face(driver, name):
    """The button of a reference face."""
    return driver.find_element(By.CSS_SELECTOR, f'.face-pick[data-id="{name}"]')


def test_the_page_opens_by_its_link_and_shows_the_picture(page):
    """The link leads to a live picture, leaves no code in the address, and works once."""
    wait(page, lambda: abs(ground_red(page) - RED) < 12)
    first = picture_of(page)
    wait(page, lambda: np.abs(picture_of(page).astype(int) - first).max() > 100)
    assert page.current_url.endswith("/")
    assert "Mira" in page.find_element(By.ID, "reason").text
    assert page.find_element(By.ID, "fps").text != "–"


def test_a_reference_face_is_chosen_by_a_click(page, client):
    """A click on a face is a setting of the daemon, and the page says whose face it is."""
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, '.face-pick[data-id="omar"] img'))
    picture = face(page, "omar").find_element(By.TAG_NAME, "img")
    wait(page, lambda: page.execute_script("return arguments[0].naturalWidth", picture) > 0)
    face(page, "omar").click()
    until(lambda: client.settings()["layers"][0]["reference"] == "omar")
    wait(page, lambda: "Omar" in page.find_element(By.ID, "reason").text)
    assert face(page, "omar").get_attribute("aria-checked") == "true"


def test_strength_moves_by_key_and_is_seen(page, client):
    """The slider changes the daemon's strength, and what others see with it."""
    slider = page.find_element(By.ID, "strength")
    slider.send_keys(Keys.HOME)
    until(lambda: client.settings()["strength"] == 0.0)
    wait(page, lambda: ground_red(page) < 12)
    slider.send_keys(Keys.ARROW_RIGHT * 30)
    until(lambda: client.settings()["strength"] == 0.3)
    assert page.find_element(By.ID, "strength-value").text == "30 %"


def test_parts_of_the_face_are_chosen(page, client):
    """A part replaces the whole face, a second one joins it, none left is the whole face again."""
    chips = {
        chip.get_attribute("data-region"): chip
        for chip in page.find_elements(By.CSS_SELECTOR, "[data-region]")
    }

    def click_and_expect(region, expected):
        chips[region].click()
        until(lambda: client.settings()["layers"][0]["mask"] == expected)
        wait(page, lambda: chips[expected[0]].get_attribute("aria-pressed") == "true")

    click_and_expect("eyes", ["eyes"])
    click_and_expect("mouth", ["eyes", "mouth"])
    click_and_expect("eyes", ["mouth"])
    click_and_expect("mouth", ["face"])


def test_pause_shows_the_slate_and_resume_the_picture(page, client):
    """Pause is seen at once: the slate, the word and the other button; resume brings it back."""
    button = page.find_element(By.ID, "pause")
    button.click()
    wait(page, lambda: page.find_element(By.ID, "state").text == "paused")
    wait(page, lambda: ground_red(page) < 60)
    assert client.settings()["paused"] is True
    assert button.text == "Resume"
    button.click()
    wait(page, lambda: page.find_element(By.ID, "state").text == "styled")
    wait(page, lambda: abs(ground_red(page) - RED) < 12)


def test_bypass_is_said_in_words(page, client):
    """Whoever shows their own face reads it on the page."""
    page.find_element(By.ID, "bypass").click()
    wait(page, lambda: page.find_element(By.ID, "state").text == "bypass")
    assert "own face" in page.find_element(By.ID, "reason").text
    assert client.settings()["bypass"] is True


def test_the_page_follows_changes_made_elsewhere(page, client):
    """What tray, command line or another tab changes is on the page without a reload."""
    client.change(strength=0.45, reference="june", regions=["nose"])
    wait(page, lambda: page.find_element(By.ID, "strength").get_attribute("value") == "45")
    wait(page, lambda: face(page, "june").get_attribute("aria-checked") == "true")
    nose = page.find_element(By.CSS_SELECTOR, '[data-region="nose"]')
    wait(page, lambda: nose.get_attribute("aria-pressed") == "true")


def test_a_picture_is_added_and_used(page, client, tmp_path):
    """A chosen file becomes a face of the gallery and is put to use; a bad one is explained."""
    good, bad = tmp_path / "New Face.png", tmp_path / "no-face.png"
    cv2.imwrite(str(good), draw_face("new"))
    cv2.imwrite(str(bad), draw_face("omar"))
    chooser = page.find_element(By.ID, "picture")
    chooser.send_keys(str(good))
    until(lambda: client.settings()["layers"][0]["reference"] == "new-face")
    wait(page, lambda: face(page, "new-face").get_attribute("aria-checked") == "true")
    chooser.send_keys(str(bad))
    wait(page, lambda: "It shows no face." in page.find_element(By.ID, "toasts").text)
    page.get_log("browser")  # the refusal's 400 stands in the browser's own log
    client.change(reference="first")
    client.remove_reference("new-face")
    wait(page, lambda: not page.find_elements(By.CSS_SELECTOR, '[data-id="new-face"]'))


def test_it_fits_a_phone(page):
    """At 360 pixels nothing is cut off and nothing scrolls sideways."""
    metrics = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.execute_script("document.querySelector('details').open = true")
        assert page.execute_script("return document.documentElement.scrollWidth") == 360
        for control in page.find_elements(By.CSS_SELECTOR, "button, input[type=range], select"):
            if control.is_displayed():
                assert control.rect["x"] >= 0
                assert control.rect["x"] + control.rect["width"] <= 360
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_can_be_reached_by_key(page):
    """Tab reaches every control, and arrows choose a face."""
    page.execute_script("document.activeElement.blur()")
    reached = set()
    for _ in range(40):
        webdriver.ActionChains(page).send_keys(Keys.TAB).perform()
        now = page.switch_to.active_element
        reached.add(now.get_attribute("id") or now.get_attribute("data-id"))
    assert {"bypass", "pause", "picture", "strength", "mira"} <= reached
    face(page, "mira").send_keys(Keys.ARROW_RIGHT)
    wait(page, lambda: face(page, "omar").get_attribute("aria-checked") == "true")


def test_without_a_key_the_page_says_how_to_open_it(client, driver, tmp_path):
    """A used link and a bare address show no picture and one sentence."""
    used = client.open_page_url()
    driver.get(used)
    wait(driver, lambda: driver.find_element(By.ID, "state").text == "styled")
    driver.execute_script("sessionStorage.clear()")
    driver.get(used)
    locked = driver.find_element(By.CSS_SELECTOR, ".locked")
    wait(driver, lambda: locked_text(driver).startswith("This link has been used already"))
    assert "vcam open" in locked_text(driver)
    assert locked.is_displayed
    assert not driver.find_element(By.ID, "preview").is_displayed()
    driver.get_log("browser")  # the refusal's 401


def locked_text(driver):
    """What stands on the page of a tab without a key."""
    return driver.find_element(By.CSS_SELECTOR, ".locked").text
