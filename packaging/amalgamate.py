#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The core as two files: lfbuddy.h, and lfbuddy.c, which needs nothing else.

    amalgamate.py [DIR]         writes them into DIR (default: the current directory)

src/lfbuddy.c says which files the core has, and in which order. Each file is put in where it is
included first, under a banner with its name; include guards go, and headers of the compiler are
named once, at the top. What the files share among each other becomes static, so that an object
shows the public functions only. The same sources give the same bytes.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNIT = ROOT / "src/lfbuddy.c"
HEADER = ROOT / "include/lfbuddy.h"
LICENCE = ROOT / "LICENSE"
WIDTH = 100

INCLUDE = re.compile(r'#include ([<"])([^>"]+)[>"]')
# A header that whoever compiles names by a macro: that stays where it is.
INCLUDE_NAMED = re.compile(r"#include LFB_\w+$")
GUARD = re.compile(r"#ifndef (LFB_(?:CORE|PORT)_\w+_H)\n#define \1\n(.*)\n#endif\n*\Z", re.DOTALL)
SPDX = "/* SPDX-License-Identifier: MIT */\n"
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A function at the start of a line that other files of the core may see, declared or defined.
SHARED = re.compile(r"^(?!static\b|typedef\b)(?=[a-z][\w ]*[ *](lfb_\w+)\()", re.MULTILINE)
# Inline functions that nobody calls are fine in a header; Clang doesn't see that these were in one.
QUIET = """#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#endif
"""
QUIET_END = """
#ifdef __clang__
#pragma clang diagnostic pop
#endif
"""


class Trouble(Exception):
    """A source that isn't written as this program expects."""


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def banner(text):
    head = f"/* ==== {text} "
    return head + "=" * (WIDTH - len(head) - len(" */")) + " */\n"


def without_guard(path, text):
    """The text of a header without its guard; of another file, as it is."""
    if path.suffix != ".h":
        return text
    text, count = GUARD.subn(r"\2\n", text)
    if count != 1:
        raise Trouble(f"{name_of(path)}: no include guard around it")
    return text


class Merger:
    """Puts files into one text, each once."""

    def __init__(self):
        self.seen = {HEADER}
        self.system = {"stddef.h"}
        self.pieces = []

    def find(self, path, name):
        """The file that `path` includes as "name"."""
        for folder in (path.parent, HEADER.parent):
            found = (folder / name).resolve()
            if found.is_file():
                return found
        raise Trouble(f"{name_of(path)}: {name} isn't there")

    def add(self, path):
        """A file, after the files that it includes: they all stand before its first declaration."""
        self.seen.add(path)
        text = path.read_text(encoding="utf-8")
        if not text.startswith(SPDX):
            raise Trouble(f"{name_of(path)}: another licence than the others")
        kept = []
        depth = 0
        for line in without_guard(path, text[len(SPDX):]).splitlines():
            include = INCLUDE.match(line)
            if line.startswith("#include") and not INCLUDE_NAMED.match(line):
                if not include or depth:
                    raise Trouble(f"{name_of(path)}: an include that may not take place: {line}")
                self.include(path, *include.groups())
                continue
            depth += line.startswith("#if")
            depth -= line.startswith("#endif")
            kept.append(line)
        if path != UNIT:
            body = re.sub(r"\n{3,}", "\n\n", "\n".join(kept).strip("\n"))
            self.pieces.append(f"{banner(name_of(path))}\n{body}\n")

    def include(self, path, bracket, name):
        if bracket == "<":
            self.system.add(name)
            return
        found = self.find(path, name)
        if found not in self.seen:
            self.add(found)


def public_functions():
    return set(re.findall(r"\b(lfb_\w+)\(", COMMENT.sub("", HEADER.read_text(encoding="utf-8"))))


def version():
    numbers = re.findall(r"^#define LFB_VERSION_\w+ (\d+)$", HEADER.read_text(encoding="utf-8"),
                         re.MULTILINE)
    if len(numbers) != 3:
        raise Trouble(f"{name_of(HEADER)}: no version")
    return ".".join(numbers)


def make_static(text, public):
    """Gives each function that isn't public internal linkage."""
    return SHARED.sub(lambda match: "" if match[1] in public else "static ", text)


def opening():
    licence = "".join(f" * {line}".rstrip() + "\n" for line in
                      LICENCE.read_text(encoding="utf-8").splitlines())
    return f"""{SPDX}/*
 * lfbuddy {version()}, the core as one file: a lock-free buddy allocator for ranges of pages.
 *
 * Made from src/core and src/port by packaging/amalgamate.py: change those, not this file. Compile
 * it as C11 with GCC or Clang; it needs lfbuddy.h beside it, memset and memcpy, and nothing else.
 * lfbuddy.h is the reference.
 *
{licence} */
"""


def amalgamation():
    merger = Merger()
    merger.add(UNIT)
    includes = "".join(f"#include <{name}>\n" for name in sorted(merger.system))
    body = make_static("\n".join(merger.pieces), public_functions())
    return f'{opening()}#include "lfbuddy.h"\n\n{includes}\n{QUIET}\n{body}{QUIET_END}'


def write(path, data):
    """Leaves a file alone that is right already: what was built from it needn't be built again."""
    if not path.is_file() or path.read_bytes() != data:
        path.write_bytes(data)


def main(arguments):
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0 if len(arguments) == 1 else 2
    try:
        text = amalgamation()
    except Trouble as trouble:
        print(f"amalgamate.py: {trouble}", file=sys.stderr)
        return 1
    folder = pathlib.Path(arguments[0] if arguments else ".")
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "lfbuddy.c", text.encode())
    write(folder / "lfbuddy.h", HEADER.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
