# SPDX-License-Identifier: GPL-2.0-or-later
"""reserve on a VHDX, cut off: on a flash and on the host, the first slack and more of it, a child that lacks its
sector bitmaps. After each cut the disk is the same for all readers, a note that counts is true, and reserve, run again,
ends.

MKIMAGE_CUTS: cuts a case (default 2; `all`: every write, on a drive without a cache, and as many on one with).
MKIMAGE_SEED: other random numbers."""
import json
import os
import random
import shutil
import struct

import pytest

from cuts import no_cluster_lost_to_two, sweep, writes_of
from files import read
from ntfsdisk import MIB, cut_out, disk, volume
from tools import FRAGMENT, mkimage, run
from vhdx import HEADERS, SECTOR, ZERO, Vhdx, sectors

CUTS = os.environ.get("MKIMAGE_CUTS", "2")
SEED = os.environ.get("MKIMAGE_SEED", "1")
SIZE = 20 * MIB

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(6),
              pytest.mark.timeout(300 + 3000 * (CUTS == "all"))]


def images(child, junk):
    """disk.vhdx, its parent where it has one, and what they hold. junk: behind the last block, of an earlier user."""
    base = Vhdx(SIZE)
    base.store(0, b"base".ljust(510) + b"\x55\xaa")
    base.store(3 * MIB // SECTOR, sectors("base", 3 * MIB // SECTOR, 8))
    leaf = base
    if child:
        leaf = Vhdx(SIZE, parent=base, parent_path="base.vhdx")
        leaf.state[3] = ZERO
        base.write("base.vhdx")
    leaf.write("disk.vhdx")
    if junk:
        with open("disk.vhdx", "ab") as file:
            file.write(b"junk" * (5 * MIB // 4))
    return leaf.content()


def make_flash(child):
    disk("old.img", volume("v.ntfs", 48 * MIB))
    for name in ["disk.vhdx"] + ["base.vhdx"] * child:
        run(FRAGMENT, "old.img", name, "/" + name, 3)
    with open("cfg", "w", encoding="ascii") as file:
        file.write("[d]\nvhd = \\disk.vhdx\n")
    run(FRAGMENT, "old.img", "cfg", "/vhdboot.cfg", 1)
    mkimage("install", "old.img")


def note_of(data):
    """Where the note says that zeros begin, which they do; None where none counts."""
    header = max((data[at:at + 64] for at in HEADERS), key=lambda h: struct.unpack_from("<Q", h, 8)[0])
    note, end = data[-SECTOR:], len(data) - SECTOR
    if note[:8] != b"vhdbzero" or note[32:48] != header[16:32] or struct.unpack_from(">Q", note, 24)[0] != end:
        return None
    first, = struct.unpack_from(">Q", note, 16)
    assert not any(data[first:end]), "the note is not true"
    return first


def judge(target, content, child):
    """All readers have the same disk; where the note's zeros begin."""
    if target == "d.img":
        no_cluster_lost_to_two(cut_out(target))
        check = json.loads(mkimage("check", target, "--json").stdout)
        assert check["boots"], check
        assert mkimage("read", target).stdout == content
        with open("disk.vhdx", "wb") as file:
            file.write(mkimage("cat", "d.img:/disk.vhdx").stdout)
    mkimage("vhd", "check", "disk.vhdx")
    assert mkimage("vhd", "read", "disk.vhdx").stdout == content
    assert run("7zz", "e", "-so", "-tvhdx", "disk.vhdx").stdout == content, "7zz"
    if not child:
        run("qemu-img", "check", "-f", "vhdx", "disk.vhdx")
    return note_of(read("disk.vhdx"))


@pytest.mark.parametrize("more", [False, True], ids=["first", "more"])
@pytest.mark.parametrize("child", [False, True], ids=["dynamic", "child"])
@pytest.mark.parametrize("place", ["flash", "host"])
def test_cut(place, child, more):
    content, rng = images(child, junk=not child), random.Random(f"{SEED} {place} {child} {more}")
    if place == "flash":
        make_flash(child)
    target = "d.img" if place == "flash" else "disk.vhdx"
    start = "old.img" if place == "flash" else "old.vhdx"
    if place == "host":
        shutil.copy("disk.vhdx", start)
    command = ["reserve", target, "--size", "4M"]
    if more:
        mkimage("reserve", start, "--size", "4M")
    totals = writes_of(command, target, start)
    slots = json.loads(mkimage("vhd", "info", target if place == "host" else f"{target}:/disk.vhdx", "--json").stdout)
    assert judge(target, content, child) is not None

    def judge_and_finish():
        judge(target, content, child)
        mkimage(*command)
        assert judge(target, content, child) is not None, "no note"
        again = json.loads(mkimage("vhd", "info", "disk.vhdx", "--json").stdout)
        assert again["slack"] >= slots["slack"], "less slack than it was asked for"
    sweep(command, totals, CUTS, rng, judge_and_finish, target, start)
