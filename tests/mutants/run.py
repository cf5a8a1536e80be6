#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation testing: do the tests notice small faults in the protocol?

Each entry of mutants.toml is one fault: a text of one source file, and what stands in its place.
The faulty core is given to the tests, those first that catch most in a second, until one fails
(or hangs: that counts). A mutant that survives means that a test is missing, or that the code
which it changed isn't needed. What a fault doesn't touch is compiled once, for all of them.

Prints a line a mutant, and the score. Exits with 0 if all were caught, 1 if one survived, 2 if
something is wrong with the list or the compiler, 77 if Python is older than 3.11 (no tomllib).
"""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

try:
    import tomllib
except ImportError:
    print("SKIP: Python 3.11 or later is needed, for tomllib")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COMPILE = ["-std=c11", "-O1", "-w", "-D_GNU_SOURCE"]
SMALL = ["-DLFB_LEAF_ORDER=1", "-DLFB_NODE_ORDER=1"]
ASSERT = ["-DLFB_ASSERTIONS"]
TSAN = ["-fsanitize=thread", "-g"]


def sources_in(folder):
    return sorted(str(p.relative_to(ROOT)) for p in (ROOT / folder).glob("*.c"))


CORE = sources_in("src/core")
WORLD = ["tests/support/world.c", "tests/support/oracle.c"]


class Trouble(Exception):
    """The list or the compiler, not a test."""


class Program:
    """A test program: its sources, and the flags that all of them and the core are compiled with."""

    def __init__(self, name, sources, flags, libraries=()):
        self.name = name
        self.sources = sources
        self.flags = flags
        self.libraries = list(libraries) + ["-lpthread"]


class Test:
    """A way to run a program; a mutant may name it to have it tried first."""

    def __init__(self, name, program, arguments="", environment=None, seconds=10, if_named=False):
        self.name = name
        self.program = program
        self.arguments = arguments.split()
        self.environment = environment or {}
        self.seconds = seconds  # of processor time: an endless loop is a failure too
        self.if_named = if_named


def inside(path):
    return ["-include", str(ROOT / path)]


NODE = Program("node", sources_in("tests/node"), ["-DLFB_LEAF_ORDER=2", "-DLFB_NODE_ORDER=2"] + ASSERT, ["-lcmocka"])
API = Program("api", CORE + sources_in("tests/api") + WORLD, ASSERT, ["-lcmocka"])
CHECK = Program("check", CORE + sources_in("tests/check") + WORLD, ASSERT, ["-lcmocka"])
PROPERTY = Program("property", CORE + ["tests/test_property.c"] + WORLD, SMALL + ASSERT, ["-lcmocka"])
PLACEMENT = Program("placement", CORE + ["tests/test_placement.c"] + WORLD, ASSERT, ["-lcmocka"])
STRESS = Program("stress", CORE + ["tests/test_stress.c"] + WORLD, SMALL + ASSERT + TSAN, ["-lcmocka"])
ISOLATE = Program("isolate", CORE + ["tests/test_isolate.c", "tests/support/world.c"], SMALL + ASSERT, ["-lcmocka"])
ISOLATE_ORDER = Program("isolate-order", CORE + ["tests/test_isolate_order.c", "tests/support/world.c"],
                        SMALL + ASSERT + inside("tests/support/each_access.h"), ["-lcmocka"])
INTERLEAVE = Program("interleave", CORE + sources_in("tests/interleave"), SMALL + ASSERT + inside("tests/interleave/hooks.h"))
HOSTILE = Program("hostile", CORE + [f"tests/fuzz/{name}.c" for name in ("hostile", "calls", "guard")],
                  inside("tests/fuzz/hooks.h"))

# What catches most in a second comes first.
TESTS = [
    Test("regress, short", INTERLEAVE, "--set regress --executions 300 --wrong 1"),
    Test("api", API),
    Test("property", PROPERTY, environment={"LFB_STEPS": "100000"}),
    Test("node", NODE),
    Test("check", CHECK),
    Test("isolate", ISOLATE),
    Test("isolate, step by step", ISOLATE_ORDER),
    Test("placement", PLACEMENT),
    Test("hostile", HOSTILE, seconds=12),
    Test("regress", INTERLEAVE, "--set regress --executions 3000 --wrong 1", seconds=30),
    Test("priorities", INTERLEAVE, "--set random --filter regress --wrong 1", seconds=30),
    Test("stops", INTERLEAVE, "--set stops --wrong 1", seconds=60),
    Test("pairs", INTERLEAVE, "--set pairs --wrong 1", seconds=120),
    Test("random", INTERLEAVE, "--set random --wrong 1", seconds=300),
    Test("stress under TSan", STRESS, environment={"LFB_STEPS": "200000"}, seconds=60, if_named=True),
]


def run(command, **options):
    return subprocess.run([str(word) for word in command], **options)


class Builder:
    """Compiles sources of one tree; takes from `sound`, another one, what doesn't depend on `changed`."""

    def __init__(self, compiler, tree, objects, sound=None, changed=None):
        self.compiler = compiler
        self.tree = tree
        self.objects = objects
        self.sound = sound
        self.changed = changed
        self.vouched = {}  # by test, once it was asked: how it failed, or None
        self.lock = threading.Lock()
        self.reads = {}  # by object: the files of the tree that it was made of
        self.made = {}

    def build(self, program):
        """The program, of all its objects."""
        target = self.objects / program.name
        parts = [self.compile(program, source) for source in program.sources]
        linking = TSAN if program.flags[-len(TSAN):] == TSAN else []
        self.call([self.compiler, *linking, *parts, *program.libraries, "-o", target], program.name)
        return target

    def compile(self, program, source):
        key = (" ".join(program.flags), source)
        if self.sound and self.changed not in self.sound.reads[key]:
            return self.sound.made[key]
        if key not in self.made:
            target = self.objects / f"{len(self.made)}.o"
            include = ["include", "src", "src/core", "tests/support", "tests/interleave"]
            self.call([self.compiler, *COMPILE, *program.flags, "-MMD", "-MF", f"{target}.d",
                       *(f"-I{self.tree / i}" for i in include), "-c", self.tree / source, "-o", target], source)
            words = pathlib.Path(f"{target}.d").read_text().replace("\\\n", " ").split()[1:]
            paths = (pathlib.Path(word).resolve() for word in words)
            self.reads[key] = {str(p.relative_to(self.tree)) for p in paths if p.is_relative_to(self.tree)}
            self.made[key] = target
        return self.made[key]

    def vouch_for(self, test):
        """A test that fails for the sound core as well proves nothing."""
        with self.lock:
            if test not in self.vouched:
                with tempfile.TemporaryFile("w+", errors="replace") as said:
                    how = failure(test, self.objects / test.program.name, said)
                    said.seek(0)
                    told = [line for line in said if not line.startswith(("[ RUN", "[       OK"))]
                    self.vouched[test] = how and f"{how}, and says:\n{''.join(told)[-2000:]}"
        if self.vouched[test]:
            raise Trouble(f"'{test.name}' fails without a fault too: it {self.vouched[test]}")

    @staticmethod
    def call(command, what):
        done = run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Trouble(f"{what} doesn't compile:\n{done.stderr[:2000]}")


