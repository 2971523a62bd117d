# SPDX-License-Identifier: GPL-2.0-or-later
"""make linux-root: which cells run, and the table of what came of them, build/linux-root.txt.

A line a cell: its name, how it ended, seconds, and the first line of what was wrong. A cell's line stays until the
cell runs again, so a matrix that was stopped goes on with LINUX_ROOT_CELLS=open: those that have not passed. All of it
is shown at the end, with how many came up, failed, and never ran. `make check` does not look here.
"""
import fnmatch
import os
import re
import signal
import time

import pytest

TABLE = os.path.join(os.environ["B"], "linux-root.txt")
WANTED = os.environ.get("LINUX_ROOT_CELLS", "")
PASSED = "came up"
# The short ones first; figures by the clock last, when nothing else is left to do.
FILES = ("test_cells.py", "test_sleep.py", "test_troubles.py", "test_grow.py", "test_debian.py", "test_power.py",
         "test_figures.py")
collect_ignore_glob = [] if WANTED else ["test_*.py"]
if WANTED:                              # ended like Ctrl-C: no machine goes on beside the next run
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _lines():
    """{cell: line}, as the table has them."""
    try:
        with open(TABLE, encoding="utf-8") as file:
            return {line.split()[0]: line for line in file.read().splitlines() if line}
    except FileNotFoundError:
        return {}


def _put(cell, line, order):
    lines = {**_lines(), cell: line}
    with open(TABLE + ".part", "w", encoding="utf-8") as out:
        for name in sorted(lines, key=lambda name: order.index(name) if name in order else len(order)):
            out.write(lines[name] + "\n")
    os.rename(TABLE + ".part", TABLE)


def cell_of(item):
    name = item.name.removeprefix("test_")
    return name.split("[")[1].rstrip("]") if "[" in name else name


def chosen(mine):
    """Those of the cells that are wanted. `make check T=FILE::TEST`, as a failure names it, wants what it names."""
    if not WANTED:
        return mine
    passed = {name for name, line in _lines().items() if f" {PASSED} " in line}
    found = set()
    for word in WANTED.replace(",", " ").split():
        of = [item for item in mine if word == "open" or fnmatch.fnmatch(cell_of(item), word)]
        if not of:
            raise pytest.UsageError(f"no cell is called {word}; they are: {' '.join(map(cell_of, mine))}")
        found.update(item for item in of if word != "open" or cell_of(item) not in passed)
    return [item for item in mine if item in found]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """In the order of FILES; of those only the wanted ones. Other folders' tests stay as they are."""
    mine = [item for item in items if item.path.parent.name == "linuxroot"]
    mine.sort(key=lambda item: (FILES.index(item.path.name), item.reportinfo()[1], items.index(item)))
    order = [cell_of(item) for item in mine]
    config.stash[ORDER] = order
    for item in mine:
        item.stash[ORDER] = order
    items[:] = [item for item in items if item not in mine] + chosen(mine)


ORDER = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" and not report.failed:
        return
    wrong = ""
    if report.failed:
        said = str(call.excinfo.value).strip() or repr(call.excinfo.value)
        wrong = said.splitlines()[0][:160]
    how = "failed" if report.failed else PASSED
    noted = dict(item.user_properties).get("seen", "")
    day = time.strftime("%Y-%m-%d", time.gmtime())
    line = f"{cell_of(item):<24} {how:<8} {call.duration:5.0f} s  {day}  {wrong or noted}".rstrip()
    _put(cell_of(item), line, item.stash[ORDER])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if WANTED == "open" and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.stash.get(ORDER, []):
        session.exitstatus = pytest.ExitCode.OK         # all have passed


def pytest_terminal_summary(terminalreporter, config):
    lines, order = _lines(), config.stash.get(ORDER, [])
    if not order:
        return
    terminalreporter.section("Linux with its root in the disk: all that ran, this time or before")
    for name in order:
        if name in lines:
            terminalreporter.write_line(lines[name])
    sums = [("came up", [name for name in order if f" {PASSED} " in lines.get(name, "")]),
            ("failed", [name for name in order if " failed " in lines.get(name, "")]),
            ("never ran", [name for name in order if name not in lines])]
    for how, names in sums:
        listed = "" if how == PASSED or not names else ": " + " ".join(names)
        seconds = sum(int(re.search(r" (\d+) s ", lines[name])[1]) for name in names if name in lines)
        took = f", in {seconds} s" if seconds else ""
        terminalreporter.write_line(f"{len(names)} of {len(order)} {how}{took}{listed}")
