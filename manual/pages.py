#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes manual pages (mdoc) from the public headers' comments.

A page in section 3 for each comment that describes functions, under the name of the first; the
others' pages lead there. A page in section 7 for each header, from the comment that opens it.

usage: pages.py --list [LAYER ...]         names of the pages
       pages.py --output DIR [LAYER ...]   writes them; layers: lfbuddy, lfbuddy-pool, ...
"""
import argparse
import pathlib
import re
import sys
import textwrap

import headers

# Paragraphs of a header's opening comment that hold for each of its functions.
FOR_EACH_FUNCTION = re.compile(r"concurrency|progress|ordering|who may call", re.I)

# A sentence that says what a function returns.
RETURNS = re.compile(r"(Also r|R)eturns? |Both .*return |Returned |NULL: |-1: |LFB_NONE: |"
                     r"LFB_NOT_ALLOCATED: a page of it|hold: |release: |LFB_INVALID_ARGUMENT: 0")

# Names with which a comment may begin.
PROPER = {"Limine", "Multiboot"}

STATUS = re.compile(r"(LFB_\w+)(,? or (?=LFB_)|, )?")


def date_and_version():
    """The date of the tool's page, which is written by hand, and the header's version."""
    page = (headers.ROOT / "tools/lfbuddy.1").read_text(encoding="utf-8")
    text = (headers.INCLUDE / "lfbuddy.h").read_text(encoding="utf-8")
    date = re.search(r"^\.Dd (.*)$", page, re.M).group(1)
    return date, ".".join(re.findall(r"#define LFB_VERSION_\w+ (\d+)", text))


# ------------------------------------------------------------------------------------ mdoc ----


def escape(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def inline(text, known=()):
    """Text with names set off: arguments, constants, functions that have a page."""
    def dress(match):
        word = match.group()
        if word.startswith("`"):
            return f"\\fI{word[1:-1]}\\fR"
        if word in known:
            return f"\\fB{word}\\fR(3)"
        return f"\\fB{word}\\fR"
    return re.sub(r"`[^`]+`|\b(?:lfb|LFB)_\w+", dress, escape(text))


def filled(text, known=()):
    """A sentence a line or more, none of which mdoc could take for a macro."""
    lines = []
    for sentence in headers.sentences(text):
        for line in textwrap.wrap(inline(sentence, known), 78, break_long_words=False,
                                  break_on_hyphens=False):
            lines.append("\\&" + line if line[0] in ".'" else line)
    return lines


def literal(lines):
    text = textwrap.dedent("\n".join(lines)).split("\n")
    return [".Bd -literal -offset indent",
            *("\\&" + escape(line) if line[:1] in ".'" else escape(line) for line in text), ".Ed"]


def block_lines(blocks, known=(), first=True):
    """Blocks of a comment as the body of a section."""
    lines = []
    for block in blocks:
        if block.kind == "literal":
            lines += literal(block.lines)
        elif block.kind == "points":
            lines.append(".Bl -bullet")
            for point in block.lines:
                lines += [".It", *filled(point, known)]
            lines.append(".El")
        else:
            if not first and lines:
                lines.append(".Pp")
            lines += filled(headers.text_of(block), known)
        first = False
    return lines


def tidy(lines):
    """Without paragraphs that begin with a display or a list, which makes its own."""
    return [line for line, after in zip(lines, lines[1:] + [""])
            if not (line == ".Pp" and after.startswith((".Bd", ".Bl", ".Sh")))]


def head(name, section, names, description):
    date, _ = date_and_version()
    lines = ['.\\" SPDX-License-Identifier: MIT', '.\\" Made by manual/pages.py from a header.',
             f".Dd {date}", f".Dt {name.upper()} {section}", ".Os", ".Sh NAME"]
    lines += [f".Nm {each} ,".rstrip(" ,") if each == names[-1] else f".Nm {each} ,"
              for each in names]
    ending = "\\&" if description.endswith(("]", ")")) else ""
    return lines + [f".Nd {escape(description)}{ending}"]


# ------------------------------------------------------------------------ parts of a page ----


def brief(item):
    """What the first sentence says, as short as it still says something."""
    text = re.sub(r" ?\([^)]*\)", "", headers.text_of(item.comment[0])).replace("`", "")
    sentence = headers.sentences(text)[0].rstrip(".")
    cut = re.split(r"[;:,] (?![^\[]*[\])])| which ", sentence)[0]
    cut = cut if len(cut.split()) > 3 else sentence
    is_name = cut.split()[0] in PROPER or re.match(r"[A-Z]{2}", cut)
    return cut if is_name else cut[0].lower() + cut[1:]


def split_returns(blocks):
    """The comment's blocks without the sentences that say what is returned, and these."""
    rest, returns = [], []
    for block in blocks:
        if block.kind != "text":
            rest.append(block)
            continue
        parts = headers.sentences(headers.text_of(block))
        said = [part for part in parts if RETURNS.match(part)]
        returns += said
        kept = [part for part in parts if part not in said]
        if kept:
            rest.append(headers.Block("text", [" ".join(kept)]))
    return rest, returns


