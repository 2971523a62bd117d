# SPDX-License-Identifier: GPL-2.0-or-later
"""The note that slack holds zeros: which verbs leave one, that it is true, and that it goes, or says less, where
others write. What the loader does with it: tests/system/write/test_note.py."""
import random

import pytest

from files import read, write
from images import by_libvhdi
from layers import SIZE, Fixed, child, config_of, dynamic, exported, flash, highest, holds, slack
from ntfsdisk import MIB
from tools import mkimage, run
from vhd_dynamic import SECTOR, flatten, note, noted

pytestmark = pytest.mark.usefixtures("folder")


def leaf_of(name, path):
    return mkimage("cat", f"{name}:{path}").stdout


def true_note(data):
    """The note fits, and says the truth."""
    first = noted(data)
    assert first is not None, "no note"
    assert not any(data[first:-2 * SECTOR]), "the note lies"
    return first


def test_flash_leaves_a_note_and_takes_one_along():
    image = dynamic("d", random.Random(1))
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--reserve", "2M")
    data = leaf_of("f.img", "/d.vhd")
    assert true_note(data) == highest("d.vhd")[0] * SECTOR
    mkimage("flash", "g.img", "--vhd", "f.img:/d.vhd", "--reserve", "none")
    assert leaf_of("g.img", "/d.vhd") == data
    mkimage("flash", "h.img", "--vhd", "f.img:/d.vhd", "--reserve", "1M")
    more = leaf_of("h.img", "/d.vhd")
    assert len(more) > len(data) and true_note(more) == true_note(data)
    holds("h.img", flatten([image], SIZE // SECTOR))


def test_flash_does_not_vouch_for_what_it_has_not_seen():
    dynamic("d", random.Random(2), slack=700 * SECTOR, junk=True)
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--reserve", "4M")
    assert true_note(leaf_of("f.img", "/d.vhd")) == len(read("d.vhd")) - SECTOR


def test_snapshot_and_rollback_leave_a_note():
    base = Fixed("base")
    name = flash(["base"])
    mkimage("snapshot", name, "--size", "4M")
    first = true_note(leaf_of(name, "/vhd/base-1.vhd"))
    mkimage("rollback", name)
    assert true_note(leaf_of(name, "/vhd/base-1.vhd")) == first
    mkimage("rollback", name, "--size", "6M")
    assert true_note(leaf_of(name, "/vhd/base-1.vhd")) == first
    assert exported(name) == base.data and config_of(name)
    holds(name, base.data)


def test_rollback_in_two_steps_leaves_a_note():
    base = Fixed("base")
    name = flash(["base"], mib=24)
    mkimage("snapshot", name, "--size", "8M")
    mkimage("rollback", name)
    true_note(leaf_of(name, "/vhd/base-1.vhd"))
    holds(name, base.data)


@pytest.mark.parametrize("had", [None, "true", "another file's"])
def test_merge_leaves_a_note_where_it_knows(had):
    rng = random.Random(3)
    base = dynamic("base", rng, slack=2 * MIB if had else 0, note=had)
    leaf = child("leaf", base, "base", rng)
    content = flatten([leaf, base], SIZE // SECTOR)
    name = flash(["leaf", "base"])
    mkimage("merge", name)
    data = leaf_of(name, "/vhd/base.vhd")
    with open("merged.vhd", "wb") as file:
        file.write(data)
    end = highest("merged.vhd")[0] * SECTOR
    first = noted(data)
    if first is not None:
        assert not any(data[max(first, end):-2 * SECTOR]), "the note lies"
    assert (first is None) <= (had == "another file's"), "no note"
    holds(name, content)


def test_reserve_gives_a_note_back():
    dynamic("d", random.Random(4))
    mkimage("reserve", "d.vhd", "--size", "1T")
    data = read("d.vhd")
    true_note(data)
    write("d.vhd", len(data) - 2 * SECTOR, bytes(SECTOR))
    name = flash(["d"])
    for target in ("d.vhd", name):
        said = mkimage("reserve", target, "--size", "1M").stderr.decode()
        assert "all that its disk can ever need" in said, said
    assert read("d.vhd") == data == leaf_of(name, "/vhd/d.vhd")


@pytest.mark.parametrize("wrong", ["another file's", "of another place", "half written"])
def test_reserve_makes_a_wrong_note_a_right_one(wrong):
    image = dynamic("d", random.Random(5), slack=MIB, junk=True, note=wrong)
    end = highest("d.vhd")[0] * SECTOR
    mkimage("reserve", "d.vhd", "--size", "1M")
    assert true_note(read("d.vhd")) == end
    assert mkimage("vhd", "read", "d.vhd").stdout == flatten([image], SIZE // SECTOR)


def test_others_read_and_write_what_has_a_note():
    """QEMU, 7-Zip and libvhdi; what QEMU has used is no slack any more, and the note holds for the rest."""
    image = dynamic("d", random.Random(6))
    content = bytearray(flatten([image], SIZE // SECTOR))
    mkimage("reserve", "d.vhd", "--size", "16M")
    size, first = len(read("d.vhd")), true_note(read("d.vhd"))
    absent = [n for n in range(SIZE // image.block_size) if n not in image.blocks]
    for block in absent[:2]:
        run("qemu-io", "-f", "vpc", "-c", f"write -P {block + 1} {block * image.block_size} 4096", "d.vhd")
        content[block * image.block_size:block * image.block_size + 4096] = bytes([block + 1]) * 4096
    data, end = read("d.vhd"), highest("d.vhd")[0] * SECTOR
    assert len(data) == size and noted(data) == first < end
    assert not any(data[end + SECTOR:-2 * SECTOR]), "more than the footer's copy that QEMU leaves"
    assert mkimage("vhd", "read", "d.vhd").stdout == content
    assert run("7zz", "e", "-so", "-tvhd", "d.vhd").stdout == content
    run("qemu-img", "convert", "-f", "vpc", "-O", "raw", "d.vhd", "d.raw")
    assert read("d.raw")[:SIZE] == content
    assert by_libvhdi("d.vhd") == content
    name = flash(["d"])
    assert slack(name)["blocks"] >= len(absent) - 2
    holds(name, bytes(content))


def test_the_note_of_the_tests_is_that_of_the_format():
    data = note(b"i" * 16, 0x200, 0x400)
    assert len(data) == SECTOR and data[:12] == b"vhdbzero\0\0\0\1" and not any(data[48:])
