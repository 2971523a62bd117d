# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders whose index is changed in more than one block, cut off at each write, on drives with and without a write
cache: no name of anybody is ever gone, and none is there twice. ntfs-3g's library makes the folders and lists them.

MKIMAGE_CUTS=all: more volumes."""
import os
import random
import shutil

import pytest

from crowd import Crowd, listed, random_names
from cuts import cut, no_cluster_lost_to_two
from files import read, write
from ntfsdisk import MIB, START, consistent, cut_out, disk, fixed_vhd, spoil, volume
from tools import MKIMAGE, mkimage, run

MORE = os.environ.get("MKIMAGE_CUTS") == "all"
OURS = {"vhdboot.bin", "vhdboot.cfg", "vhdboot.old", "vhdboot.sum"}

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(4)]


def crowded(seed):
    """d.img with random names, vhdboot among them, and most of the others gone again: many blocks hold few names.
    Those that are left, and those
    that are not: the library may leave a block in use that nothing leads to, and then still lists its names."""
    rng = random.Random(seed)
    disk("d.img", volume("v.ntfs", 16 * MIB))
    names = random_names(rng, rng.randrange(20, 300))
    with Crowd("d.img") as crowd:
        for name in names:
            crowd.add(name)
    mkimage("install", "d.img")
    with Crowd("d.img") as crowd:
        gone = {name for name in names if rng.random() < rng.choice((0.2, 0.9, 0.99)) and crowd.removed(name)}
    return set(names) - gone, gone


def all_there(names, folder="", also=()):
    """Each once, and no other but vhdboot's and `also`; the machine's reader says the same."""
    found = listed("d.img", folder)
    assert len(set(found)) == len(found), "a name is there twice"
    assert names <= set(found) and set(found) - names <= {".", "..", *OURS, *also}
    told = mkimage("ls", f"d.img:{folder}/").stdout.decode()
    assert all(name in told for name in names)


def each_cut(rng, names, command, folder="", also=(), step=1):
    """Every write of the command cut, or every step-th, then the command through."""
    shutil.copy("d.img", "f.img")
    for lose in (0, 1):
        for count in range(lose, 400, step):
            shutil.copy("f.img", "d.img")
            if not cut(count, lose and rng.randrange(1, 1 << 30), command):
                break
            all_there(names, folder, also)
            no_cluster_lost_to_two(cut_out("d.img"))
            mkimage(*command, status=None)
            all_there(names, folder, also)
        assert count > 5
    all_there(names, folder, also)


# where the blocks are written one by one, a cut loses a name of 19, and 7 and 21 have one twice
@pytest.mark.parametrize("seed", [7, 19, 21, *(range(100, 200) if MORE else ())])
def test_uninstall(seed):
    names, gone = crowded(seed)
    each_cut(random.Random(seed), names, ["uninstall", "d.img"], also=gone)
    assert not OURS & set(listed("d.img"))


def index_blocks():
    data = read("d.img")
    return {offset for offset in range(START, len(data), 4096) if data[offset:offset + 4] == b"INDX"}


def until_split(command, first, folder=""):
    """Adds names that begin so to d.img's folder until the command needs new index blocks, which it does not have then.
    Those names."""
    names = []
    while len(names) < 60:
        with Crowd("d.img", folder) as crowd:
            names.append(f"{first} {'y' * 20} {len(names):02}")
            crowd.add(names[-1])
        shutil.copy("d.img", "full.img")
        before = index_blocks()
        mkimage(*command)
        after = index_blocks()
        shutil.copy("full.img", "d.img")
        if after - before:
            return set(names)
    raise AssertionError("no block is split")


def full_leaf():
    """d.img whose root folder has no room for one more name in the block where vhdboot's go: those names,
    and those of files that are gone and have left their records."""
    disk("d.img", volume("v.ntfs", 16 * MIB))
    names = {f"name {number:03} {'x' * 20}" for number in range(30)}
    with Crowd("d.img") as crowd:
        for name in sorted(names) + [f"spare record {number}" for number in range(40)]:
            crowd.add(name)
    spare = {f"spare record {number}" for number in range(40)}
    with Crowd("d.img") as crowd:
        assert all([crowd.removed(name) for name in sorted(spare)])
    return names | until_split(["install", "d.img"], "v"), spare


def test_install_and_restore():
    names, gone = full_leaf()
    before = read("d.img")
    rng = random.Random(1)
    each_cut(rng, names, ["install", "d.img"], also=gone, step=1 if MORE else 4)
    with open("d.img", "wb") as file:
        file.write(before)
    mkimage("install", "d.img", "--backup", "backup")
    each_cut(rng, names, ["restore", "d.img", "backup"], also=gone, step=1 if MORE else 4)
    assert read("d.img") == before


def test_restore_where_the_old_index_was_overwritten():
    """Its clusters are free after install. What a file left there that came and went is no index."""
    names, gone = full_leaf()
    old = index_blocks()
    mkimage("install", "d.img", "--backup", "backup")
    with open("d.img", "r+b") as file:
        for offset in old:
            file.seek(offset)
            block = file.read(4096)
            if "name 010".encode("utf-16-le") in block:
                file.seek(offset)
                file.write(bytes(4096))
    all_there(names, also=gone)         # the folder does not need them any more
    assert b"other metadata stays" in mkimage("restore", "d.img", "backup").stderr
    all_there(names, also=gone)
    assert "vhdboot.bin" not in listed("d.img")


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_folder_of_three_levels(verb):
    """Two thousand names around an image's, which is one that separates two blocks."""
    disk("d.img", volume("v.ntfs", 32 * MIB))
    names = {f"{number:04} {'y' * 30}" for number in range(2000)}
    with Crowd("d.img") as crowd:
        crowd.add_folder("disks")
    with Crowd("d.img", "/disks") as crowd:
        for name in sorted(names):
            crowd.add(name)
    mkimage("install", "d.img")
    fixed_vhd("a.vhd", MIB)
    name = f"1000 {'y' * 20}.vhd"
    add = ["add", "d.img", "--vhd", "a.vhd", "--name", f"/disks/{name}"]
    names |= until_split(add, "1000", "/disks")
    if verb == "remove":
        mkimage(*add)
    remove = ["remove", "d.img", "--entry", name[:-4]]
    each_cut(random.Random(2), names, add if verb == "add" else remove, "/disks", {name}, step=1 if MORE else 15)