def status_meanings(header):
    """What the comments beside the statuses say of them."""
    meanings = {}
    for section in header.sections:
        for item in section.items:
            if item.name.endswith("_status"):
                pairs = re.findall(r"(LFB_\w+)[ =0]*,? */\* (.*?) \*/", item.code, re.S)
                for name, meaning in pairs:
                    meanings[name] = re.sub(r"\s+", " ", meaning)
    return meanings


def cases_of(sentence):
    """"Returns LFB_OK; LFB_BUSY: why." as pairs of names and what is said of them; None if the
    sentence is of another kind."""
    match = re.match(r"Returns (.*)\.$", sentence)
    parts = match.group(1).split("; ") if match else []
    cases = []
    for part in parts:
        names, rest = [], part
        while found := STATUS.match(rest):
            names.append(found.group(1))
            rest = rest[found.end():]
        if not names or (rest and rest[0] not in ":( ,"):
            return None
        cases.append((names, rest.lstrip(":, ").strip()))
    return cases if len(cases) > 1 else None


def return_lines(returns, meanings, known):
    lines = []
    for sentence in returns:
        cases = cases_of(sentence)
        if cases is None:
            lines += filled(sentence, known)
            continue
        lines.append(".Bl -tag -width Ds")
        for names, said in cases:
            for i, name in enumerate(names):
                lines.append(f".It Dv {name}")
                own = said if i == len(names) - 1 else ""
                text = own or meanings.get(name, "")
                if text:
                    lines += filled(text[0].upper() + text[1:] + ".", known)
                elif name == "LFB_OK":
                    lines.append("Success.")
        lines.append(".El")
    return lines


def argument_type_names(item):
    return set(re.findall(r"\w+", " ".join(f.returns + " " + " ".join(f.arguments)
                                            for f in item.functions)))


def type_lines(item, types):
    """The declarations of the types that the functions take or fill, but for handles."""
    lines = []
    wanted = argument_type_names(item)
    for declared in types:
        name = declared.name
        if name in wanted and "{" in declared.code and not name.endswith(("_t", "_status")):
            lines += literal(declared.code.split("\n"))
    return lines


def guarantee_lines(header, known):
    blocks = [b for b in header.intro
              if FOR_EACH_FUNCTION.search(headers.heading_of(b) or "")]
    return block_lines(blocks, known)


def see_also_lines(header, section, item, known):
    here = [n for i in section.items if i.kind == "functions" and i is not item for n in [i.name]]
    said = set(re.findall(r"lfb_\w+", " ".join(headers.text_of(b) for b in item.comment)))
    names = sorted({n for n in set(here) | (said & set(known)) if n not in item.names})
    pages = [(n, 3) for n in names]
    pages += [(p, 7) for p in sorted({"lfbuddy", header.layer.page})]
    return [f".Xr {n} {s}" + (" ," if (n, s) != pages[-1] else "") for n, s in pages]


def synopsis_lines(header, item):
    lines = [f".In {header.layer.header}"]
    for function in item.functions:
        lines += [f".Ft {function.returns}", f".Fo {function.name}"]
        lines += [f'.Fa "{argument}"' for argument in function.arguments]
        lines.append(".Fc")
    return lines


def library_line(layer):
    if layer.library:
        return [f"lfbuddy, \\-l{escape(layer.library)} (pkg\\-config {escape(layer.library)})"]
    return ["none.", "Compile the sources in src/boot into your kernel, beside the core's."]


