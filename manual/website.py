#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the manual as a static site: a start page, the reference from the headers, the guides from
docs/, and the interactive picture of the protocol. Needs python3-markdown.

usage: website.py DIRECTORY
"""
import argparse
import html
import pathlib
import re
import shutil
import sys
import textwrap

try:
    import markdown
except ImportError:
    sys.exit("website.py: python3-markdown is not installed")

import headers

HERE = pathlib.Path(__file__).resolve().parent
DOCS = headers.ROOT / "docs"
EXTENSIONS = ["tables", "fenced_code", "toc", "sane_lists", "attr_list"]

# Guides in the order of the start page, and what each is about; others follow by name.
GUIDES = {
    "design": "The node word, the protocol, finding a place; and why it is like that.",
    "correctness": "The argument for each promise, what checks it, and the limits that were found.",
    "performance": "Measured beside other allocators, and where others are faster.",
    "comparison": "What else there is, by its own sources, and where each is better.",
    "scaling": "A model of many CPUs: what passes between caches.",
    "pools": "Real memory on Linux: huge pages, shared between processes, in files; recovery.",
    "zones": "Several allocators behind one: order of fallback, watermarks, a reserve.",
    "cache": "Magazines for each thread or CPU: an allocation is a load, a release a store.",
    "heap": "A malloc over a pool, by jemalloc.",
    "cpp": "Pools and runs that end with their scope; containers in a pool.",
    "python": "Looking into pools from Python: extents, figures, pictures.",
    "porting": "Into a kernel: from the memory map to a running allocator.",
    "tool": "Replay, demo, and looking after pools from the command line.",
    "manual": "How these pages are made and checked.",
    "dependencies": "What each package is needed for, and why this one.",
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="{up}website.css">
</head>
<body>
<nav aria-label="manual">
<p class="home"><a href="{up}index.html">lfbuddy</a></p>
{navigation}
</nav>
<main>
{body}
</main>
</body>
</html>
"""