def failure(test, program, output=subprocess.DEVNULL):
    """How the test failed; None: it passed."""
    limited = ["sh", "-c", f'ulimit -t {test.seconds}; exec "$0" "$@"']
    try:
        done = run([*limited, program, *test.arguments], env={**os.environ, **test.environment},
                   stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                   timeout=20 * test.seconds)
    except subprocess.TimeoutExpired:
        return "hangs"
    if done.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        return "hangs"
    if done.returncode < 0:
        return f"dies of {signal.Signals(-done.returncode).name}"
    return f"exits with {done.returncode}" if done.returncode else None


def plant(mutant, tree):
    """Puts the fault into a copy of the sources."""
    tree.mkdir()
    for part in ("include", "src/core", "src/port"):
        shutil.copytree(ROOT / part, tree / part)
    (tree / "tests").symlink_to(ROOT / "tests")
    path = tree / mutant["file"]
    path.write_text(path.read_text().replace(mutant["from"], mutant["to"]))


def in_order(mutant):
    named = mutant.get("test")
    return ([t for t in TESTS if t.name == named] + [t for t in TESTS if t.name != named and not t.if_named])


def hunt(compiler, mutant, sound, folder):
    """The first test that fails, and how; None: none does."""
    plant(mutant, folder / "tree")
    builder = Builder(compiler, folder / "tree", folder, sound, mutant["file"])
    built = {}
    for test in in_order(mutant):
        if test.program not in built:
            built[test.program] = builder.build(test.program)
        how = failure(test, built[test.program])
        if how:
            sound.vouch_for(test)
            return test.name, how
    return None


