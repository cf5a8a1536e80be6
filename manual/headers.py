# SPDX-License-Identifier: MIT
"""Reads the public headers: sections, types, constants, and functions with their comments.

It knows how these headers are written, no more: a file opens with one comment; a banner begins a
section; a comment belongs to what follows without a blank line between, else to the rest of its
section; declarations that follow each other without a blank line share the comment.
"""
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"

BANNER = re.compile(r"/\* -+ (.+?) -+ \*/$")
GUARD = re.compile(r"#(ifn?def|if|else|endif|include|define \w+_H(PP)?$)")
FUNCTION = re.compile(r"^(?P<returns>[\w\s]+?[\s*]+)(?P<name>lfb_\w+)\((?P<arguments>.*)\)$", re.S)
HEADING = re.compile(r"([A-Z][A-Z, ']{3,}|[A-Z][a-z]+(?: calls)?)\. ")


class Unreadable(Exception):
    """A header isn't written as this program expects."""


@dataclasses.dataclass
class Layer:
    """What a header belongs to."""
    header: str    # as it is included
    title: str
    library: str   # what to link; empty: source to drop in
    page: str      # its manual page in section 7


LAYERS = [
    Layer("lfbuddy.h", "lock-free buddy allocator for ranges of pages", "lfbuddy", "lfbuddy"),
    Layer("lfbuddy/cache.h", "magazines of small blocks for each thread or CPU", "lfbuddy-cache",
          "lfbuddy-cache"),
    Layer("lfbuddy/zone.h", "several allocators behind one", "lfbuddy-zone", "lfbuddy-zone"),
    Layer("lfbuddy/boot.h", "from memory maps to a running allocator", "", "lfbuddy-boot"),
    Layer("lfbuddy/pool.h", "allocators over memory that is really there", "lfbuddy-pool",
          "lfbuddy-pool"),
    Layer("lfbuddy/heap.h", "a malloc over a pool", "lfbuddy-heap", "lfbuddy-heap"),
]


@dataclasses.dataclass
class Block:
    """A piece of a comment: text, a list of points, or lines that stay as they are."""
    kind: str   # "text", "points" or "literal"
    lines: list


@dataclasses.dataclass
class Function:
    name: str
    returns: str
    arguments: list
    code: str    # the prototype as it stands


@dataclasses.dataclass
class Item:
    """What shares one comment."""
    kind: str             # "functions", "type" or "constants"
    comment: list         # of Block
    code: str
    names: list = dataclasses.field(default_factory=list)
    functions: list = dataclasses.field(default_factory=list)
    intro: list = dataclasses.field(default_factory=list)  # what its section said up to here

    @property
    def name(self):
        return self.names[0] if self.names else ""


@dataclasses.dataclass
class Section:
    title: str
    items: list


@dataclasses.dataclass
class Header:
    layer: Layer
    intro: list      # of Block
    sections: list

    def groups(self):
        """The functions, by comment."""
        return [(s, i) for s in self.sections for i in s.items if i.kind == "functions"]


# ------------------------------------------------------------------------------- comments ----


def strip_comment(text):
    """The lines of a comment without its marks."""
    lines = text.strip()[2:-2].split("\n")
    return [re.sub(r"^ \* ?|^ \*$", "", line).rstrip() for line in lines]


def blocks_of(lines):
    """Paragraphs, lists and literal blocks."""
    blocks = []
    for line in lines + [""]:
        last = blocks[-1] if blocks else None
        is_open = last is not None and last.lines[-1] != ""
        if not line.strip():
            if is_open:
                last.lines.append("")
        elif re.match(r" +- ", line):
            point = re.sub(r"^ +- ", "", line)
            if last is not None and last.kind == "points":
                last.lines = [text for text in last.lines if text] + [point]
            else:
                blocks.append(Block("points", [point]))
        elif last is not None and last.kind == "points" and line.startswith("  ") and is_open:
            last.lines[-1] += " " + line.strip()
        elif line.startswith("    "):
            if last is not None and last.kind == "literal":
                last.lines.append(line)
            else:
                blocks.append(Block("literal", [line]))
        elif is_open and last.kind == "text":
            last.lines.append(line.strip())
        else:
            blocks.append(Block("text", [line.strip()]))
    for block in blocks:
        while block.lines and not block.lines[-1]:
            block.lines.pop()
    return blocks


def text_of(block):
    return " ".join(line for line in block.lines if line)


def heading_of(block):
    """The word with which a paragraph of a header's opening comment begins: "Progress"."""
    if block.kind != "text":
        return None
    text = text_of(block)
    if re.fullmatch(r"[A-Z ]+(\(.*\))?", text):
        return text
    match = HEADING.match(text)
    return match.group(1) if match else None


