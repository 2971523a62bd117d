# SPDX-License-Identifier: GPL-2.0-or-later
"""merge and rollback, cut off on a flash of several entries, a second volume and other files, with data in parent
and child. After each cut every entry reads what it read or what it shall read; an entry that starts the half-merged
parent itself is refused; `check` tells of what is unfinished, rollback and snapshot refuse until it is done; ntfs-3g's
tools find both volumes sound; every other file is as it was; the verb, run again, ends.

MKIMAGE_CUTS: cuts a case (default 9; `all`: every write, on a drive without a cache, and as many on one with).
MKIMAGE_SEED: other random numbers."""
import json
import os
import random
import shutil
import struct

import pytest

from cuts import cut, cut_total, no_cluster_lost_to_two, sweep, writes_of
from files import read, sha256, write
from layers import SECTORS, SIZE, Fixed, chain, child, dynamic, flash, seven_zip, unmarked
from ntfsdisk import MIB, cut_out, volume
from tools import FRAGMENT, mkimage, refused, run
from vhd_dynamic import SECTOR, DynamicVhd, flatten

CUTS = os.environ.get("MKIMAGE_CUTS", "9")
SEED = os.environ.get("MKIMAGE_SEED", "1")
MANY = 300 + 4000 * (CUTS == "all")

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(30), pytest.mark.timeout(MANY)]

CONFIG = """[work]
vhd = \\vhd\\leaf.vhd
[twin]
vhd = /VHD/LEAF.vhd
write = discard
[clean]
vhd = \\vhd\\base.vhd
write = none
[other]
vhd = \\vhd\\beside.vhd
[far]
vhd = FAR:\\far.vhd
"""


