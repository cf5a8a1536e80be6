# SPDX-License-Identifier: MIT
"""Looks into pools of lfbuddy: what is allocated where, how full each part is, who is at work.

    with lfbuddy.Pool("/var/lib/app/pool") as pool:     # without a '/': a name in /dev/shm
        print(pool.stats().free_pages)
        largest = max((e for e in pool.walk() if e.kind == "free"), key=lambda e: e.pages)
        pool.picture().save("pool.svg")

    python3 -m lfbuddy POOL [--svg FILE]

A pool is opened for reading only, by the library lfbuddy-pool: it is mapped without permission to
write, takes no process slot, and makes nobody wait. Beside processes at work each page is seen as
it was at some moment of the call, each on its own: totals may be blurred. docs/python.md is the
guide. One thread at a time uses a Pool.

The first half of this file is the library's structures, as include/lfbuddy/pool.h and lfbuddy.h
declare them (tests/python compares the two); then come Pool, Picture and the command.
"""
import argparse
import array
import ctypes
import dataclasses
import os
import sys
import time
from ctypes import (POINTER, Structure, byref, c_bool, c_char, c_char_p, c_int, c_size_t, c_uint,
                    c_uint64, c_void_p)
from typing import Iterator, NamedTuple

__all__ = ["Error", "Extent", "Info", "Picture", "Pool", "Process", "Stats"]

# ------------------------------------------------------------------------ the library's types ----

LFB_MAX_ORDER = 36
LFB_POOL_PROCESSES_MAX = 254
LFB_OK = 0
LFB_POOL_SHARED, LFB_POOL_FILE = 1, 2


class lfb_extent(Structure):
    _fields_ = [("address", c_size_t), ("pages", c_size_t), ("kind", c_int)]


class lfb_stats(Structure):
    _fields_ = [("total_pages", c_size_t), ("free_pages", c_size_t),
                ("allocated_pages", c_size_t), ("held_pages", c_size_t), ("runs", c_size_t),
                ("free_blocks", c_size_t * (LFB_MAX_ORDER + 1)), ("largest_free_order", c_int)]


class lfb_report(Structure):
    _fields_ = [("faults", c_size_t), ("first_fault", c_char_p), ("fault_level", c_uint),
                ("fault_address", c_size_t), ("warm_nodes", c_size_t), ("low_hints", c_size_t),
                ("stats", lfb_stats)]


class lfb_pool_error(Structure):
    _fields_ = [("status", c_int), ("system_error", c_int), ("text", c_char * 512)]


class lfb_pool_config(Structure):
    _fields_ = [("kind", c_int), ("name", c_char_p), ("size", c_size_t), ("page_size", c_size_t),
                ("max_order", c_uint), ("lanes", c_uint), ("processes", c_uint),
                ("trim_order", c_uint), ("huge", c_int), ("huge_required", c_bool),
                ("owner_tags", c_bool), ("reserve", c_bool), ("or_open", c_bool),
                ("recover", c_bool), ("read_only", c_bool), ("numa_nodes", c_uint64),
                ("mode", c_uint)]


class lfb_pool_usage(Structure):
    _fields_ = [("size", c_size_t), ("metadata", c_size_t), ("resident", c_size_t),
                ("committed", c_size_t)]


class lfb_pool_process(Structure):
    _fields_ = [("slot", c_uint), ("pid", c_int), ("dead", c_bool), ("foreign", c_bool)]


class lfb_pool_info(Structure):
    _fields_ = [("kind", c_int), ("size", c_size_t), ("page_size", c_size_t),
                ("page_count", c_size_t), ("max_order", c_uint), ("lanes", c_uint),
                ("processes", c_uint), ("owner_tags", c_bool), ("read_only", c_bool),
                ("huge", c_int), ("address", c_void_p), ("metadata", c_size_t),
                ("length", c_size_t)]


class lfb_pool_report(Structure):
    _fields_ = [("core", lfb_report), ("unowned", c_size_t)]


lfb_visitor = ctypes.CFUNCTYPE(c_bool, c_void_p, POINTER(lfb_extent))