@pytest.mark.parametrize("large", [False, True])
def test_no_room_for_a_second_index(large):
    """The verb does its work all the same; also where the room is what it frees."""
    names, gone = crowded(7)
    if large:
        with open("menu", "wb") as file:
            file.write(b"# " + b"x" * MIB + b"\n")
        run("ntfscp", "-q", cut_out("d.img"), "menu", "vhdboot.cfg")
        write("d.img", START, read("cut.ntfs"))
    spoil("d.img", "full")
    part = cut_out("d.img")
    with open("block", "wb") as file:
        file.write(b"x" * 4096)
    for number in range(8):             # to the last cluster
        run("ntfscp", "-q", part, "block", f"fill {number}", status=None)
    write("d.img", START, read(part))
    mkimage("uninstall", "d.img")
    filler = {name for name in listed("d.img") if name.startswith("fill")}
    assert filler
    all_there(names, also=gone | filler)
    consistent(cut_out("d.img"))


def rewrite_leaf(name, change):
    """change(entries) for the entries of the block of d.img's index that holds `name`; the last one is its end."""
    offset = next(at for at in sorted(index_blocks()) if name.encode("utf-16-le") in read("d.img", at, 4096))
    block = bytearray(read("d.img", offset, 4096))
    for sector in range(1, 9):
        block[sector * 512 - 2:sector * 512] = block[40 + 2 * sector:42 + 2 * sector]
    start, end = (24 + int.from_bytes(block[at:at + 4], "little") for at in (24, 28))
    assert not block[36] & 1            # a leaf
    entries, at = [], start
    while at < end:
        length = int.from_bytes(block[at + 8:at + 10], "little")
        entries.append(bytes(block[at:at + length]))
        at += length
    change(entries)
    data = b"".join(entries)
    assert start + len(data) <= 4096
    block[start:start + len(data)] = data
    block[28:32] = (start + len(data) - 24).to_bytes(4, "little")
    for sector in range(1, 9):
        block[40 + 2 * sector:42 + 2 * sector] = block[sector * 512 - 2:sector * 512]
        block[sector * 512 - 2:sector * 512] = block[40:42]
    write("d.img", offset, bytes(block))


def swap(entries):
    """What a change that was cut off may leave: names that are not in order."""
    assert len(entries[0]) == len(entries[1])
    entries[0], entries[1] = entries[1], entries[0]


