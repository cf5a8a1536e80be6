#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Walks through the manual's interactive picture in a real browser, by clicks and keys, and checks
what it says at each step. TAP on standard output.

usage: race.py PAGE SCREENSHOT    PAGE: index.html of the picture; SCREENSHOT: a PNG to write
"""
import base64
import pathlib
import sys

import browser

# The race of docs/design.md: who steps, and what the page has to say of it.
RACE = [
    ("A", "It reads EMPTY PLAIN, tag 1·."),
    ("A", "It reads FREE OPEN OPEN FREE, version 2."),
    ("B", "It reads FREE OPEN OPEN FREE, version 2."),
    ("B", "It reads EMPTY PLAIN, tag 1·."),
    ("A", "It succeeds."),
    ("B", "It succeeds."),
    ("A", "It fails: tag 1B is there, not tag 1·."),
    ("B", "It fails: the version is 3, not 2."),
    ("A", "It reads EMPTY PLAIN, tag 1B."),
    ("A", "It reads FREE OPEN OPEN FREE, version 3."),
    ("A", "It succeeds."),
    ("A", "It succeeds."),
]
GOOD = "No page has two owners, and every live node lies under an OPEN slot."
TWICE = "Broken: pages 0–3 handed out over page 1, which is in use."


class Stage:
    """One of the page's three stages, by what a reader sees and clicks."""

    def __init__(self, driver, name):
        self.driver = driver
        self.root = driver.find_element("id", name)

    def find(self, selector):
        return self.root.find_element("css selector", selector)

    def text(self, selector):
        return self.find(selector).text

    def press(self, action):
        self.find(f'[data-action="{action}"]').click()

    def choose(self, title):
        self.find(f'.choice option[value="{self.titles().index(title)}"]').click()

    def titles(self):
        return [e.text for e in self.root.find_elements("css selector", ".choice option")]

    def is_enabled(self, action):
        return self.find(f'[data-action="{action}"]').is_enabled()

    def last(self, what):
        """A part of the newest step: .outcome, .ended, .broken, ..."""
        found = self.root.find_elements("css selector", f".log > .step:first-child {what}")
        return found[0].text if found else None

    def key(self, key):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(key).perform()

    def node(self, name):
        """What a node of the tree is said to be, for those who can't see it."""
        labels = [e.get_attribute("aria-label")
                  for e in self.root.find_elements("css selector", ".node")]
        return next(label for label in labels if label.startswith(name + ":"))

    def follow(self, most=100):
        """Follows the story to its end; returns the steps made. Clicks from inside: it is quicker."""
        return self.driver.execute_script("""
            const next = () => arguments[0].querySelector('[data-action="next"]');
            let steps = 0;
            for (; !next().disabled && steps < arguments[1]; steps++) {
                next().click();
            }
            return steps;""", self.root, most)


def walk_race(tap, driver, screenshot):
    stage = Stage(driver, "race")
    stage.choose("Enterer against merger: both are defeated")
    for number, (thread, outcome) in enumerate(RACE, 1):
        offered = stage.text('[data-action="next"]').split("\n")[0]
        stage.press("next")
        said = (offered, stage.last(".badge"), stage.last(".number"), stage.last(".outcome"))
        tap.equal(said, (f"Next: {thread}", thread, str(number), outcome), f"race, step {number}")
        if number == 7:
            tap.equal(stage.text(".card.thread-B .would"), "would fail now: the version is 3, not 2",
                      "what B's next step would do is told before it is made")
            save(stage, screenshot)
        if number == 8:
            tap.equal(stage.last(".ended"), "Ends: The version moved: somebody is entering. Give up "
                      "the merge; the pages are free all the same.", "the merger gives up")
    tap.equal(stage.last(".ended"), "Ends: page 4 allocated.", "the enterer has its page")
    tap.equal(stage.node("leaf 1"), "leaf 1: LAST FREE FREE FREE", "the leaf is live")
    tap.equal(stage.node("the top node"), "the top node: FREE OPEN OPEN FREE, version 4",
              "and lies under an OPEN slot")
    tap.check(not stage.is_enabled("next"), "the story is at its end")


def own_order(tap, driver):
    """Without a story: keys choose, and take back."""
    stage = Stage(driver, "race")
    stage.choose("The merge comes first: the slot closes and opens again")
    stage.press("step-B")
    for key in "bbb":
        stage.key(key)
    tap.equal(stage.last(".ended"), "Ends: page 5: LFB_OK. Merged.", "keys: B merges undisturbed")
    tap.equal(stage.node("the top node"), "the top node: FREE FREE FREE FREE, version 1",
              "the slot is FREE")
    stage.key("u")
    tap.equal(stage.node("the top node").split(",")[0], "the top node: FREE OPEN FREE FREE",
              "keys: a step back opens it again")
    for key in "aaa":
        stage.key(key)
    stage.key("b")
    tap.equal(stage.last(".outcome"), "It fails: the version is 2, not 1.",
              "keys: A before B defeats the merge")
    stage.key("r")
    tap.equal(len(stage.root.find_elements("css selector", ".log .step")), 0, "keys: from the start")