# What is called, its result, its arguments. None of these can change a pool.
FUNCTIONS = {
    "lfb_pool_open": (c_void_p, [POINTER(lfb_pool_config), POINTER(lfb_pool_error)]),
    "lfb_pool_close": (None, [c_void_p]),
    "lfb_pool_core": (c_void_p, [c_void_p]),
    "lfb_pool_check": (c_int, [c_void_p, POINTER(lfb_pool_report)]),
    "lfb_pool_get_info": (None, [c_void_p, POINTER(lfb_pool_info)]),
    "lfb_pool_get_usage": (c_int, [c_void_p, POINTER(lfb_pool_usage)]),
    "lfb_pool_processes": (c_size_t, [c_void_p, POINTER(lfb_pool_process), c_size_t]),
    "lfb_pool_status_name": (c_char_p, [c_int]),
    "lfb_find": (c_int, [c_void_p, c_size_t, POINTER(lfb_extent)]),
    "lfb_get_stats": (None, [c_void_p, POINTER(lfb_stats)]),
    "lfb_walk": (c_int, [c_void_p, lfb_visitor, c_void_p]),
}


class Error(Exception):
    """What is wrong with which pool, and what to do. `status` is the library's name for it: "not
    found", "not a pool", "damaged", ..."""

    def __init__(self, text, status="refused by the system"):
        super().__init__(text)
        self.status = status


def _load():
    directory = os.environ.get("LFBUDDY_LIBRARY_DIR", "")  # else where the loader finds it
    try:
        library = ctypes.CDLL(os.path.join(directory, "liblfbuddy-pool.so.0"))
    except OSError as e:
        raise Error(f"{e}: install lfbuddy, or let LFBUDDY_LIBRARY_DIR be the directory of "
                    "liblfbuddy-pool.so.0") from None
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)  # those of the core too: the library is linked with it
        function.restype, function.argtypes = result, arguments
    return library


_library = None


def _lib():
    global _library
    _library = _library or _load()
    return _library


# --------------------------------------------------------------------------------------- pool ----

_KINDS = ("free", "run", "held")  # as lfb_extent_kind counts them
_POOL_KINDS = ("private", "shared", "file")


class Extent(NamedTuple):
    """Pages that belong together."""
    offset: int  # bytes from the pool's first page
    pages: int
    kind: str  # "free": a free block; "run": a live run; "held": out of use


class Process(NamedTuple):
    slot: int
    pid: int
    state: str  # "alive"; "dead": to be recovered; "foreign": in another PID namespace


@dataclasses.dataclass(frozen=True)
class Info:
    """What never changes in a pool."""
    name: str
    kind: str  # "file", "shared"
    size: int  # bytes to hand out
    page_size: int
    page_count: int
    max_order: int
    lanes: int
    processes: int  # slots
    owner_tags: bool
    metadata: int  # bytes before the first page
    length: int  # bytes of the file


@dataclasses.dataclass(frozen=True)
class Stats:
    """Counted in one pass."""
    total_pages: int
    free_pages: int
    allocated_pages: int
    held_pages: int
    runs: int
    free_blocks: tuple  # maximal free blocks by order, up to the pool's max_order
    largest_free_order: int  # -1: nothing is free


def _kind_and_name(pool):
    """The tool's rule: a path has a '/', and a prefix says it outright."""
    for prefix, kind in (("shm:", LFB_POOL_SHARED), ("file:", LFB_POOL_FILE)):
        if pool.startswith(prefix):
            return kind, pool[len(prefix):]
    return (LFB_POOL_FILE if "/" in pool else LFB_POOL_SHARED), pool


