#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the tests of some build directories came to: report.py BUILD_DIRECTORY...

Reads Meson's own records of the last `meson test` in each. Prints which tests took longest, which
were skipped and why, each that failed with the end of its output, and as the last line the counts.
Exits with 1 unless at least one test ran in each directory and none failed."""
import json
import pathlib
import sys

SLOWEST = 8  # tests listed
TAIL = 40  # lines of a failed test's output

PASSED = {'OK', 'EXPECTEDFAIL'}
SKIPPED = {'SKIP', 'IGNORED'}


def results(directory):
    """The tests that ran in a directory: none if the build before them failed."""
    log = pathlib.Path(directory, 'meson-logs', 'testlog.json')
    if not log.exists():
        return []
    found = [json.loads(line) for line in log.read_text(errors='replace').splitlines() if line]
    return [dict(test, where=f'{directory}: {test["name"]}') for test in found]


def output(test):
    """The end of what a test printed, standard error last."""
    text = (test.get('stdout') or '') + (test.get('stderr') or '')
    return [f'    {line}' for line in text.splitlines()[-TAIL:]]


def reason(test):
    """Why a test was skipped, in its own words."""
    lines = (test.get('stdout') or test.get('stderr') or '').strip().splitlines()
    return next((line for line in lines if 'skip' in line.lower()), lines[-1] if lines else '')


def main():
    directories = sys.argv[1:]
    tests = {directory: results(directory) for directory in directories}
    everything = [test for found in tests.values() for test in found]
    skipped = [test for test in everything if test['result'] in SKIPPED]
    failed = [test for test in everything if test['result'] not in PASSED | SKIPPED]
    empty = [directory for directory, found in tests.items() if not found]

    print('\nLongest:')
    for test in sorted(everything, key=lambda test: -test['duration'])[:SLOWEST]:
        print(f'  {test["duration"]:6.1f} s  {test["where"]}')
    for test in skipped:
        print(f'Skipped: {test["where"]}: {reason(test)}')
    for test in failed:
        print(f'\nFailed: {test["where"]}: {test["result"]}, status {test.get("returncode")}')
        print('\n'.join(output(test)))
    for directory in empty:
        print(f'\nFailed: no test ran in {directory}')

    bad = len(failed) + len(empty)
    print(f'\n{len(everything) - len(skipped) - len(failed)} passed, {bad} failed, '
          f'{len(skipped)} skipped')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
