#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lfbuddy.py against the C headers, against the tool's view of the same pool, beside processes at
work, and on files that are no sound pool. TAP on standard output.

usage: test_python.py TOOL LAYOUT_PROGRAM DIRECTORY_OF_THE_LIBRARY SOURCE_ROOT

LFB_PYTHON_MODULE in the environment is the directory of another lfbuddy.py: one with a fault, say.
"""
import ctypes
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

TOOL, LAYOUT, LIBRARY, ROOT = sys.argv[1:5]
MODULE = os.environ.get("LFB_PYTHON_MODULE", f"{ROOT}/bindings/python")
os.environ["LFBUDDY_LIBRARY_DIR"] = LIBRARY
os.environ["PYTHONPATH"] = MODULE
os.environ["LC_ALL"] = "C.UTF-8"
sys.path.insert(0, MODULE)
sys.dont_write_bytecode = True
import lfbuddy  # noqa: E402

MIB = 1 << 20
number = failures = 0


def check(ok, description, *details):
    global number, failures
    number += 1
    failures += not ok
    print(f"{'ok' if ok else 'not ok'} {number} - {description}", flush=True)
    if not ok:
        for line in "\n".join(map(str, details)).splitlines()[:20]:
            print(f"# {line}")


def equal(found, wanted, description):
    check(found == wanted, description, f"found  {found}"[:500], f"wanted {wanted}"[:500])


def tool(*arguments, **environment):
    return subprocess.run([TOOL, *map(str, arguments)], check=True, capture_output=True, text=True,
                          env=os.environ | environment).stdout


def report(verb, pool):
    return json.loads(tool(verb, "--json=-", pool))


def command(*arguments, **environment):
    return subprocess.run([sys.executable, "-m", "lfbuddy", *map(str, arguments)],
                          capture_output=True, text=True, env=os.environ | environment)


def fingerprint(path):
    """Every byte, the length, and the time of the last change."""
    with open(path, "rb") as file:
        return (hashlib.file_digest(file, "sha256").hexdigest(), os.stat(path).st_size,
                os.stat(path).st_mtime_ns)


def covers(extents, pool):
    """Whether each extent begins where the one before it ended, and the last one ends the pool."""
    at = 0
    for e in extents:
        if e.offset != at or e.pages < 1:
            return False
        at += e.pages * pool.info.page_size
    return at == pool.info.size


# ------------------------------------------------------------------------------- structures ----

def declared():
    """What lfbuddy.py declares, in the words of layout.c."""
    lines = set()
    for name in dir(lfbuddy):
        thing = getattr(lfbuddy, name)
        if isinstance(thing, int) and name.startswith("LFB_"):
            lines.add(f"{name} {thing}")
        elif isinstance(thing, type) and issubclass(thing, ctypes.Structure) and \
                thing is not ctypes.Structure:
            lines.add(f"{name} {ctypes.sizeof(thing)}")
            for field, *_ in thing._fields_:
                place = getattr(thing, field)
                lines.add(f"{name} {field} {place.offset} {place.size}")
    return lines


def test_structures():
    compiled = set(subprocess.run([LAYOUT], check=True, capture_output=True,
                                  text=True).stdout.splitlines())
    check(len(compiled) > 60 and declared() == compiled, "the structures are those of the headers",
          *sorted(declared() ^ compiled))


# --------------------------------------------------------------------- beside the tool's view ----

def same_use(pool, use):
    stats = pool.stats()
    equal((stats.allocated_pages, stats.runs, stats.free_pages),
          (use["allocated_pages"], use["runs"], use["free_pages"]), "stats: as the tool counts")
    extents = list(pool.walk())
    check(covers(extents, pool), "the walk covers the range, without gap or overlap")
    runs = [e.pages for e in extents if e.kind == "run"]
    equal((sum(runs), len(runs)), (use["allocated_pages"], use["runs"]),
          "the walk's runs: as the tool counts")
    blocks = [0] * (pool.info.max_order + 1)
    for e in extents:
        if e.kind == "free":
            blocks[e.pages.bit_length() - 1] += 1
    equal(tuple(blocks), stats.free_blocks, "the walk's free blocks, order by order, as counted")
    found = [pool.find(e.offset) for e in extents[:500]]
    equal(found, extents[:500], "find: the same extents")


def same_memory(pool, path):
    """At two moments the system may have taken some back: a few times."""
    def told():
        memory = report("info", path)["memory"]
        return {name: memory[f"{name}_bytes"] for name in ("resident", "committed")}
    return any(told() == pool.memory() for _ in range(5))


def same_view(path, work):
    """The pool at rest, as both see it; and that neither looking nor drawing changed it."""
    file = path if "/" in str(path) else f"/dev/shm/{path}"
    before = fingerprint(file)
    info, shown = report("info", path), report("map", path)
    drawn = work / "tool.svg"
    tool("map", "--picture", drawn, path)
    with lfbuddy.Pool(path) as pool:
        p = info["pool"]
        equal((pool.info.kind, pool.info.size, pool.info.page_size, pool.info.page_count,
               pool.info.max_order, pool.info.lanes, pool.info.processes, pool.info.metadata,
               pool.info.length),
              (p["kind"], p["bytes"], p["page_size"], p["pages"], p["max_order"], p["lanes"],
               p["process_slots"], p["metadata_bytes"], p["file_bytes"]), "info: as the tool's")
        equal(pool.info.owner_tags, p["owner_tags"] == "yes", "owner tags: as the tool says")
        same_use(pool, info["use"])
        equal([p._asdict() for p in pool.processes()], info["processes"]["list"],
              "processes: as the tool lists them")
        check(same_memory(pool, path), "memory: as the tool counts", pool.memory())
        picture = pool.picture()
        equal(picture.used, shown["map"]["used_pages"], "the map's cells: as the tool's")
        check(picture.svg() == drawn.read_text(), "the SVG: byte for byte the tool's")
        for locale, ascii in (("C.UTF-8", False), ("C", True)):
            check(picture.text(ascii=ascii) in tool("map", path, LC_ALL=locale),
                  f"the map as text: the tool's, in {locale}", picture.text(ascii=ascii))
        pool.check()
    equal(fingerprint(file), before, "the pool's file is bit for bit as it was")
    return info


def mapped_for_writing(path):
    with open("/proc/self/maps", encoding="utf-8") as maps:
        modes = [line.split()[1] for line in maps if line.rstrip().endswith(str(path))]
    return modes, any("w" in mode for mode in modes)


def look_beside_work(path):
    """Looks at a pool in which others allocate and are killed: 20, or until enough has changed."""
    seen = set()
    looks = gaps = slots = wrong = 0
    while looks < 20 or (len(seen) < 6 and looks < 1000):
        looks += 1
        with lfbuddy.Pool(path) as pool:
            extents = list(pool.walk())
            stats = pool.stats()
            pool.check()
            modes, writable = mapped_for_writing(path)
            slots += any(p.pid == os.getpid() for p in pool.processes())
        gaps += not covers(extents, pool)
        wrong += stats.free_pages + stats.allocated_pages + stats.held_pages != 16384
        seen.add(sum(e.pages for e in extents if e.kind == "run"))
        time.sleep(0.02)
    check(len(seen) > 5, "looks beside processes at work see changes", seen)
    equal((gaps, wrong), (0, 0), "each walk covers the range, each count adds up")
    equal(slots, 0, "this process has no slot")
    check(modes and not writable, "the pool is mapped without permission to write", modes)


def test_with_stress(work):
    path = work / "stressed"
    tool("create", "--size=64M", "--owner-tags", path)
    same_view(path, work)
    with subprocess.Popen([TOOL, "stress", "--seconds=60", str(path)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as stress:
        try:
            deadline = time.monotonic() + 30
            while not report("info", path)["use"]["runs"] and time.monotonic() < deadline:
                time.sleep(0.05)
            look_beside_work(path)
        finally:
            os.killpg(stress.pid, signal.SIGKILL)
    info = same_view(path, work)
    check(info["use"]["runs"] > 100, "the killed processes' runs were there to be seen",
          info["use"])
    check(any(p["state"] == "dead" for p in info["processes"]["list"]), "and dead processes")
    return path


# ------------------------------------------------------------------------------ exact places ----

class Writer:
    """A handle that can allocate. The module has none."""

    def __init__(self, path, **config):
        self.lib = ctypes.CDLL(f"{LIBRARY}/liblfbuddy-pool.so.0")
        for name in ("lfb_pool_create", "lfb_pool_open", "lfb_pool_core", "lfb_pool_pointer"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        config = lfbuddy.lfb_pool_config(kind=lfbuddy.LFB_POOL_FILE, name=os.fsencode(path),
                                         **config)
        self.error = lfbuddy.lfb_pool_error()
        make = self.lib.lfb_pool_create if config.size else self.lib.lfb_pool_open
        self.pool = ctypes.c_void_p(make(ctypes.byref(config), ctypes.byref(self.error)))

    def alloc_at(self, offset, pages):
        address = self.lib.lfb_pool_pointer(self.pool, ctypes.c_size_t(offset))
        return self.lib.lfb_pool_alloc_at(self.pool, ctypes.c_void_p(address),
                                          ctypes.c_size_t(pages))

    def hold(self, offset, pages):
        """Of the core: no pool does it, but the walk can tell it."""
        core = ctypes.c_void_p(self.lib.lfb_pool_core(self.pool))
        return self.lib.lfb_hold_range(core, ctypes.c_size_t(offset), ctypes.c_size_t(pages))

    def close(self):
        self.lib.lfb_pool_close(self.pool)


def test_exact(work):
    path = work / "exact"
    page = 4096
    writer = Writer(path, size=1024 * page + 5 * page, processes=1)
    equal([writer.alloc_at(0, 3), writer.alloc_at(512 * page, 40), writer.hold(64 * page, 8),
           writer.alloc_at(1028 * page, 1)], [0, 0, 0, 0], "runs, and pages out of use")
    second = Writer(path)
    check(not second.pool and b"slot" in second.error.text, "the only process slot is taken",
          second.error.text)
    with lfbuddy.Pool(path) as pool:
        equal([(e.offset // page, e.pages) for e in pool.walk() if e.kind == "run"],
              [(0, 3), (512, 40), (1028, 1)], "a look needs none; the walk has the runs")
        equal([(e.offset // page, e.pages) for e in pool.walk() if e.kind == "held"], [(64, 8)],
              "the walk has what is out of use")
        free = [(e.offset // page, e.pages) for e in pool.walk() if e.kind == "free"]
        equal(free, [(3, 1), (4, 4), (8, 8), (16, 16), (32, 32), (72, 8), (80, 16), (96, 32),
                     (128, 128), (256, 256), (552, 8), (560, 16), (576, 64), (640, 128),
                     (768, 256), (1024, 4)], "the walk has the free blocks")
        equal(pool.picture().used, [11, 40, 1], "the map counts both")
        equal(pool.find(541 * page + 1), lfbuddy.Extent(512 * page, 40, "run"), "find in a run")
        stats = pool.stats()
        equal((stats.total_pages, stats.allocated_pages, stats.held_pages, stats.free_pages,
               stats.largest_free_order), (1029, 44, 8, 977, 8), "stats of these")
        refused(lambda: pool.find(1029 * page), IndexError, "beyond", "find beyond the end")
    writer.close()
    same_view(path, work)


def test_other_pools(work):
    odd = work / "odd"
    tool("create", "--size=3000K", "--page-size=8K", "--max-order=5", "--lanes=3", odd)
    same_view(odd, work)
    large = work / "large"  # more cells than a picture has room for: some go together
    tool("create", "--size=100G", "--page-size=4K", large)
    shown = tool("map", large)
    with lfbuddy.Pool(large) as pool:
        tool("map", "--picture", work / "large.svg", large)
        picture = pool.picture()
        check(picture.svg() == (work / "large.svg").read_text(), "100 GiB as SVG: the tool's")
        check(picture.text() in shown, "100 GiB as text: the tool's", picture.text()[-300:])
    name = f"lfbuddy-python-test-{os.getpid()}"
    tool("create", "--size=4M", name)
    try:
        same_view(name, work)
        with lfbuddy.Pool(f"shm:{name}") as pool:
            equal(pool.info.kind, "shared", "shm:NAME is a shared pool")
    finally:
        tool("remove", name)


# ------------------------------------------------------------------------------------ errors ----

def refused(call, kind, text, description, status=None):
    try:
        call()
    except kind as e:
        check(text in str(e) and (status is None or e.status == status), description, e,
              getattr(e, "status", ""))
    except Exception as e:
        check(False, description, repr(e))
    else:
        check(False, description, "nothing was raised")


def spoilt(work, good, name, offset, content=None):
    """A copy of a pool with other bytes at an offset, or cut there."""
    path = work / name
    shutil.copyfile(good, path)
    if content is None:
        os.truncate(path, offset)
    else:
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(content)
    return path


def number_at(path, offset):
    """A number of the header (src/pool/layout.h)."""
    with open(path, "rb") as file:
        file.seek(offset)
        return int.from_bytes(file.read(8), "little")


def test_errors(work, good):
    core = number_at(good, 96)
    (work / "text").write_text("not a pool at all\n")
    for path, text, status, what in [
            (work / "missing", "create the pool first", "not found", "a missing file"),
            (work / "text", "not a pool", "not a pool", "another kind of file"),
            (work, "not even a regular file", "not a pool", "a directory"),
            (spoilt(work, good, "stub", 64), "less than a header", "truncated", "a cut header"),
            (spoilt(work, good, "cut", 3 * MIB), "the file was cut", "truncated", "a cut file"),
            (spoilt(work, good, "header", 40, b"\x7f"), "checksum", "damaged", "a damaged header"),
            (spoilt(work, good, "core", core, b"\xff" * 64), "own header is damaged", "damaged",
             "a damaged header of the core")]:
        refused(lambda: lfbuddy.Pool(path), lfbuddy.Error, text, what, status)
        refused(lambda: lfbuddy.Pool(path), lfbuddy.Error, str(path), f"{what}: is named")
        run = command(path)
        check(run.returncode == 1 and text in run.stderr and str(path) in run.stderr and
              "Traceback" not in run.stderr and not run.stdout, f"{what}: the command says it",
              run.returncode, run.stderr)
    missing = f"lfbuddy-none-{os.getpid()}"
    refused(lambda: lfbuddy.Pool(missing), lfbuddy.Error, f"/dev/shm/{missing}", "a missing name")
    refused(lambda: lfbuddy.Pool("a\0b"), lfbuddy.Error, "zero byte", "a name with a zero byte")


def test_damaged_tree(work, good):
    # A word of the leaves, as most words are; as slots, 0x88 are runs that go on into free pages.
    middle = number_at(good, 96) + number_at(good, 104) // 3 // 8 * 8
    damaged = spoilt(work, good, "tree", middle, b"\x88" * 8)
    wanted = subprocess.run([TOOL, "check", damaged], capture_output=True, text=True).stderr
    fault = wanted.partition(": ")[2].strip()
    refused(lambda: lfbuddy.Pool(damaged).check(), lfbuddy.Error, fault,
            "a damaged tree: check says what the tool says", "damaged")
    pauses, sleep = [], time.sleep
    time.sleep = pauses.append
    refused(lambda: lfbuddy.Pool(damaged).check(), lfbuddy.Error, "damaged", "in quiet", "damaged")
    equal(pauses, [], "it looks once")
    writer = Writer(damaged)
    refused(lambda: lfbuddy.Pool(damaged).check(looks=3), lfbuddy.Error, "stop them to be sure",
            "beside a process at work it says so", "damaged")
    writer.close()
    time.sleep = sleep
    equal(len(pauses), 2, "and looks three times")
    run = command(damaged)
    check(run.returncode == 1 and f"{damaged}: damaged: " in fault and fault in run.stderr,
          "and so does the command", run.returncode, run.stderr)


def test_misuse(work, good):
    pool = lfbuddy.Pool(good)
    pool.close()
    for call in (pool.stats, pool.walk, pool.memory, pool.processes, pool.check, pool.picture):
        refused(call, ValueError, "closed", f"{call.__name__} of a closed pool")
    run = command(good, LFBUDDY_LIBRARY_DIR=str(work))
    check(run.returncode == 1 and "LFBUDDY_LIBRARY_DIR" in run.stderr, "without the library",
          run.stderr)


def test_command(work, good):
    before = fingerprint(good)
    drawn = work / "command.svg"
    run = command(good, "--svg", drawn)
    with lfbuddy.Pool(good) as pool:
        check(run.returncode == 0 and pool.picture().text() in run.stdout and
              f"in {pool.stats().runs:,} runs" in run.stdout, "the command shows the pool",
              run.stdout, run.stderr)
        check(drawn.read_text() == pool.picture().svg(), "and draws it")
    equal(fingerprint(good), before, "which leaves the file as it was")
    run = command(good, "--svg", work / "nowhere" / "x.svg")
    check(run.returncode == 1 and "nowhere" in run.stderr and "Traceback" not in run.stderr,
          "a picture that can't be written", run.stderr)
    equal(command().returncode, 2, "without a pool: wrong usage")


def test_example(work):
    drawn = work / "looks.svg"
    run = subprocess.run([sys.executable, f"{ROOT}/examples/pool_looks.py", TOOL, drawn],
                         capture_output=True, text=True)
    check(run.returncode == 0 and not run.stderr, "the example runs", run.stderr)
    texts = [e.text or "" for e in xml.etree.ElementTree.parse(drawn).iter()]
    titles = [text for text in texts if "% in use, " in text]
    check(len(titles) == 6 and len(set(titles)) > 3, "and draws looks that differ", titles)


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        test_structures()
        good = test_with_stress(work)
        test_exact(work)
        test_other_pools(work)
        test_errors(work, good)
        test_damaged_tree(work, good)
        test_misuse(work, good)
        test_command(work, good)
        test_example(work)
    finally:
        shutil.rmtree(work)
    print(f"1..{number}")
    return failures > 0


sys.exit(main())