def all_stories(tap, driver):
    stage = Stage(driver, "race")
    titles = stage.titles()
    tap.check(len(titles) >= 6, "there are several races", titles)
    for title in titles[:-1]:
        stage.choose(title)
        steps = stage.follow()
        tap.check(steps >= 6 and stage.text(".verdict") == GOOD, f"nothing breaks: {title}",
                  steps, stage.text(".verdict"))


def own_calls(tap, driver):
    """Calls that the reader gives: two threads race for a slot of a live leaf, and one releases."""
    stage = Stage(driver, "race")
    stage.choose("Your own race")
    for action in ("step-A", "step-B", "step-B", "step-A"):
        stage.press(action)
    tap.equal(stage.last(".outcome"), "It fails: other slots have changed.",
              "own calls: who comes second tries again")
    stage.press("finish-A")
    stage.press("give-B-release")
    stage.press("finish-B")
    tap.equal((stage.last(".ended"), stage.node("leaf 2"), stage.text(".verdict")),
              ("Ends: page 9: LFB_OK.", "leaf 2: LAST FREE LAST FREE", GOOD),
              "own calls: one has page 10, the other released page 9")


def ancestor(tap, driver):
    stage = Stage(driver, "ancestor")
    nbbs, same = stage.titles()
    stage.choose(nbbs)
    stage.follow(24)
    tap.equal(stage.text(".verdict"), "No page has two owners.", "NBBS, until the last step")
    stage.press("next")
    tap.equal(stage.text(".verdict"), TWICE, "NBBS hands out a page twice")
    tap.equal(stage.last(".broken"), TWICE, "and the step that does it says so")
    stage.choose(same)
    stage.follow()
    tap.equal((stage.text(".verdict"), stage.last(".ended")),
              (GOOD, "Ends: LFB_NONE: no such block is free."), "the same on lfbuddy: refused")


def alone(tap, driver):
    stage = Stage(driver, "alone")
    stage.find("#whole-calls").click()
    stage.press("order-1")
    tap.equal((stage.last(".ended"), stage.node("leaf 0")),
              ("Ends: pages 0–1 allocated.", "leaf 0: HELD LAST FREE FREE"), "a block of two pages")
    stage.find("form button").click()
    tap.equal((stage.last(".ended"), stage.node("the top node")),
              ("Ends: pages 8–12 allocated.", "the top node: OPEN FREE HELD OPEN, version 2"),
              "a run of five pages, in two words")
    stage.find('[aria-label="release pages 8–12"]').click()
    stage.find('[aria-label="release pages 0–1"]').click()
    tap.equal((stage.last(".ended"), stage.node("the top node")),
              ("Ends: pages 0–1: LFB_OK. Merged.", "the top node: FREE FREE FREE FREE, version 2"),
              "released by clicks, everything merges")


def narrow(tap, driver):
    """A phone: only the tree may be wider, in a frame of its own."""
    browser.resize(driver, 390, 800)
    width = driver.execute_script("return document.documentElement.scrollWidth")
    tap.check(width <= 390, "390 pixels wide: nothing sticks out", width)
    browser.resize(driver, 1280, 900)


def save(stage, path):
    """The race as it stands, as a picture."""
    box = stage.driver.execute_script("""
        const box = document.querySelector('#race').getBoundingClientRect();
        return {x: box.x - 24 + scrollX, y: box.y - 16 + scrollY, width: box.width + 48, height: 690};""")
    shot = stage.driver.execute_cdp_cmd("Page.captureScreenshot", {
        "format": "png", "captureBeyondViewport": True, "clip": {**box, "scale": 1}})
    pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if reason := browser.why_not():
        browser.skip(reason)
    page = pathlib.Path(sys.argv[1]).resolve()
    tap = browser.Tap()
    with browser.browser() as driver:
        driver.get(page.as_uri())
        walk_race(tap, driver, sys.argv[2])
        own_order(tap, driver)
        all_stories(tap, driver)
        own_calls(tap, driver)
        ancestor(tap, driver)
        alone(tap, driver)
        narrow(tap, driver)
        complaints = driver.get_log("browser")
        tap.check(not complaints, "the browser has nothing to complain of", complaints)
    picture = pathlib.Path(sys.argv[2]).read_bytes()
    tap.check(picture.startswith(b"\x89PNG") and len(picture) > 10000, "the picture is written")
    tap.end()


if __name__ == "__main__":
    main()
