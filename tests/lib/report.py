# SPDX-License-Identifier: GPL-2.0-or-later
"""Result lines for tests/run.

    with test("boots from ide"):
        ...                             # an exception is a failure, and is shown
    end()                               # exit status

`raise Skip("no bochs")` inside a test skips it, with the reason.
"""
import contextlib
import shutil
import sys
import traceback

failures = 0


class Skip(Exception):
    """The test cannot run here; the text says why."""


@contextlib.contextmanager
def test(name):
    global failures
    try:
        yield
        print(f"ok {name}", flush=True)
    except Skip as why:
        print(f"skip {name}: {why}", flush=True)
    except Exception:                                           # whatever it was, the test failed
        failures += 1
        print(f"not ok {name}", flush=True)
        for line in traceback.format_exc().splitlines():
            print(f"    {line}", flush=True)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def check_equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r}, expected {expected!r}")


def need(*programs):
    """Skips the test where one of the programs is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            raise Skip(f"{program} is not installed (make deps installs it)")


def end():
    sys.exit(1 if failures else 0)