def many(count):
    disk("d.img", volume("v.ntfs", 16 * MIB))
    names = {f"name {number:03} {'x' * 60}" for number in range(count)} | {"zz"}
    with Crowd("d.img") as crowd:
        for name in sorted(names):
            crowd.add(name)
    return names


def test_clusters_that_become_free_are_no_room():
    """They are the old state's, and not for a second index; the verb does its work all the same."""
    names = many(30)
    mkimage("install", "d.img")
    mkimage("add", "d.img", "--vhd", fixed_vhd("a.vhd", 2 * MIB), "--name", "/a.vhd")
    spoil("d.img", "full")
    rewrite_leaf("name 010", swap)
    mkimage("remove", "d.img", "--entry", "a")
    assert names <= set(listed("d.img"))
    assert "a.vhd" not in listed("d.img")
    consistent(cut_out("d.img"))


def test_entry_that_is_longer_than_its_name():
    """Its room is not more than a block's for that."""
    names = many(38)

    def change(entries):
        swap(entries)
        length = len(entries[-2]) + 1200
        entries[-2] = entries[-2][:8] + length.to_bytes(2, "little") + entries[-2][10:] + bytes(1200)
    rewrite_leaf("zz", change)
    mkimage("install", "d.img")
    all_there(names)
    consistent(cut_out("d.img"))
    mkimage("uninstall", "d.img")
    all_there(names)


def test_flags_of_the_root_stay():
    """Files made in the folder are to be encrypted: its record says so where the index is written anew, too."""
    full_leaf()
    at = START + int.from_bytes(read("d.img", START + 48, 8), "little") * 4096 + 5 * 1024
    record = read("d.img", at, 1024)
    root = record.index(b"\x90\0\0\0", int.from_bytes(record[20:22], "little"))
    write("d.img", at + root + 12, b"\0\x40")
    before = index_blocks()
    mkimage("install", "d.img")
    assert index_blocks() - before      # new ones
    record = read("d.img", at, 1024)
    root = record.index(b"\x90\0\0\0", int.from_bytes(record[20:22], "little"))
    assert record[root + 12:root + 14] == b"\0\x40"


@pytest.mark.parametrize("seed", range(200 if MORE else 20))
def test_damaged_index(seed):
    """Bytes of it are anything: the verb ends, with a sentence or with its work done."""
    names, _ = crowded(19 if seed % 2 else 21)
    assert names
    rng = random.Random(seed)
    blocks = sorted(index_blocks())
    with open("d.img", "r+b") as file:
        for _ in range(rng.randrange(1, 4)):
            file.seek(rng.choice(blocks) + rng.choice((rng.randrange(64), rng.randrange(4096))))
            file.write(rng.randbytes(rng.choice((1, 2, 8))))
    for command in (["install", "d.img"], ["uninstall", "d.img"], ["uninstall", "d.img"]):
        done = mkimage(*command, status=None)
        assert done.returncode == 0 or (done.returncode == 1 and done.stderr.startswith(b"mkimage: ")), done.stderr


def test_index_that_says_to_be_huge():
    """16 GiB of a hole behind its blocks: neither read nor waited for."""
    crowded(7)
    size = 16 << 30
    part = bytearray(read(cut_out("d.img")))
    record = int.from_bytes(part[48:56], "little") * 4096 + 5 * 1024
    attr = record + int.from_bytes(part[record + 20:record + 22], "little")
    while part[attr:attr + 4] != b"\xa0\0\0\0":
        attr += int.from_bytes(part[attr + 4:attr + 8], "little")
    have = int.from_bytes(part[attr + 24:attr + 32], "little") + 1
    end = attr + int.from_bytes(part[attr + 32:attr + 34], "little")
    while part[end]:
        end += 1 + (part[end] & 15) + (part[end] >> 4)
    part[end:end + 6] = b"\x04" + (size // 4096 - have).to_bytes(4, "little") + b"\0"
    assert end + 6 <= attr + int.from_bytes(part[attr + 4:attr + 8], "little")
    assert record + 512 not in range(attr, end + 8)
    part[attr + 24:attr + 32] = (size // 4096 - 1).to_bytes(8, "little")
    part[attr + 40:attr + 64] = size.to_bytes(8, "little") * 3
    write("d.img", START, part)
    done = run("bash", "-c", f"ulimit -v 2000000; {MKIMAGE} uninstall d.img", status=None)
    assert done.returncode == 0 or done.stderr.startswith(b"mkimage: "), done.stderr
    assert b"memory" not in done.stderr
