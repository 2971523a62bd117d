# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of images on the host: each is a function in a folder of its own, what mkimage gives is compared
with the model that made the image and with other readers, each where it is known to read right:

    qemu-img    VHDs without a parent by their footer at the start, VHDX without a parent by the first region
                table; replays logs
    7zz         everything that is whole and strict, chains too
    libvhdi     everything with sound structures whose bitmaps' runs are multiples of 8 sectors (it does not mask a
                VHD's bits), read in pieces of at most 64 KiB; no logs

    @case("8: dynamic, blocks of 2 MiB")
    def blocks():
        ...
    main()
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import report
from report import check, check_equal, need

SECTOR = 512
LIB = os.path.dirname(os.path.abspath(__file__))
MKIMAGE = os.path.join(LIB, "..", "..", os.environ.get("B", "build"), "mkimage")
ENV = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
PYTHON = "/usr/bin/python3"             # Debian's, which has Debian's libvhdi

tests = []


def test(name):
    def add(function):
        tests.append((name, function))
        return function
    return add


def case(name):
    """`name` starts with the number of the case."""
    return test(f"case {name}")


def main():
    """Runs all, or those whose names hold one of the arguments."""
    chosen = sys.argv[1:]
    for name, function in tests:
        if chosen and not any(part in name for part in chosen):
            continue
        with report.test(name), tempfile.TemporaryDirectory(prefix="images-") as folder:
            os.chdir(folder)
            try:
                function()
            finally:
                os.chdir("/")
    report.end()


def run(*command, status=0):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, env=ENV)
    check(status is None or done.returncode == status,
          f"{command}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done


def mkimage(*arguments, status=0):
    return run(MKIMAGE, *arguments, status=status)


def refused(path, *words, verb="read"):
    """Status 1 and one sentence that says all this (regular expressions)."""
    done = mkimage("vhd", verb, path, status=1)
    lines = done.stderr.decode().splitlines()
    check_equal(len(lines), 1, f"lines of {lines}")
    for word in words:
        check(re.search(word, lines[0]), f"{lines[0]!r} does not say {word!r}")
    check_equal(done.stdout if verb == "read" else b"", b"", "output")
    mkimage("vhd", "check", path, status=1)


def read(path, lba=None, count=None):
    where = [] if lba is None else ["--lba", lba, "--count", count]
    return mkimage("vhd", "read", path, *where).stdout


def info(path):
    return json.loads(mkimage("vhd", "info", path, "--json").stdout)


def by_qemu(path, kind):
    need("qemu-img")
    raw = path + ".raw"
    run("qemu-img", "convert", "-f", kind, "-O", "raw", path, raw)
    with open(raw, "rb") as f:
        data = f.read()
    os.remove(raw)
    return data


def by_7zz(path, kind):
    need("7zz")
    return run("7zz", "e", "-so", "-t" + kind, path).stdout


def by_libvhdi(*chain):
    """The leaf's path, then its parents'."""
    done = run(PYTHON, os.path.join(LIB, "libvhdi_read.py"), *chain, status=None)
    if done.returncode == 77:
        raise report.Skip("python3-libvhdi is not installed (make deps installs it)")
    check_equal(done.returncode, 0, f"libvhdi: {done.stderr.decode(errors='replace')}")
    return done.stdout


def equal(actual, expected, who):
    """The two are long: names the first sector that differs, not the bytes."""
    if actual == expected:
        return
    check_equal(len(actual), len(expected), f"{who}: length")
    for at in range(0, len(expected), SECTOR):
        if actual[at:at + SECTOR] != expected[at:at + SECTOR]:
            raise AssertionError(f"{who}: sector {at // SECTOR} is {actual[at:at + 32]!r}, "
                                 f"expected {expected[at:at + 32]!r}")


def poke(path, offset, data):
    """Overwrites bytes of a file; a negative offset counts from its end."""
    with open(path, "r+b") as f:
        f.seek(offset, 2 if offset < 0 else 0)
        f.write(data)


def peek(path, offset, length):
    with open(path, "rb") as f:
        f.seek(offset, 2 if offset < 0 else 0)
        return f.read(length)