def folder_of(mutant, keep):
    """Where its sources and programs go: a folder that vanishes at the end of `with`, or stays."""
    if not keep:
        return tempfile.TemporaryDirectory(prefix="lfbuddy-mutant-")
    folder = pathlib.Path(keep) / "-".join(re.findall(r"\w+", mutant["name"].lower()))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return contextlib.nullcontext(folder)


def read_list(only):
    mutants = tomllib.loads((HERE / "mutants.toml").read_text())["mutant"]
    names = {test.name for test in TESTS}
    for mutant in mutants:
        if mutant.get("test", "api") not in names:
            raise Trouble(f"mutant '{mutant['name']}': no test is called '{mutant['test']}'")
        times = (ROOT / mutant["file"]).read_text().count(mutant["from"])
        if times != 1:
            raise Trouble(f"mutant '{mutant['name']}': its text occurs {times} times in {mutant['file']}, not once: "
                          f"bring mutants.toml up to date")
    return [m for m in mutants if not only or only in m["name"]]


def report(mutant, result, seconds):
    where = f"{result[0]} ({result[1]})" if result else ""
    line = f"{'caught' if result else 'SURVIVES':8}  {mutant['name']:56}  {where}  {seconds:.0f} s"
    sys.stdout.write(line + "\n")  # at once: others write too
    sys.stdout.flush()


def write_table(path, found):
    with open(path, "w") as table:
        table.write("| fault | file | caught by |\n|---|---|---|\n")
        for mutant, result in found:
            where = f"{result[0]} ({result[1]})" if result else "**nothing**"
            table.write(f"| {mutant['name']} | `{mutant['file']}` | {where} |\n")


def hunt_all(options, mutants):
    with tempfile.TemporaryDirectory(prefix="lfbuddy-sound-") as folder:
        sound = Builder(options.cc, ROOT, pathlib.Path(folder).resolve())
        programs = {test.program for mutant in mutants for test in in_order(mutant)}
        for program in sorted(programs, key=lambda p: p.name):
            sound.build(program)

        def timed(mutant):
            start = time.monotonic()
            with folder_of(mutant, options.keep) as place:
                result = hunt(options.cc, mutant, sound, pathlib.Path(place).resolve())
            report(mutant, result, time.monotonic() - start)
            return mutant, result

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            return list(pool.map(timed, mutants))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="list the mutants")
    parser.add_argument("--only", metavar="TEXT", help="only mutants whose name contains TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at once (default: CPUs)")
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"), help="compiler (default: $CC, cc)")
    parser.add_argument("--table", metavar="FILE", help="write the results as a Markdown table")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the faulty sources and the programs there")
    options = parser.parse_args()
    try:
        mutants = read_list(options.only)
        if options.list:
            print("\n".join(m["name"] for m in mutants))
            return 0
        found = hunt_all(options, mutants)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 2
    if options.table:
        write_table(options.table, found)
    caught = sum(1 for _, result in found if result)
    print(f"{caught} of {len(found)} mutants caught")
    return 0 if found and caught == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
