# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that make a new image out of an old one, when the old one cannot be read to its end
(tests/tools/unread.c): one sentence, the old file under its name, nothing beside it."""
import mmap
import os
import random
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from images import mkimage                                                      # noqa: E402
from served import MIB, Server                                                  # noqa: E402
from tools import MKIMAGE, run                                                  # noqa: E402

DATA = 20                               # MiB: five pieces that are read ahead, more than wait for each other
SIZE = 64 * MIB


@pytest.fixture(name="unread")
def fixture_unread(folder, pytestconfig):
    """unread(how, file, byte, words...) runs mkimage vhd while that byte of `file` cannot be read."""
    run("gcc", "-shared", "-fPIC", "-O1", pytestconfig.rootpath / "tests" / "tools" / "unread.c", "-o", "unread.so")

    def start(how, file, byte, *words):
        env = {**os.environ, "LD_PRELOAD": str(folder / "unread.so"), "UNREAD_FILE": file, "UNREAD_HOW": how,
               "UNREAD_AT": str(byte)}
        return subprocess.run([MKIMAGE, "vhd", *words], env=env, timeout=60, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
    return start


def noise():
    return random.Random(9).randbytes(DATA * MIB)


def make(name, *more):
    """DATA MiB without zeros at the start of the disk, so about at the start of the file."""
    mkimage("vhd", "create", name, "--size", SIZE, *more)
    with Server(".", "file=" + name) as server:
        server.connect().pwrite(noise(), 0)


def state():
    """Each file of the folder: which one it is, and what it holds."""
    found = {}
    for name in filter(os.path.isfile, os.listdir(".")):        # a server's socket is none
        with open(name, "rb") as file:
            found[name] = (os.fstat(file.fileno()).st_ino, file.read())
    return found


def fails(done, *words):
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1 and len(lines) == 1, (done.returncode, lines)
    for word in words:
        assert word in lines[0], lines


def fails_and_leaves_all(unread, how, name, byte, *command, says):
    """Where the file was cut off it stays so, and is made whole again."""
    before = state()
    fails(unread(how, name, byte, *command), *says)
    inode, old = before[name]
    after = state()
    now_inode, now = after.pop(name)
    assert now_inode == inode and old.startswith(now)
    assert len(now) == len(old) if how == "eio" else len(now) == byte if how == "short" else byte < len(now) < len(old)
    del before[name]
    assert after == before
    if how != "eio":
        with open(name, "r+b") as file:
            file.write(old)


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
@pytest.mark.parametrize("how", ["eio", "short", "tail"])
def test_an_image_that_is_changed(form, how, unread):
    name, base = "a." + form, "base." + form
    says = (f"/{name}: byte ", " of the file could not be read. The drive may be failing")
    make(name)
    for command in (["compact", name], ["resize", name, "--size", "65M"]):
        fails_and_leaves_all(unread, how, name, 10 * MIB, *command, says=says)
    os.rename(name, base)
    make(name, "--parent", base)
    for command in (["rebase", name, "--parent", base], ["merge", name]):
        fails_and_leaves_all(unread, how, name, 10 * MIB, *command, says=says)
    mkimage("vhd", "merge", name)
    images.equal(images.read(base)[:DATA * MIB], noise(), "the base")


@pytest.mark.parametrize("how", ["eio", "short", "tail"])
def test_a_parent_that_is_copied(how, unread):
    """What lies behind its new end must not pass for holes, which a parent has, too."""
    make("base.vhdx", "--block-size", "1M")
    hole = os.path.getsize("base.vhdx")
    with Server(".", "file=base.vhdx") as server:
        disk = server.connect()
        disk.pwrite(noise()[:MIB], 30 * MIB)
        disk.pwrite(noise()[:MIB], 31 * MIB)
    images.run("fallocate", "--punch-hole", "--offset", hole, "--length", MIB, "base.vhdx")
    mkimage("vhd", "create", "a.vhdx", "--parent", "base.vhdx")
    content = images.read("a.vhdx")
    says = ("base.vhdx: copying failed: Input/output error" if how == "eio"
            else "base.vhdx: became shorter while it was read. End what writes to it",)
    fails_and_leaves_all(unread, how, "base.vhdx", 10 * MIB, "merge", "a.vhdx", says=says)
    mkimage("vhd", "merge", "a.vhdx")
    images.equal(images.read("base.vhdx"), content, "merged")


@pytest.mark.parametrize("how", ["eio", "short", "tail"])
@pytest.mark.parametrize("name", ["a.vhd", "a.vhdx", "a.img"])
def test_a_source_that_is_only_read(name, how, unread):
    """Of a raw disk, a file that became shorter must not pass for one with zeros at its end."""
    if name == "a.img":
        with open(name, "wb") as file:
            file.write(noise())
            file.truncate(SIZE)
        says = ("a.img: reading failed: Input/output error" if how == "eio"
                else "a.img: became shorter while it was read. End what writes to it",)
    else:
        make(name)
        says = (f"{name}: byte ", "of the disk could not be read. The drive may be failing")
    mkimage("vhd", "convert", name, "same.vhd", "--kind", "dynamic")
    for command in (["convert", name, "new.vhd"], ["compare", name, "same.vhd"]):
        fails_and_leaves_all(unread, how, name, 10 * MIB, *command, says=says)


def past_the_cache_works(name):
    try:
        fd = os.open(name, os.O_RDONLY | os.O_DIRECT)
        os.preadv(fd, [memoryview(mmap.mmap(-1, 4096))[:512]], 512)
        os.close(fd)
        return True
    except OSError:
        return False


def test_what_cannot_be_read_past_the_cache_is_read_through_it(unread):
    make("a.vhdx")
    content = images.read("a.vhdx")
    done = unread("direct", "a.vhdx", 8 * MIB, "compact", "a.vhdx")
    assert done.returncode == 0 and (b"past the cache" in done.stderr) == past_the_cache_works("a.vhdx"), done.stderr
    images.equal(images.read("a.vhdx"), content, "mkimage")


def test_holes_of_the_file_are_not_read(unread):
    """Of a block of 32 MiB with data at both ends: what cannot be read there is not missed."""
    mkimage("vhd", "create", "a.vhdx", "--size", SIZE, "--block-size", "32M")
    with Server(".", "file=a.vhdx") as server:
        disk = server.connect()
        disk.pwrite(noise()[:MIB], 0)
        disk.pwrite(noise()[:5 * MIB], 26 * MIB)
    content = images.read("a.vhdx")
    done = unread("eio", "a.vhdx", os.path.getsize("a.vhdx") - 16 * MIB, "compact", "a.vhdx")
    assert done.returncode == 0, done.stderr
    images.equal(images.read("a.vhdx"), content, "mkimage")