def notes_on(header, item):
    """What the header says of several functions, this one among them."""
    notes = [i.intro for _, i in header.groups() if i.intro]
    if any(name.endswith("_on") for name in item.names):
        return [note for note in notes if "_on variant" in headers.text_of(note[0])][:1]
    return [item.intro] if item.intro else []


def function_page(header, section, item, known, types):
    description, returns = split_returns(item.comment)
    lines = head(item.name, 3, item.names, brief(item))
    lines += [".Sh LIBRARY", *library_line(header.layer)]
    lines += [".Sh SYNOPSIS", *synopsis_lines(header, item)]
    body = block_lines(description, known)
    for note in notes_on(header, item):
        body += [".Pp"] * bool(body) + block_lines(note, known)
    declared = type_lines(item, types)
    body += ([".Pp"] if body and declared else []) + declared
    lines += [".Sh DESCRIPTION", *(body or filled(headers.text_of(item.comment[0]), known))]
    if returns:
        lines += [".Sh RETURN VALUES", *return_lines(returns, status_meanings(header), known)]
    guarantees = guarantee_lines(header, known)
    if guarantees:
        lines += [".Sh CONCURRENCY, PROGRESS, ORDERING", *guarantees]
    return tidy(lines + [".Sh SEE ALSO", *see_also_lines(header, section, item, known)])


def overview_page(header, known, others):
    layer = header.layer
    lines = head(layer.page, 7, [layer.page], layer.title)
    body = [b for b in header.intro
            if not re.match(r"OVERVIEW$|GUARANTEES|SECTIONS:", headers.text_of(b))]
    lines += [".Sh SYNOPSIS", f".In {layer.header}", ".Sh DESCRIPTION", *block_lines(body, known),
              ".Pp", "Library:", *library_line(layer)]
    lines.append(".Sh FUNCTIONS")
    for section in header.sections:
        groups = [i for i in section.items if i.kind == "functions"]
        if not groups:
            continue
        lines.append(f".Ss {section.title[:1].upper() + section.title[1:] or 'All'}")
        lines.append(".Bl -tag -width Ds")
        for item in groups:
            lines += [f".It Xr {item.name} 3", *filled(brief(item))]
        lines.append(".El")
    meanings = status_meanings(header)
    if meanings:
        lines += [".Sh STATUSES", ".Bl -tag -width Ds"]
        for name, meaning in meanings.items():
            lines += [f".It Dv {name}", *filled(meaning[0].upper() + meaning[1:] + ".")]
        lines.append(".El")
    pages = [("lfbuddy", 1)] + [(o.layer.page, 7) for o in others if o is not header]
    pages.sort(key=lambda page: (page[1], page[0]))
    lines.append(".Sh SEE ALSO")
    lines += [f".Xr {n} {s}" + (" ," if (n, s) != pages[-1] else "") for n, s in pages]
    return tidy(lines)


# ------------------------------------------------------------------------------ all pages ----


def pages_of(layers):
    """Names of files and what they hold."""
    everything = headers.read_all()
    known = [n for h in everything for _, i in h.groups() for n in i.names]
    types = [i for h in everything for s in h.sections for i in s.items if i.kind == "type"]
    pages = {}
    for header in everything:
        if layers and header.layer.page not in layers:
            continue
        pages[header.layer.page + ".7"] = overview_page(header, known, everything)
        for section, item in header.groups():
            pages[item.name + ".3"] = function_page(header, section, item, known, types)
            for name in item.names[1:]:
                pages[name + ".3"] = [f".so man3/{item.name}.3"]
    return pages


def main():
    parser = argparse.ArgumentParser(description="manual pages from the public headers")
    parser.add_argument("--list", action="store_true", help="print the names of the pages")
    parser.add_argument("--output", type=pathlib.Path, metavar="DIR", help="write them there")
    parser.add_argument("layers", nargs="*", help="such as lfbuddy-pool; none: all")
    options = parser.parse_args()
    try:
        pages = pages_of(options.layers)
    except headers.Unreadable as error:
        sys.exit(f"pages.py: {error}")
    for name, lines in pages.items():
        if options.list:
            print(name)
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            (options.output / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
