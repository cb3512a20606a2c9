"""Headless Chromium for the tests of the control page."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager

import cv2
import numpy as np
from selenium import webdriver

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900")


def find_browser() -> tuple[str, str] | None:
    """Chromium and its driver, None if this machine has not got both."""
    browser = next((found for name in _NAMES if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def open_browser() -> Generator[webdriver.Chrome]:
    """A window of 1280 x 900 that keeps the page's complaints."""
    found = find_browser()
    assert found is not None
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
    try:
        yield driver
    finally:
        driver.quit()


def picture_of(driver: webdriver.Chrome) -> np.ndarray:
    """The preview as it stands on the screen, [H, W, 3] RGB."""
    png = driver.find_element("id", "preview").screenshot_as_png
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
