#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual as a site: every guide, every function, and each link leads somewhere. TAP on standard
output.

usage: website.py SOURCE_ROOT DIRECTORY_OF_MANUAL_PAGES
"""
import html.parser
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile

import browser


class Page(html.parser.HTMLParser):
    """Where a page's links go, and where links may go in it."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.text = [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src"):
                self.links.append(value)

    def handle_data(self, data):
        self.text.append(data)


def broken_links(root, pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"https?:|mailto:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.is_file() or not target.is_relative_to(root):
                broken.append(f"{path.relative_to(root)}: {link}: no such file")
            elif anchor and anchor not in pages[target].ids:
                broken.append(f"{path.relative_to(root)}: {link}: no such place")
    return broken


def check_site(tap, source, root, manual):
    pages = {path: Page(path) for path in sorted(root.rglob("*.html"))}
    guides = sorted(path.stem for path in (source / "docs").glob("*.md"))
    missing = [g for g in guides if root / f"{g}.html" not in pages]
    tap.check(len(guides) >= 10 and not missing, "each guide has a page", missing)
    broken = broken_links(root, pages)
    links = sum(len(page.links) for page in pages.values())
    tap.check(links > 500 and not broken, f"each of {links} links leads somewhere", *broken[:20])
    functions = {path.stem for path in manual.glob("lfb_*.3")}
    anchors = [i for path, page in pages.items() if path.parent.name == "reference"
               for i in page.ids]
    missing = sorted(functions - set(anchors))
    tap.check(len(functions) > 60 and not missing, "each function has its place in the reference",
              missing)
    twice = [f"{path.name}: {i}" for path, page in pages.items()
             for i in set(page.ids) if page.ids.count(i) > 1]
    tap.check(not twice, "no page names two places alike", twice)
    raw = [path.name for path, page in pages.items()
           if re.search(r"^\|.*\|.*\|$|\]\(\w+", "".join(page.text), re.M)]
    tap.check(not raw, "no Markdown is left as it was", raw)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if importlib.util.find_spec("markdown") is None:
        browser.skip("python3-markdown is not installed (./dev test installs it)")
    source, manual = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    tap = browser.Tap()
    with tempfile.TemporaryDirectory() as work:
        root = pathlib.Path(work).resolve() / "site"
        made = subprocess.run([sys.executable, str(source / "manual/website.py"), str(root)],
                              capture_output=True, text=True, check=False)
        tap.check(made.returncode == 0, "the site is written", made.stderr)
        if made.returncode == 0:
            check_site(tap, source, root, manual)
    tap.end()


if __name__ == "__main__":
    main()
