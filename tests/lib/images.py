# SPDX-License-Identifier: GPL-2.0-or-later
"""Images on the host: what mkimage gives is compared with the model that made the image and with other
readers, each where it is known to read right:

    qemu-img    VHDs without a parent by their footer at the start, VHDX without a parent by the first region
                table; replays logs
    7zz         everything that is whole and strict, chains too
    libvhdi     everything with sound structures whose bitmaps' runs are multiples of 8 sectors (it does not mask a
                VHD's bits), read in pieces of at most 64 KiB; no logs
"""
import json
import os
import re

from tools import mkimage, need, run

SECTOR = 512
LIB = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"             # Debian's, which has Debian's libvhdi


def refused(path, *words, verb="read"):
    """Status 1 and one sentence that says all this (regular expressions)."""
    done = mkimage("vhd", verb, path, status=1)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, f"lines of {lines}"
    for word in words:
        assert re.search(word, lines[0]), f"{lines[0]!r} does not say {word!r}"
    assert (done.stdout if verb == "read" else b"") == b"", "output"
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
    assert done.returncode != 77, "python3-libvhdi is not installed: make deps installs it"
    assert done.returncode == 0, f"libvhdi: {done.stderr.decode(errors='replace')}"
    return done.stdout


def equal(actual, expected, who):
    """The two are long: names the first sector that differs, not the bytes."""
    if actual == expected:
        return
    assert len(actual) == len(expected), f"{who}: length"
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
