# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness of all tests: Python's and the unit tests in C.

A test is a function `test_what_holds` in a file tests/system/FOLDER/test_SUBJECT.py. It takes what it needs as
fixtures (below), says what must hold with `assert`, and is parametrised where the same holds of several things.
What it needs and this computer lacks is an error, never a skip: `need("bochs")` of tests/lib/tools.py says so.

    @pytest.mark.takes(40)                      # seconds, where it is more than five: the longest start first
    @pytest.mark.parametrize("bus", ["ide", "ahci"])
    def test_boots(shop, qemu, bus):
        pc = qemu(shop.flash(shop.pattern_vhd("pattern")), bus=bus)
        pc.guest()

Tests run in any order, on all processors at once. Those with the same `pytest.mark.xdist_group("NAME")` run one
after the other in one process, in the order of their file, and so share that module's or session's fixtures. A
test has 300 seconds unless `pytest.mark.timeout(SECONDS)` gives more; PATIENCE multiplies that, and the time limits
of the emulated machines.

Each TEST() of tests/unit/F/test_X.c is two tests here, of a program of 64 and of one of 32 bits:
`tests/unit/vhdx/test_log.c::torn_entry.64`.
"""
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# A shell that started this in the background has SIGINT ignored, and so would every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
os.environ["B"] = str(ROOT / os.environ.get("B", "build"))
BUILD = Path(os.environ["B"])
PATIENCE = float(os.environ.get("PATIENCE", "1"))
TAKES_USUALLY = 1
LONG_UNIT_TESTS = {"test_grow": 8, "test_cut": 6, "test_geometry": 6}      # about as many seconds

sys.path[:0] = [str(TESTS / name) for name in ("lib", "boot", "guest", "int13", "ntfs", "oldbios", "powercut")]
pytest.register_assert_rewrite("images")


# --- Fixtures


@pytest.fixture(scope="session")
def build():
    """The folder that make builds into."""
    return BUILD


@pytest.fixture
def tmp_path(request, tmp_path_factory):
    """A folder of the test's own; it stays where the test has failed."""
    folder = tmp_path_factory.mktemp("test")
    yield folder
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The same, and relative names are names in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shop(tmp_path):
    """A Workshop (tests/lib/flash.py): disks, volumes, flashes."""
    import flash
    return flash.Workshop(str(tmp_path))


@pytest.fixture
def machine():
    """machine(Class, ...) starts an emulated machine, which ends with the test at the latest."""
    started = []

    def start(kind, *arguments, **options):
        started.append(kind(*arguments, **options))
        return started[-1]
    yield start
    for one in reversed(started):
        one.close()


@pytest.fixture
def qemu(machine):
    """qemu(disk, bus="ahci", ...) starts QEMU's PC (tests/lib/emulator.py)."""
    import emulator
    return lambda *arguments, **options: machine(emulator.Qemu, *arguments, **options)


@pytest.fixture
def bochs(machine):
    """bochs(disk, ...) starts Bochs."""
    import emulator
    return lambda *arguments, **options: machine(emulator.Bochs, *arguments, **options)


# --- Unit tests in C (tests/unit/unit.h)


class UnitSource(pytest.File):
    """tests/unit/F/test_X.c, of which make makes build/unit/F/test_X.64 and .32."""

    def collect(self):
        for bits in ("64", "32"):
            program = BUILD / self.path.relative_to(TESTS).with_suffix("." + bits)
            listed = subprocess.run([program, "--list"], stdout=subprocess.PIPE, check=True, text=True, timeout=60)
            assert listed.stdout.split(), f"{program} has no test"
            for test in listed.stdout.split():
                yield UnitTest.from_parent(self, name=f"{test}.{bits}", program=program, test=test)


class UnitTest(pytest.Item):
    """One TEST() of it, in a process of its own: what crashes takes no other with it."""

    def __init__(self, program, test, **options):
        super().__init__(**options)
        self.program, self.test = program, test

    def runtest(self):
        done = subprocess.run([self.program, self.test], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, cwd=ROOT)
        said = done.stdout.decode(errors="replace")
        if done.returncode or said.splitlines()[-1:] != [f"ok {self.test}"]:
            raise UnitFailure(f"{self.program} {self.test}: exit status {done.returncode}\n{said}")

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, UnitFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, self.name


class UnitFailure(Exception):
    """What a program of unit tests said when a test of it failed."""


def pytest_collect_file(file_path, parent):
    if file_path.match("unit/*/test_*.c"):
        return UnitSource.from_parent(parent, path=file_path)
    return None


# --- Order and time limits


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The longest first; a group counts as one."""
    groups = {}
    for item in items:
        takes = item.get_closest_marker("takes")
        item.stash[TAKES] = takes.args[0] if takes else LONG_UNIT_TESTS.get(item.path.stem, TAKES_USUALLY)
        group = item.get_closest_marker("xdist_group")
        if group:
            groups.setdefault(group.args[0], []).append(item)
        limit = item.get_closest_marker("timeout")
        if limit and PATIENCE != 1:
            item.add_marker(pytest.mark.timeout(limit.args[0] * PATIENCE), append=False)
    for group in groups.values():
        total = sum(item.stash[TAKES] for item in group)
        for item in group:
            item.stash[TAKES] = total
    items.sort(key=lambda item: -item.stash[TAKES])


def pytest_configure(config):
    if PATIENCE != 1:
        config.option.timeout = float(config.getini("timeout")) * PATIENCE


# --- What is said


FAILED = pytest.StashKey()
TAKES = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.stash[FAILED] = True


def test_id(report):
    """Without the group's name that pytest-xdist adds."""
    name, at, _ = report.nodeid.rpartition("@")
    return name if at and report.nodeid.rfind("]") < len(name) else report.nodeid


def counts(reporter):
    """Passed, failed and skipped tests; a test counts once."""
    of = {kind: {report.nodeid for report in reporter.stats.get(kind, ())}
          for kind in ("passed", "failed", "error", "skipped")}
    failed = of["failed"] | of["error"]
    return len(of["passed"] - failed), len(failed), len(of["skipped"] - failed)


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not session.config.option.collectonly and not hasattr(session.config, "workerinput"):
        passed, failed, _ = counts(reporter)
        if failed or not passed:
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    """How each failed test is run again."""
    reports = [report for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())]
    if reports:
        terminalreporter.section("to run again")
    for name in dict.fromkeys(test_id(report) for report in reports):
        quoted = name.replace("$", "$$").replace("'", "'\\''")
        terminalreporter.write_line(f"make check T='{quoted}'")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """The last line of all."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not config.option.collectonly and not hasattr(config, "workerinput"):
        print("{} passed, {} failed, {} skipped".format(*counts(reporter)), flush=True)
