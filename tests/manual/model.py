#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The model behind the manual's picture against the C code: transitions of words, and the accesses
of whole calls. In node where it is installed, else in Chromium. TAP on standard output.

usage: model.py PICTURE_DIRECTORY DUMP_WORDS DUMP_ACCESSES
LFB_STEPS: pairs of calls, LFB_SEED: which.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import browser

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = ["word.js", "tree.js", "lane.js", "range.js"]
IN_NODE = """
const fs = require('fs');
const vm = require('vm');
const [input, check, ...scripts] = process.argv.slice(1);
for (const script of scripts) {
    vm.runInThisContext(fs.readFileSync(script, 'utf8'), script);
}
const answer = vm.runInThisContext(check)(fs.readFileSync(input, 'utf8'));
console.log(JSON.stringify(answer));
"""


def in_node(scripts, work):
    """Runs a check of check_model.js on a text."""
    def run(check, text):
        work.write_text(text, encoding="utf-8")
        found = subprocess.run(["node", "-e", IN_NODE, str(work), check, *scripts],
                               capture_output=True, text=True, check=False)
        if found.returncode:
            return {"wrong": [found.stderr]}
        return json.loads(found.stdout)
    return run


def in_browser(driver, scripts):
    driver.get("about:blank")
    for script in scripts:
        text = pathlib.Path(script).read_text(encoding="utf-8").replace("'use strict';", "", 1)
        # As a script of the page, so that what it declares stays.
        driver.execute_script("const s = document.createElement('script'); s.textContent = "
                              "arguments[0]; document.documentElement.append(s);", text)
    return lambda check, text: driver.execute_script(f"return {check}(arguments[0]);", text)


def check_all(tap, run, words, accesses, pairs):
    found = run("checkWords", words)
    tap.check(not found["wrong"], "each transition of a word is that of src/core/node.h",
              *found["wrong"])
    tap.check(found.get("kinds", 0) >= 16 and found.get("lines", 0) > 200000,
              "words, transitions: enough of them", found)
    found = run("checkAccesses", accesses)
    tap.check(not found["wrong"], "each access of a call is that of src/core/tree.c and range.c",
              *found["wrong"])
    tap.check(found.get("lines") == pairs and found.get("failed", 0) * 100 >= pairs,
              "calls, interrupted by others: some compare-and-swaps fail", found)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    picture = pathlib.Path(sys.argv[1])
    scripts = [str(picture / name) for name in SCRIPTS] + [str(HERE / "check_model.js")]
    pairs, seed = os.environ.get("LFB_STEPS", "20000"), os.environ.get("LFB_SEED", "1")
    words = subprocess.run([sys.argv[2]], capture_output=True, text=True, check=True).stdout
    accesses = subprocess.run([sys.argv[3], pairs, seed], capture_output=True, text=True,
                              check=True).stdout
    tap = browser.Tap()
    if shutil.which("node") and not os.environ.get("LFB_BROWSER"):
        work = pathlib.Path(sys.argv[3]).with_name("model-input.txt")
        check_all(tap, in_node(scripts, work), words, accesses, int(pairs))
        tap.end()
    if reason := browser.why_not():
        browser.skip(f"neither node nor a browser: {reason}")
    with browser.browser() as driver:
        check_all(tap, in_browser(driver, scripts), words, accesses, int(pairs))
    tap.end()


if __name__ == "__main__":
    main()