class Site:
    def __init__(self, output):
        self.output = output
        self.headers = headers.read_all()
        self.guides = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
        self.names = {name: f"reference/{reference_name(h.layer.header)}#{name}"
                      for h in self.headers for s in h.sections for i in s.items
                      for name in i.names}

    # ---------------------------------------------------------------------------- pages ----

    def guides_in_order(self):
        known = [name for name in GUIDES if name in self.guides]
        return known + sorted(set(self.guides) - set(known))

    def navigation(self, up):
        def links(title, pairs):
            items = "".join(f'<li><a href="{up}{target}">{html.escape(text)}</a></li>'
                            for text, target in pairs)
            return f"<h2>{title}</h2><ul>{items}</ul>"
        return "\n".join([
            links("See", [("The protocol, step by step", "picture/index.html")]),
            links("Guides", [("Overview", "overview.html")] +
                  [(title_of(self.guides[g]), f"{g}.html") for g in self.guides_in_order()]),
            links("Reference", [(h.layer.header, "reference/" + reference_name(h.layer.header))
                                for h in self.headers] +
                  [("lfbuddy/lfbuddy.hpp", "reference/lfbuddy_hpp.html")])])

    def write(self, path, title, body):
        up = "../" * path.count("/")
        target = self.output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(PAGE.format(title=html.escape(title), up=up, body=body,
                                      navigation=self.navigation(up)), encoding="utf-8")

    # ----------------------------------------------------------------------------- links ----

    def linked(self, text, up, here=""):
        """HTML with links from names of functions and guides, outside of links and displays."""
        def link(match):
            word = match.group()
            if word in self.names and word != here:
                return f'<a href="{up}{self.names[word]}">{word}</a>'
            guide = re.fullmatch(r"docs/(\w+)\.md", word)
            if guide and guide.group(1) in self.guides:
                return f'<a href="{up}{guide.group(1)}.html">{word}</a>'
            return word
        parts, depth = [], 0
        for part in re.split(r"(<[^>]*>)", text):
            if re.match(r"<(a|pre|h[1-6])\b", part):
                depth += 1
            elif re.match(r"</(a|pre|h[1-6])>", part):
                depth -= 1
            elif not part.startswith("<") and depth == 0:
                part = re.sub(r"\b(?:lfb|LFB)_\w+|docs/\w+\.md", link, part)
            parts.append(part)
        return "".join(parts)

    # ---------------------------------------------------------------------------- guides ----

    def guide(self, name, text, folder):
        """A Markdown text as a page; `folder` is where its links start from."""
        body = markdown.markdown(text, extensions=EXTENSIONS)
        body = re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', body, flags=re.S)
        body = re.sub(r'(href|src)="([^"#:]+)(#[^"]*)?"',
                      lambda m: f'{m[1]}="{self.target(m[2], folder)}{m[3] or ""}"', body)
        self.write(f"{name}.html", f"{title_of(text)} - lfbuddy", self.linked(body, ""))

    def target(self, link, folder):
        path = (folder / link).resolve()
        if path.suffix == ".md" and path.parent == DOCS:
            return path.stem + ".html"
        if path == headers.ROOT / "README.md":
            return "overview.html"
        if path.is_relative_to(DOCS / "images"):
            return "images/" + path.name
        return link

    # ------------------------------------------------------------------------- reference ----

    def inline(self, text, up, here=""):
        text = html.escape(text, quote=False)
        text = re.sub(r"`([^`]+)`", r"<var>\1</var>", text)
        text = re.sub(r"\b(?:lfb|LFB)_\w+\b(?:\(\))?", r"<code>\g<0></code>", text)
        return self.linked(text, up, here)

    def blocks(self, blocks, up):
        parts = []
        for block in blocks:
            if block.kind == "literal":
                text = textwrap.dedent("\n".join(block.lines))
                parts.append(f"<pre>{html.escape(text, quote=False)}</pre>")
            elif block.kind == "points":
                items = "".join(f"<li>{self.inline(p, up)}</li>" for p in block.lines)
                parts.append(f"<ul>{items}</ul>")
            else:
                heading = headers.heading_of(block)
                text = self.inline(headers.text_of(block), up)
                if heading and text.startswith(heading):
                    text = f"<strong>{heading}</strong>{text[len(heading):]}"
                parts.append(f"<p>{text}</p>")
        return "\n".join(parts)

    def item(self, item, up):
        first = item.names[0] if item.names else None
        anchors = "".join(f'<span id="{name}"></span>' for name in item.names[1:])
        title = ", ".join(item.names)
        parts = [f'<section class="item {item.kind}"' + (f' id="{first}"' if first else "") + ">"]
        if item.kind == "functions":
            parts.append(f"<h3>{title}</h3>")
        parts += [anchors, f"<pre>{html.escape(item.code, quote=False)}</pre>",
                  self.blocks(item.comment, up), "</section>"]
        return "\n".join(parts)

    def reference(self, header):
        layer, up = header.layer, "../"
        how = (f"Link with <code>-l{layer.library}</code> (<code>pkg-config {layer.library}</code>)."
               if layer.library else "Source to drop in: <code>src/boot</code>, beside the core.")
        body = [f"<h1>{layer.header}</h1>", f'<p class="standfirst">{upper_first(layer.title)}. {how}</p>',
                self.blocks([b for b in header.intro if not is_signpost(b)], up),
                self.contents(header)]
        intro = None
        for section in header.sections:
            if section.title:
                body.append(f'<h2 id="{slug(section.title)}">{upper_first(section.title)}</h2>')
            for item in section.items:
                if item.intro and item.intro is not intro:
                    intro = item.intro
                    body.append(f'<div class="note">{self.blocks(intro, up)}</div>')
                body.append(self.item(item, up))
        self.write(f"reference/{reference_name(layer.header)}", f"{layer.header} - lfbuddy",
                   "\n".join(body))

    def contents(self, header):
        rows = []
        for section, item in header.groups():
            links = ", ".join(f'<a href="#{name}"><code>{name}</code></a>' for name in item.names)
            rows.append(f"<li>{links}</li>")
        return (f'<details open><summary>Functions</summary><ul class="index">{"".join(rows)}</ul>'
                "</details>")

    def cpp_reference(self):
        text = (headers.INCLUDE / "lfbuddy/lfbuddy.hpp").read_text(encoding="utf-8")
        opening, code = re.match(r"((?://[^\n]*\n)+)(.*)", text, re.S).groups()
        lines = [line[3:] for line in opening.split("\n")[1:]]
        body = (f"<h1>lfbuddy/lfbuddy.hpp</h1>{self.blocks(headers.blocks_of(lines), '../')}"
                f"<pre>{html.escape(code, quote=False)}</pre>")
        self.write("reference/lfbuddy_hpp.html", "lfbuddy/lfbuddy.hpp - lfbuddy", body)

    # ------------------------------------------------------------------------ start page ----

    def start_page(self, readme):
        first = readme.split("\n\n")[1]
        cards = [card("picture/index.html", "The protocol, step by step",
                      "Two threads, and you are the scheduler: every atomic step drawn, with the word before and "
                      "after it; and the race that the ancestor allows.", "hero"),
                 card("overview.html", "Overview", "What it is, what it promises, how it is tested.")]
        for name in self.guides_in_order():
            text = self.guides[name]
            cards.append(card(f"{name}.html", title_of(text), GUIDES.get(name, first_paragraph(text))))
        entries = [card("reference/" + reference_name(h.layer.header), h.layer.header,
                        upper_first(h.layer.title) + ".") for h in self.headers]
        entries.append(card("reference/lfbuddy_hpp.html", "lfbuddy/lfbuddy.hpp",
                            "C++17: pools and runs that end with their scope."))
        body = (f"<h1>lfbuddy</h1><p class=\"standfirst\">{html.escape(first)}</p>"
                f'<h2>Guides</h2><div class="cards">{"".join(cards)}</div>'
                f'<h2>Reference</h2><div class="cards">{"".join(entries)}</div>')
        self.write("index.html", "lfbuddy", body)

    def make(self):
        self.output.mkdir(parents=True, exist_ok=True)
        shutil.copytree(HERE / "picture", self.output / "picture", dirs_exist_ok=True)
        shutil.copytree(DOCS / "images", self.output / "images", dirs_exist_ok=True)
        shutil.copy(HERE / "website.css", self.output)
        readme = (headers.ROOT / "README.md").read_text(encoding="utf-8")
        self.start_page(readme)
        self.guide("overview", readme, headers.ROOT)
        for name, text in self.guides.items():
            self.guide(name, text, DOCS)
        for header in self.headers:
            self.reference(header)
        self.cpp_reference()


def title_of(text):
    return text.split("\n", 1)[0].lstrip("# ").replace("`", "")


def first_paragraph(text):
    return re.sub(r"[`*]", "", " ".join(text.split("\n\n")[1].split()))


def card(target, title, text, extra=""):
    return (f'<a class="card {extra}" href="{target}"><strong>{html.escape(title)}</strong>'
            f"<span>{html.escape(text)}</span></a>")


def upper_first(text):
    return text[:1].upper() + text[1:]


def is_signpost(block):
    """A paragraph that only says what comes next in the file."""
    return bool(re.match(r"OVERVIEW$|GUARANTEES$|SECTIONS:", headers.text_of(block)))


def reference_name(header):
    return header.replace("lfbuddy/", "").replace(".h", ".html")


def slug(title):
    return "section-" + re.sub(r"\W+", "-", title.lower()).strip("-")


def main():
    parser = argparse.ArgumentParser(description="the manual as a static site")
    parser.add_argument("directory", type=pathlib.Path)
    directory = parser.parse_args().directory
    try:
        Site(directory).make()
    except headers.Unreadable as error:
        sys.exit(f"website.py: {error}")
    print(directory / "index.html")


if __name__ == "__main__":
    main()