def sentences(text):
    """A text's sentences. What stands in parentheses or is a name of a file doesn't end one."""
    parts = re.split(r"(?<=[a-z0-9)_'`\"A-Z]\.)\s+(?=[\w`*\"(-])", text)
    return [part for part in parts if part]


# --------------------------------------------------------------------------- declarations ----


def split_arguments(text):
    """At commas that are in no parentheses."""
    arguments, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            arguments.append(text[start:at])
            start = at + 1
    arguments.append(text[start:])
    return [re.sub(r"\s+", " ", argument).strip() for argument in arguments]


def function_of(code):
    match = FUNCTION.match(code.rstrip(";"))
    if match is None:
        raise Unreadable("not a prototype: " + code)
    return Function(match["name"], match["returns"].strip(), split_arguments(match["arguments"]),
                    code)


def names_of(code):
    """What a declaration that isn't a prototype declares."""
    if code.startswith("#"):
        return re.findall(r"^#define (\w+)", code, re.M)
    match = (re.search(r"\}\s*(\w+);$", code) or re.search(r"\(\*(\w+)\)", code)
             or re.search(r"(\w+);$", code) or re.match(r"enum (\w+)", code))
    enum = re.match(r"enum (\w+)", code)
    return [enum.group(1)] if enum else [match.group(1)]


def pieces_of(text):
    """Comments, directives, declarations and blank lines of a header, in order."""
    pattern = re.compile(
        r"(?P<blank>\n[ \t]*\n)|(?P<comment>/\*.*?\*/)|(?P<directive>^#(?:[^\n]*\\\n)*[^\n]*)|"
        r"(?P<code>^(?:typedef|enum|extern|const|struct|[a-z]\w*)\b)|(?P<brace>^\})", re.S | re.M)
    at = 0
    while match := pattern.search(text, at):
        kind, at = match.lastgroup, match.end()
        if kind == "blank":
            at -= 1  # two blank lines share a newline
        if kind != "code":
            yield kind, match.group()
            continue
        end, depth = match.start(), 0
        while depth > 0 or text[end] != ";":
            if text.startswith("/*", end):
                end = text.index("*/", end) + 1
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
            if text.startswith('extern "C" {', match.start()):
                break
        at = end + 1
        if not text.startswith("extern", match.start()):
            yield "code", text[match.start():end + 1]


class Reader:
    """Puts the pieces of a header together."""

    def __init__(self, layer):
        self.header = Header(layer, [], [Section("", [])])
        self.comment = None    # one that nothing followed yet
        self.open = None       # the item to which a neighbour may be added
        self.intro = []

    def read(self):
        text = (INCLUDE / self.header.layer.header).read_text(encoding="utf-8")
        body = text.split("*/", 1)[1]
        opening, body = body.split("*/", 1)
        self.header.intro = blocks_of(strip_comment(opening.strip() + "*/"))
        for kind, piece in pieces_of(body):
            getattr(self, "on_" + kind)(piece)
        self.header.sections = [s for s in self.header.sections if s.items]
        return self.header

    def on_brace(self, piece):
        pass

    def on_blank(self, piece):
        if self.comment is not None and self.open is None:
            self.intro = self.comment  # it speaks of the rest of the section
        self.comment = self.open = None

    def on_comment(self, piece):
        banner = BANNER.match(piece)
        if banner:
            self.header.sections.append(Section(banner.group(1), []))
            self.comment = self.open = None
            self.intro = []
        else:
            self.comment, self.open = blocks_of(strip_comment(piece)), None

    def on_directive(self, piece):
        conditional = re.match(r"#(if|else|endif)", piece) and self.comment is not None
        if GUARD.match(piece) and not conditional and self.open is None:
            return
        self.add("constants", piece)

    def on_code(self, piece):
        is_function = FUNCTION.match(piece.rstrip(";")) and not piece.startswith("typedef")
        self.add("functions" if is_function else "type", piece)

    def add(self, kind, code):
        if self.open is None or self.open.kind != kind:
            self.open = Item(kind, self.comment or [], "", intro=self.intro)
            self.header.sections[-1].items.append(self.open)
        item = self.open
        item.code += ("\n" if item.code else "") + code
        if kind == "functions":
            item.functions.append(function_of(code))
            item.names.append(item.functions[-1].name)
        else:
            item.names += [name for name in names_of(code) if name not in item.names]


def read(layer):
    header = Reader(layer).read()
    for _, item in header.groups():
        if not item.comment:
            raise Unreadable(f"{layer.header}: {item.name} has no comment")
    return header


def read_all(names=None):
    """All headers, or those of these layers' pages."""
    return [read(layer) for layer in LAYERS if names is None or layer.page in names]
