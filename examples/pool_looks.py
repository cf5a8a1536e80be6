#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks at a pool in which `lfbuddy stress` is at work, drawn one below the other. It draws
docs/images/pool-looks.svg; the numbers are others at each run.

usage: LFBUDDY_LIBRARY_DIR=build/src/pool PYTHONPATH=bindings/python pool_looks.py TOOL FILE.svg
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import lfbuddy

LOOKS, PAUSE, SIZE = 5, 0.15, "128M"


def looks_at(tool, path):
    """The pictures: some while processes come, work and are killed, one after the end."""
    pictures = []
    with lfbuddy.Pool(path) as pool, subprocess.Popen(
            [tool, "stress", "--seconds=60", path], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stress:
        while not pool.stats().runs:
            time.sleep(0.001)
        for _ in range(LOOKS):
            pictures.append(pool.picture())
            time.sleep(PAUSE)
        os.killpg(stress.pid, signal.SIGKILL)
        stress.wait()
        pictures.append(pool.picture())
    return pictures


def stacked(pictures):
    """One document; the legend of the last."""
    parts, below = [], 0
    for picture in pictures:
        svg = picture.svg()
        width, height = map(int, re.search(r'width="(\d+)" height="(\d+)"', svg).groups())
        parts.append(svg.replace("<svg ", f'<svg y="{below}" ', 1))
        below += height - 60  # the next one covers the legend
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{below + 60}">\n' +
            "".join(parts) + "</svg>\n")


def main():
    tool, output = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as directory:
        path = str(pathlib.Path(directory) / "pool")
        subprocess.run([tool, "create", f"--size={SIZE}", "--owner-tags", path], check=True,
                       stdout=subprocess.DEVNULL)
        pathlib.Path(output).write_text(stacked(looks_at(tool, path)), encoding="utf-8")


if __name__ == "__main__":
    main()
