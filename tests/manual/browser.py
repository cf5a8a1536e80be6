# SPDX-License-Identifier: MIT
"""A headless Chromium for tests, spoken to by WebDriver; and results as TAP."""
import contextlib
import shutil
import sys
import tempfile

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage",
             "--hide-scrollbars", "--force-device-scale-factor=1"]


class Tap:
    """Counts results, and prints them."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def check(self, good, description, *details):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {description}")
        for detail in () if good else details:
            for line in str(detail).split("\n"):
                print(f"# {line}")

    def equal(self, found, expected, description):
        self.check(found == expected, description, f"expected: {expected}", f"found:    {found}")

    def end(self):
        print(f"1..{self.number}")
        sys.exit(1 if self.failed else 0)


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def why_not():
    """Why there is no browser here; None: there is one."""
    try:
        import selenium.webdriver  # noqa: F401
    except ImportError:
        return "python3-selenium is not installed (./dev test installs it)"
    for program, package in ((CHROMIUM, "chromium"), (DRIVER, "chromium-driver")):
        if not shutil.which(program):
            return f"{package} is not installed (./dev test installs it)"
    return None


@contextlib.contextmanager
def browser(width=1280, height=900):
    """A browser with a window of this size and an empty profile."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in [*ARGUMENTS, f"--user-data-dir={profile}"]:
            options.add_argument(argument)
        driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        try:
            resize(driver, width, height)
            yield driver
        finally:
            driver.quit()


def resize(driver, width, height):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
