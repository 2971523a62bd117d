# SPDX-License-Identifier: GPL-2.0-or-later
"""vhdboot-attach grow, cut off at its writes; the memory of a machine lies in a file, as in test_grow.py.

After each cut the volume has no cluster in two places, the image is whole and starts, the disk holds what it held, and
grow, run again, ends with at least the room that was asked for.

MKIMAGE_CUTS: cuts a case (default 2; `all`: every write, on a drive without a cache, and as many on one with).
MKIMAGE_SEED: other random numbers."""
import json
import os
import random
import struct

import boottable
import pytest
from cuts import cut, no_cluster_lost_to_two, sweep, writes_of
from files import read
from ntfsdisk import MIB, cut_out, disk, volume
from tools import BUILD, FRAGMENT, mkimage, run
from vhd_dynamic import DynamicVhd, sectors
from vhdx import Vhdx

CUTS = os.environ.get("MKIMAGE_CUTS", "2")
SEED = os.environ.get("MKIMAGE_SEED", "1")
SIZE = 24 * MIB
GROW = os.path.join(BUILD, "tests", "vhdboot-grow")     # vhdboot-grow, but for its C library, which cut.so has to meet
INFO = os.path.join(BUILD, "vhdboot-attach")

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(4),
              pytest.mark.timeout(300 + 3000 * (CUTS == "all"))]


def image(name):
    """An image with some blocks of its own; what its disk holds."""
    made = Vhdx(SIZE) if name.endswith("x") else DynamicVhd(SIZE, block_size=512 << 10)
    made.store(0, b"\xeb\xfe".ljust(510) + b"\x55\xaa")
    made.store(3 * MIB // 512, sectors("grow", 3 * MIB // 512, 40))
    made.write(name)
    return mkimage("vhd", "read", name).stdout


def stick(name, pieces, reserved):
    """old.img, and the memory of a machine that was started from it."""
    disk("old.img", volume("v.ntfs", 32 * MIB))
    run(FRAGMENT, "old.img", name, "/" + name, pieces)
    with open("cfg", "w", encoding="ascii") as file:
        file.write(f"[d]\nvhd = \\{name}\n")
    run(FRAGMENT, "old.img", "cfg", "/vhdboot.cfg", 1)
    mkimage("install", "old.img")
    if reserved:
        mkimage("reserve", "old.img", "--size", "3M")
    signature, = struct.unpack("<I", read("old.img", 440, 4))
    serial, = struct.unpack("<Q", read("old.img", 2048 * 512 + 0x48, 8))
    table = boottable.make(["\\" + name], volume=(serial, 2048, signature), sectors=SIZE // 512)
    with open("memory", "wb") as out:
        out.write(boottable.machine(table))


def room(target="d.img"):
    return json.loads(run(INFO, "info", "--json", "--memory", "memory", "--drive", target).stdout)["room"]


def judge(name, content):
    no_cluster_lost_to_two(cut_out("d.img"))
    run("ntfsfix", "-n", "cut.ntfs")
    found = json.loads(mkimage("check", "d.img", "--json").stdout)
    assert found["boots"], found
    mkimage("vhd", "check", f"d.img:/{name}")
    assert mkimage("read", "d.img").stdout == content
    return room()


@pytest.mark.parametrize("name, pieces, reserved", [("disk.vhd", 1, False), ("disk.vhd", 30, True),
                                                    ("disk.vhdx", 3, False), ("disk.vhdx", 1, True)],
                         ids=["vhd", "vhd-more", "vhdx", "vhdx-more"])
def test_cut(name, pieces, reserved):
    content, rng = image(name), random.Random(f"{SEED} {name} {pieces} {reserved}")
    stick(name, pieces, reserved)
    command = ["4M", "--memory", "memory", "--drive", "d.img"]
    before = room("old.img")
    totals = writes_of(command, program=GROW)
    assert min(totals) > 20, f"it is not seen to write: {totals}"
    assert judge(name, content) == before + 4 * MIB

    def judge_and_finish():
        found = judge(name, content)
        assert found in (before, before + 4 * MIB), f"room for {found} bytes"
        assert not cut(-1, 0, command, program=GROW), "grow after the cut"
        assert judge(name, content) == found + 4 * MIB
        return found
    sweep(command, totals, CUTS, rng, judge_and_finish, program=GROW)