class Pool:
    """A pool, open for reading. Raises Error if there is none of that name, or nothing sound."""

    def __init__(self, pool):
        self.name = os.fspath(pool)
        self._handle = None
        kind, name = _kind_and_name(self.name)
        if "\0" in name:
            raise Error(f"{name!r}: a name has no zero byte", "invalid")
        config = lfb_pool_config(kind=kind, name=os.fsencode(name), read_only=True)
        error = lfb_pool_error()
        self._handle = _lib().lfb_pool_open(byref(config), byref(error))
        if not self._handle:
            raise Error(os.fsdecode(error.text),
                        _lib().lfb_pool_status_name(error.status).decode())
        self.info = self._info()

    def close(self):
        if self._handle:
            _lib().lfb_pool_close(self._handle)
            self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __del__(self):
        self.close()

    def _repr_svg_(self):
        """How notebooks show a pool."""
        return self.picture().svg()

    def _open_handle(self):
        if not self._handle:
            raise ValueError(f"{self.name}: this pool was closed")
        return self._handle

    def _core(self):
        return _lib().lfb_pool_core(self._open_handle())

    def _info(self):
        info = lfb_pool_info()
        _lib().lfb_pool_get_info(self._open_handle(), byref(info))
        return Info(self.name, _POOL_KINDS[info.kind], info.size, info.page_size, info.page_count,
                    info.max_order, info.lanes, info.processes, info.owner_tags, info.metadata,
                    info.length)

    def stats(self) -> Stats:
        """Pages and blocks, counted by the library: fast."""
        stats = lfb_stats()
        _lib().lfb_get_stats(self._core(), byref(stats))
        return Stats(stats.total_pages, stats.free_pages, stats.allocated_pages, stats.held_pages,
                     stats.runs, tuple(stats.free_blocks[:self.info.max_order + 1]),
                     stats.largest_free_order)

    def walk(self) -> Iterator[Extent]:
        """Every run, free block and stretch out of use, by rising offset; together they are the
        whole range. The pass over the pool is over before the first is returned. Free blocks are
        maximal, up to the pool's max_order."""
        found = array.array("Q")
        failure = []

        def visit(_, extent):
            try:
                e = extent.contents
                found.extend((e.address, e.pages, e.kind))
                return True
            except BaseException as e:  # an interrupt too: nothing may pass through C
                failure.append(e)
                return False

        _lib().lfb_walk(self._core(), lfb_visitor(visit), None)
        if failure:
            raise failure[0]
        return (Extent(found[i], found[i + 1], _KINDS[found[i + 2]])
                for i in range(0, len(found), 3))

    def find(self, offset: int) -> Extent:
        """What the byte at this offset lies in."""
        if not 0 <= offset < self.info.size:
            raise IndexError(f"{self.name}: offset {offset} is beyond its {self.info.size} bytes")
        extent = lfb_extent()
        _lib().lfb_find(self._core(), offset, byref(extent))
        return Extent(extent.address, extent.pages, _KINDS[extent.kind])

    def memory(self) -> dict:
        """Bytes in memory now, and bytes with memory, swap or disk behind them."""
        usage = lfb_pool_usage()
        code = _lib().lfb_pool_get_usage(self._open_handle(), byref(usage))
        if code:
            raise Error(f"{self.name}: can't count its memory: {os.strerror(code)}")
        return {"resident": usage.resident, "committed": usage.committed}

    def processes(self) -> list[Process]:
        """Who has it open for work; those who only look aren't among them."""
        table = (lfb_pool_process * LFB_POOL_PROCESSES_MAX)()
        count = _lib().lfb_pool_processes(self._open_handle(), table, len(table))
        return [Process(p.slot, p.pid,
                        "foreign" if p.foreign else "dead" if p.dead else "alive")
                for p in table[:min(count, len(table))]]

    def check(self, looks=20, pause=0.02):
        """Raises Error if the metadata is damaged. Beside processes at work a call under way may
        look like damage, so what is found then is looked for again, `looks` times at most."""
        report = lfb_pool_report()
        for look in range(looks):
            if _lib().lfb_pool_check(self._open_handle(), byref(report)) == LFB_OK:
                return
            busy = any(p.state != "dead" for p in self.processes())
            if not busy:
                break
            if look + 1 < looks:
                time.sleep(pause)
        core = report.core
        raise Error(f"{self.name}: damaged: {(core.first_fault or b'unknown fault').decode()}, in "
                    f"the node of level {core.fault_level} that begins at offset "
                    f"{core.fault_address:#x}; {core.faults} broken invariants" +
                    ("; processes are at work in it: stop them to be sure" if busy else ""),
                    "damaged")

    def picture(self) -> "Picture":
        return Picture(self.info, self.walk())