class Flash:
    """old.img, and what its entries hold."""
    def __init__(self, base, rng, leaf_block):
        self.leaf = child("leaf", base, "base", rng, leaf_block)
        self.base = base
        beside = dynamic("beside", rng)
        self.rest = {"other": flatten([beside], SECTORS)}
        flash(["base", "leaf", "beside"], config=CONFIG, mib=56, name="old.img")
        with open("keep", "wb") as file:
            file.write(rng.randbytes(MIB))
        run(FRAGMENT, "old.img", "keep", "/keep", 7)
        self.second(rng)
        self.old = base.data if isinstance(base, Fixed) else flatten([base], SECTORS)
        self.new = flatten([self.leaf, base], SECTORS)
        assert self.old != self.new

    def second(self, rng):
        """A second volume, with an entry's image and a folder."""
        far = DynamicVhd(SIZE, 2 * MIB)
        far.store(7, rng.randbytes(SECTOR))
        far.store(0, b"far".ljust(510) + b"\x55\xaa")
        far.write("far.vhd")
        self.rest["far"] = flatten([far], SECTORS)
        volume("v2.ntfs", 8 * MIB)
        run("ntfslabel", "v2.ntfs", "FAR")
        self.second_at = os.path.getsize("old.img")
        with open("old.img", "ab") as file:
            file.write(read("v2.ntfs"))
        write("old.img", 462, bytes([0, 254, 255, 255, 7, 254, 255, 255]) +
              struct.pack("<II", self.second_at // 512, 8 * MIB // 512))
        run(FRAGMENT, "old.img", "far.vhd", "/far.vhd", 1, "--partition", 2)
        self.second_holds = read("old.img", self.second_at, 8 * MIB)

    def others_as_before(self, target):
        no_cluster_lost_to_two(cut_out(target))
        assert read(target, self.second_at, 8 * MIB) == self.second_holds, "the second volume"
        assert mkimage("cat", f"{target}:/keep").stdout == read("keep")
        for entry, content in self.rest.items():
            assert mkimage("read", target, "--entry", entry).stdout == content, entry


def told(target, entry):
    """What `check` says of an unfinished merge."""
    text = mkimage("check", target, "--entry", entry, "--json").stdout.decode()
    assert json.loads(text)["boots"], text
    return "mkimage merge" in text


def parent_holds(target):
    with open("copy.vhd", "wb") as file:
        file.write(unmarked(mkimage("cat", f"{target}:/vhd/base.vhd").stdout))
    return seven_zip("copy.vhd")


def judge_merge(target, disks):
    disks.others_as_before(target)
    for entry in ("work", "twin"):
        assert mkimage("read", target, "--entry", entry).stdout == disks.new, entry
    through_child = len(chain(target, "--entry", "work")) == 2
    unfinished = told(target, "work")
    clean = mkimage("read", target, "--entry", "clean", status=None)
    if clean.returncode:
        assert unfinished and b"holds a part of what a merge writes" in clean.stderr, clean.stderr
        mkimage("check", target, "--entry", "clean", status=1)
    else:
        assert clean.stdout in (disks.old, disks.new), "clean"
        assert clean.stdout == disks.new or through_child
    if not unfinished:
        assert parent_holds(target) == (disks.old if through_child else disks.new), "changed, and nothing is told"
    digest = sha256(target)
    if unfinished and through_child:
        for verb in (["rollback"], ["rollback", "--drop"], ["snapshot"]):
            refused(verb[0], target, *verb[1:], words="Finish the merge first")
        assert sha256(target) == digest
    return through_child, unfinished


def finish_merge(target, disks):
    through_child, unfinished = judge_merge(target, disks)
    if through_child or unfinished:
        mkimage("merge", target, "--dry-run")
        mkimage("merge", target)
    assert judge_merge(target, disks) == (False, False)
    assert b"leaf" not in mkimage("ls", f"{target}:/vhd").stdout
    data = mkimage("cat", f"{target}:/vhd/base.vhd").stdout
    assert data == unmarked(data) and parent_holds(target) == disks.new


def cut_all(command, disks, judge, finish):
    totals = writes_of(command)
    finish("d.img", disks)

    def judge_and_finish():
        state = judge("d.img", disks)
        finish("d.img", disks)
        return state
    return sweep(command, totals, CUTS, random.Random(f"{SEED} {command}"), judge_and_finish)


@pytest.mark.parametrize("parent", ["fixed", "dynamic", "dynamic, small blocks"])
def test_merge(parent):
    rng = random.Random(f"{SEED} {parent}")
    base = Fixed("base") if parent == "fixed" else dynamic("base", rng, 512 << 10 if parent == "dynamic" else 64 << 10)
    disks = Flash(base, rng, 512 << 10)
    cut_all(["merge", "d.img", "--entry", "work"], disks, judge_merge, finish_merge)


def test_merge_while_the_child_goes_on_being_written():
    """After a cut the child starts, and its system writes: the second merge takes that as well."""
    rng = random.Random(f"{SEED} written")
    base = dynamic("base", rng)
    disks = Flash(base, rng, 512 << 10)
    command = ["merge", "d.img", "--entry", "work"]
    shutil.copy("old.img", "d.img")
    assert not cut(-1, 0, command)
    total = cut_total()
    stored = sorted(n for n in range(SECTORS) if next(disks.leaf.content(n, 1)) is not None)
    hit = 0
    for count in range(total) if CUTS == "all" else sorted(rng.sample(range(total), min(int(CUTS), total))):
        shutil.copy("old.img", "d.img")
        assert cut(count, 0, command)
        if len(chain("d.img", "--entry", "work")) != 2:
            continue
        hit += 1
        lba = rng.choice(stored)
        runs = json.loads(mkimage("map", "d.img", "--entry", "work", "--json").stdout)["runs"]
        at = next(r["drive_lba"] + lba - r["lba"] for r in runs if r["lba"] <= lba < r["lba"] + r["count"])
        write("d.img", at * SECTOR, b"written after the cut".ljust(SECTOR, b"!"))
        content = bytearray(disks.new)
        content[lba * SECTOR:(lba + 1) * SECTOR] = b"written after the cut".ljust(SECTOR, b"!")
        assert mkimage("read", "d.img", "--entry", "work").stdout == content
        mkimage("merge", "d.img", "--entry", "work")
        for entry in ("work", "clean"):
            assert mkimage("read", "d.img", "--entry", entry).stdout == content, entry
        disks.others_as_before("d.img")
    assert hit


def judge_rollback(target, disks):
    disks.others_as_before(target)
    data = mkimage("read", target, "--entry", "work").stdout
    assert data in (disks.old, disks.new)
    assert mkimage("read", target, "--entry", "twin").stdout == data
    assert mkimage("read", target, "--entry", "clean").stdout == disks.old
    assert not told(target, "work") and parent_holds(target) == disks.old
    return data == disks.new, len(chain(target, "--entry", "work"))


@pytest.mark.parametrize("drop", [False, True], ids=["empty", "drop"])
def test_rollback(drop):
    rng = random.Random(f"{SEED} rollback")
    disks = Flash(dynamic("base", rng), rng, 512 << 10)
    command = ["rollback", "d.img", "--entry", "work", *(["--drop"] if drop else [])]

    def finish(target, disks):
        kept, depth = judge_rollback(target, disks)
        if kept or depth == 2:
            mkimage(*command[:1], target, *command[2:])
        assert judge_rollback(target, disks) == (False, 1 if drop else 2)
    cut_all(command, disks, judge_rollback, finish)


def marked(state, gone):
    """A flash that a cut has left behind the merge: the menu leads to the parent, the mark is there."""
    rng = random.Random(f"{SEED} marked")
    disks = Flash(dynamic("base", rng), rng, 512 << 10)
    identity = disks.leaf.identity
    shutil.copy("old.img", "d.img")
    if gone:
        mkimage("merge", "d.img")
    data = bytearray(mkimage("cat", "d.img:/vhd/base.vhd").stdout)
    for at in (0, len(data) - 512):
        data[at + 256:at + 288] = b"vhdmerge" + struct.pack(">I", state) + identity + bytes(4)
        data[at + 64:at + 68] = bytes(4)
        data[at + 64:at + 68] = struct.pack(">I", ~sum(data[at:at + 512]) & 0xFFFFFFFF)
    with open("marked.vhd", "wb") as file:
        file.write(data)
    run(FRAGMENT, "d.img", "marked.vhd", "/vhd/base.vhd", 1)
    return disks


@pytest.mark.parametrize("verb", [["merge"], ["snapshot"], ["reserve", "--size", "1M"]], ids=lambda verb: verb[0])
def test_a_mark_whose_child_is_gone_goes(verb):
    disks = marked(2, gone=True)
    assert told("d.img", "work")
    mkimage(verb[0], "d.img", *verb[1:])
    data = mkimage("cat", "d.img:/vhd/base.vhd").stdout
    assert data == unmarked(data)
    for entry in ("work", "clean"):
        assert mkimage("read", "d.img", "--entry", entry).stdout == disks.new
        assert not told("d.img", entry)
    disks.others_as_before("d.img")


def test_what_is_left_of_a_merge_is_not_removed_from_who_needs_it():
    """The menu leads to the parent; the child is what another entry starts, or there are two."""
    disks = marked(2, gone=False)
    digest = sha256("d.img")
    refused("merge", "d.img", "--entry", "clean", words=r"leaf.vhd: was merged into .*, but entry work starts it")
    assert sha256("d.img") == digest
    with open("cfg", "w", encoding="ascii") as file:
        file.write("[work]\nvhd = \\vhd\\base.vhd\n")
    run(FRAGMENT, "d.img", "cfg", "/vhdboot.cfg", 1)
    for verb in ("snapshot", "merge"):
        mkimage(verb, "d.img", "--dry-run", status=1 if verb == "snapshot" else 0)
    refused("snapshot", "d.img", words="leaf.vhd into it is not finished")
    run(FRAGMENT, "d.img", "leaf.vhd", "/copy of leaf.vhd", 1)
    digest = sha256("d.img")
    refused("merge", "d.img", words="they have one id")
    assert sha256("d.img") == digest and disks


def test_a_merge_that_is_under_way_shows_everywhere():
    marked(1, gone=False)
    mkimage("read", "d.img", "--entry", "work")
    refused("merge", "d.img", "--entry", "clean", words="holds a part of what a merge writes.* mkimage merge")
    refused("read", "d.img", "--entry", "clean", words="holds a part of what a merge writes")
    with open("base.vhd", "wb") as file:
        file.write(mkimage("cat", "d.img:/vhd/base.vhd").stdout)
    for verb in ("info", "read", "check"):
        refused("vhd", verb, "base.vhd", words="holds a part of what a merge writes")
    refused("flash", "new.img", "--vhd", "base.vhd", words="holds a part of what a merge writes")
    assert not os.path.exists("new.img")