# ------------------------------------------------------------------------------------ picture ----

CELL_PAGES = 512
_FREE_MARK = "#2ca02c"
_STOPS = ((0xe6, 0xee, 0xf6), (0x5a, 0xa0, 0xd0), (0x08, 0x2a, 0x5e))
_SPOT, _SIDE, _MARGIN, _TITLE, _LEGEND = 12, 10, 16, 28, 44  # of the SVG, in pixels
_FILE_COLUMNS, _FILE_SPOTS, _SCALE_STEPS = 64, 16384, 20
_WORDS = ("wholly free", "to 25 %", "to 50 %", "to 75 %", "to 100 % in use")


def _bytes(count):
    units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.{0 if count == int(count) else 1}f} {units[0]}"


def _shade(full):
    """From nearly white to dark blue, by way of a clear one."""
    stop = 0 if full < 0.5 else 1
    share = (full - stop * 0.5) * 2
    return "#" + "".join(f"{int(a + (b - a) * share + 0.5):02x}"
                         for a, b in zip(_STOPS[stop], _STOPS[stop + 1]))


class Picture:
    """How full each 512 pages are (2 MiB, where a page has 4 KiB), and which are wholly free: as
    `lfbuddy map` draws it. `used` has the pages in use or out of use of each cell."""

    def __init__(self, info, extents):
        self.page_size, self.pages = info.page_size, info.page_count
        self.used = [0] * -(-self.pages // CELL_PAGES)
        for extent in extents:
            if extent.kind != "free":
                self._add(extent.offset // self.page_size, extent.pages)

    def _add(self, page, pages):
        while pages > 0:
            here = min(pages, CELL_PAGES - page % CELL_PAGES)
            self.used[page // CELL_PAGES] += here
            page += here
            pages -= here

    def _pages_of(self, first, cells):
        """Of neighbouring cells; the last one of all may be short."""
        return min((first + cells) * CELL_PAGES, self.pages) - first * CELL_PAGES

    def title(self):
        free = sum(used == 0 and self._pages_of(i, 1) == CELL_PAGES
                   for i, used in enumerate(self.used))
        return (f"{_bytes(self.pages * self.page_size)}, "
                f"{100.0 * sum(self.used) / self.pages:.1f} % in use, {free} of "
                f"{len(self.used)} blocks of {_bytes(CELL_PAGES * self.page_size)} wholly free")

    def _spots(self, most):
        """(cells a spot, [how full each is; None: wholly free]), for want of room for all."""
        cells = 1
        while -(-len(self.used) // cells) > most:
            cells *= 2
        spots = []
        for first in range(0, len(self.used), cells):
            used = sum(self.used[first:first + cells])
            spots.append(used / self._pages_of(first, cells) if used else None)
        return cells, spots

    # ------------------------------------------------------------------------------ text ----

    def text(self, columns=64, rows=40, ascii=False):
        """One character a spot and, below, what they mean. More ink is fuller."""
        glyphs = ".-+*#" if ascii else "·░▒▓█"
        cells, spots = self._spots(columns * rows)
        ink = "".join(glyphs[0 if full is None else min(int(full * 4) + 1, 4)] for full in spots)
        lines = ["  " + ink[i:i + columns] for i in range(0, len(ink), columns)]
        together = f", {cells} blocks of {CELL_PAGES} pages together" if cells > 1 else ""
        lines.append(f"  each character is {_bytes(cells * CELL_PAGES * self.page_size)}"
                     f"{together}:")
        lines.append("  " + "  ".join(f"{g} {w}" for g, w in zip(glyphs, _WORDS)))
        return "\n".join(lines) + "\n"

    # ------------------------------------------------------------------------------- SVG ----

    def svg(self):
        """A document with its scale explained in words."""
        cells, spots = self._spots(_FILE_SPOTS)
        columns = _FILE_COLUMNS
        while columns * columns < len(spots):
            columns *= 2
        body = -(-len(spots) // columns) * _SPOT
        width = columns * _SPOT + 2 * _MARGIN
        height = body + _TITLE + _LEGEND + 2 * _MARGIN
        lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                 f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
                 '<rect width="100%" height="100%" fill="#ffffff"/>',
                 _svg_text(_MARGIN, _MARGIN + 12, self.title())]
        lines += [_svg_spot(_MARGIN + i % columns * _SPOT,
                            _MARGIN + _TITLE + i // columns * _SPOT, full)
                  for i, full in enumerate(spots)]
        lines += self._svg_legend(cells, _MARGIN + _TITLE + body + 12)
        return "\n".join(lines + ["</svg>"]) + "\n"

    def _svg_legend(self, cells, y):
        pages = cells * CELL_PAGES
        below = y + 2 * _SIDE
        scale = _MARGIN + 110 + 110
        return [_svg_text(_MARGIN, y + _SIDE,
                          f"a square is {_bytes(pages * self.page_size)} ({pages} pages); "
                          "addresses rise from left to right"),
                _svg_spot(_MARGIN, below, None),
                _svg_text(_MARGIN + 16, below + _SIDE - 1, "wholly free"),
                _svg_text(_MARGIN + 110, below + _SIDE - 1, "pages in use: few"),
                *(_svg_spot(scale + i * _SIDE, below, i / (_SCALE_STEPS - 1))
                  for i in range(_SCALE_STEPS)),
                _svg_text(scale + _SCALE_STEPS * _SIDE + 6, below + _SIDE - 1, "all")]

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg())

    _repr_svg_ = svg


def _svg_text(x, y, text):
    return f'<text x="{x}" y="{y}">{text}</text>'


def _svg_spot(x, y, full):
    if full is not None:
        return f'<rect x="{x}" y="{y}" width="{_SIDE}" height="{_SIDE}" fill="{_shade(full)}"/>'
    return (f'<rect x="{x}.5" y="{y}.5" width="{_SIDE - 1}" height="{_SIDE - 1}" fill="#ffffff" '
            f'stroke="{_FREE_MARK}"/><circle cx="{x + _SIDE // 2}" cy="{y + _SIDE // 2}" r="2" '
            f'fill="{_FREE_MARK}"/>')


# ------------------------------------------------------------------------------------ command ----

def _print_pool(pool, picture):
    info, stats, memory = pool.info, pool.stats(), pool.memory()
    print(f"{info.name}: a {info.kind} pool of {_bytes(info.size)}: {info.page_count:,} pages of "
          f"{_bytes(info.page_size)}, orders to {info.max_order}, {info.lanes} lanes, "
          f"{info.processes} process slots, owner tags: {'yes' if info.owner_tags else 'no'}")
    largest = "nothing" if stats.largest_free_order < 0 else \
        _bytes(info.page_size << stats.largest_free_order)
    print(f"  in use   {stats.allocated_pages:,} pages in {stats.runs:,} runs")
    print(f"  free     {stats.free_pages:,} pages; largest block: {largest}")
    print(f"  memory   {_bytes(memory['resident'])} resident, "
          f"{_bytes(memory['committed'])} committed")
    for process in pool.processes():
        print(f"  slot {process.slot:<3} PID {process.pid}, {process.state}")
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print("\n  " + picture.title())
    print(picture.text(ascii=not utf8), end="")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python3 -m lfbuddy", description=(
        "Shows a pool: its geometry, its use, who is at work, and a map. Changes nothing."))
    parser.add_argument("pool", metavar="POOL", help="the path of a file pool (with a '/' in it), "
                        "or the name of a shared one; file:PATH and shm:NAME say which")
    parser.add_argument("--svg", metavar="FILE", help="draw the map into FILE as well")
    options = parser.parse_args(arguments)
    try:
        with Pool(options.pool) as pool:
            pool.check()
            picture = pool.picture()
            _print_pool(pool, picture)
            if options.svg:
                picture.save(options.svg)
    except Error as e:
        print(f"lfbuddy: {e}", file=sys.stderr)
        return 1
    except OSError as e:  # the picture's file, or nobody who reads what is printed
        print(f"lfbuddy: {e.filename or 'standard output'}: {e.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
