# SPDX-License-Identifier: GPL-2.0-or-later
"""Chains of VHDs: what is read through them, by mkimage, 7zz and libvhdi, and where a parent is looked
for. What a layer's bitmap does not claim, and what a child hides, is poison."""
import os
import random

import pytest

from images import SECTOR, by_7zz, by_libvhdi, equal, info, poke, read, refused
from tools import mkimage
from vhd_dynamic import DynamicVhd, checksum, flatten, footer, sectors

KIB = 1 << 10
MIB = 1 << 20
NOWHERE = 0xFFFFFFFFFFFFFFFF

pytestmark = pytest.mark.usefixtures("folder")


def scatter(disk, tag, rng, pieces, unit):
    total = disk.size // SECTOR
    for _ in range(pieces):
        lba = rng.randrange(total // unit) * unit
        disk.store(lba, sectors(tag, lba, min(rng.choice((1, 3, 8, 64, 700)) * unit, total - lba)))


def chain_of(depth, sizes=(8 * MIB,), unit=1, block=None):
    """A chain, leaf first; every child but the first is made from the one before."""
    rng = random.Random(depth * 100 + unit)
    base = DynamicVhd(sizes[0], block or 2 * MIB)
    scatter(base, "base", rng, 10, unit)
    chain = [base]
    for n in range(1, depth + 1):
        child = DynamicVhd(sizes[n % len(sizes)], block or rng.choice((64 * KIB, 512 * KIB, 2 * MIB)),
                           parent=chain[0])
        scatter(child, f"layer {n}", rng, 8, unit)
        child.store(16 * n, bytes(8 * SECTOR))      # zeros that hide what the parents hold there
        chain.insert(0, child)
    return chain


def write_chain(chain):
    """Writes 0.vhd and so on; the paths, leaf first."""
    for n, disk in enumerate(reversed(chain)):
        if disk.parent:
            disk.parent_name = f"{n - 1}.vhd"
            disk.locators = []
            disk.locate("W2ru", f".\\{n - 1}.vhd")
        disk.write(f"{n}.vhd")
    return [f"{n}.vhd" for n in reversed(range(len(chain)))]


def same(chain, oracles="7"):
    paths = write_chain(chain)
    expected = flatten(chain, chain[0].size // SECTOR)
    assert b"POISON" not in expected, "the model itself shows poison"
    equal(read(paths[0]), expected, "mkimage")
    if "7" in oracles:
        equal(by_7zz(paths[0], "vhd"), expected, "7zz")
    if "l" in oracles:
        equal(by_libvhdi(*paths), expected, "libvhdi")
    assert len(info(paths[0])["chain"]) == len(chain), "files in the chain"


@pytest.mark.parametrize("depth, oracles", [(1, "7"), (3, "7"), (12, "7"), (64, "")])
def test_case_44_so_many_deep(depth, oracles):
    same(chain_of(depth), oracles)


@pytest.mark.parametrize("depth", [1, 3, 12])
def test_case_44_so_many_deep_runs_of_8_sectors_by_libvhdi(depth):
    same(chain_of(depth, unit=8), "7l")


def test_case_44_65_deep_is_refused():
    refused(write_chain(chain_of(65, (MIB,)))[0], "more than 64 parents")


def family():
    """A parent with data everywhere, and a child with a few sectors, both 1 MiB."""
    base = DynamicVhd(MIB, 512 * KIB)
    base.store(0, sectors("right", 0, MIB // SECTOR))
    child = DynamicVhd(MIB, 512 * KIB, parent=base)
    child.store(8, sectors("child", 8, 8))
    return base, child


def reads(child, *parents, oracles=""):
    child.write("child.vhd")
    expected = flatten([child, *parents], child.size // SECTOR)
    equal(read("child.vhd"), expected, "mkimage")
    if "7" in oracles:
        equal(by_7zz("child.vhd", "vhd"), expected, "7zz")


def test_case_45_on_a_fixed_parent():
    data = sectors("fixed", 0, 4 * MIB // SECTOR)
    with open("base.vhd", "wb") as f:
        f.write(data + footer(len(data), 2, b"the fixed parent", NOWHERE))
    child = DynamicVhd(4 * MIB, 2 * MIB, parent=b"the fixed parent")
    child.store(16, sectors("child", 16, 8))
    child.locate("W2ru", "base.vhd")
    child.write("child.vhd")
    expected = data[:16 * SECTOR] + sectors("child", 16, 8) + data[24 * SECTOR:]
    equal(read("child.vhd"), expected, "mkimage")
    equal(by_7zz("child.vhd", "vhd"), expected, "7zz")
    equal(by_libvhdi("child.vhd", "base.vhd"), expected, "libvhdi")


def test_case_46_blocks_of_many_sizes_along_the_chain():
    rng = random.Random(46)
    chain = [DynamicVhd(8 * MIB, 4 * MIB)]
    scatter(chain[0], "base", rng, 10, 8)
    for block in (2 * MIB, 64 * KIB, 16 * MIB, 512 * KIB, 4 * MIB):
        child = DynamicVhd(8 * MIB, block, parent=chain[0])
        scatter(child, f"of {block}", rng, 6, 8)
        chain.insert(0, child)
    same(chain, "7l")


# --- Where the parent is looked for

def absolute(name):
    return os.path.join(os.getcwd(), name).replace("/", "\\")


def found_by(*locators, name="", file="base.vhd", oracles=""):
    """The parent lies in `file`; the child names it so."""
    base, child = family()
    os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
    base.write(file)
    child.parent_name = name
    for code, path in locators:
        child.locate(code, path)
    reads(child, base, oracles=oracles)


def test_case_47_w2ru_alone():
    found_by(("W2ru", ".\\base.vhd"), oracles="7")
    found_by(("W2ru", "base.vhd"))
    found_by(("W2ru", "sub\\..\\.\\deep\\base.vhd"), file="deep/base.vhd")


def test_case_48_w2ku_alone():
    os.makedirs("old")
    found_by(("W2ku", "C:" + absolute("old/base.vhd")), file="old/base.vhd")
    found_by(("W2ku", "\\\\?\\C:" + absolute("old/base.vhd")), file="old/base.vhd")


def test_case_48_w2ku_without_a_drive_from_the_root_or_from_the_childs_folder():
    found_by(("W2ku", absolute("a/base.vhd")), file="a/base.vhd")
    found_by(("W2ku", ".\\b\\base.vhd"), file="b/base.vhd")
    found_by(("W2ku", "c\\base.vhd"), file="c/base.vhd")
    found_by(("W2ku", "D:d\\base.vhd"), file="d/base.vhd")


def test_case_48_w2ku_by_the_name_of_a_volume():
    name = "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}"
    found_by(("W2ku", name + absolute("old/base.vhd")), file="old/base.vhd")


def test_case_48_w2ku_on_another_machine_the_name_in_the_childs_folder():
    for path in ("\\\\server\\share\\vhd\\base.vhd", "\\\\?\\UNC\\server\\share\\base.vhd",
                 "//server/share/base.vhd", "\\\\.\\PhysicalDrive1\\base.vhd"):
        found_by(("W2ku", path))
    _base, child = family()
    child.locate("W2ku", "\\\\server\\share\\gone.vhd")
    child.write("child.vhd")
    refused("child.vhd", r"child\.vhd: parent .*gone\.vhd is not there")


def test_case_49_macx_alone():
    found_by(("MacX", b"file://./base.vhd"))                    # as Xen writes it
    found_by(("MacX", b"file://" + os.getcwd().encode() + b"/m%20x/base.vhd"), file="m x/base.vhd")
    found_by(("MacX", b"file://localhost/C:" + os.getcwd().encode() + b"/base.vhd"))


def test_case_50_wi2r_alone_wi2k_alone():
    found_by(("Wi2r", b".\\base.vhd"))
    found_by(("Wi2k", b"C:" + absolute("old/base.vhd").encode()), file="old/base.vhd")


def test_case_51_no_locator_the_headers_name_alone():
    found_by(name="base.vhd", oracles="7")
    found_by(name="D:\\gone\\base.vhd")
    found_by(name="\\\\server\\share\\base.vhd")


def test_case_52_a_locators_space_counted_in_sectors():
    base, child = family()
    base.write("base.vhd")
    child.locator_space = 1
    child.locate("W2ru", ".\\base.vhd")
    reads(child, base, oracles="7")


def test_case_53_locators_before_the_bat():
    base, child = family()
    base.write("base.vhd")
    child.locators_at, child.bat_at = 1536, 4096
    child.locate("W2ru", ".\\base.vhd")
    child.locate("W2ku", "C:\\gone\\base.vhd")
    reads(child, base, oracles="7")


def stranger(path):
    """Another disk under the parent's name."""
    wrong = DynamicVhd(MIB, 512 * KIB)
    wrong.store(0, sectors("wrong", 0, 4))
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    wrong.write(path)


def test_case_54_w2ru_leads_to_another_disk_w2ku_to_the_parent():
    stranger("other/base.vhd")
    os.makedirs("right")
    found_by(("W2ru", "other\\base.vhd"), ("W2ku", "C:" + absolute("right/base.vhd")),
             file="right/base.vhd")
    assert "passed over" in " ".join(info("child.vhd")["warnings"]), "nothing was told"
    chain = info("child.vhd")["chain"]
    assert [os.path.realpath(name) for name in chain] == [os.path.realpath("child.vhd"),
                                                          os.path.realpath("right/base.vhd")], chain


def test_case_55_other_disks_wherever_it_is_looked_for():
    stranger("other/base.vhd")
    stranger("base.vhd")
    _base, child = family()
    child.locate("W2ru", "other\\base.vhd")
    child.locate("W2ku", "C:" + absolute("base.vhd"))
    child.write("child.vhd")
    refused("child.vhd", "child.vhd", "base.vhd",
            "has another id: it was changed or replaced; take the parent this disk was made from")
    child.locators = []
    child.parent_name = "gone.vhd"
    child.write("child.vhd")
    refused("child.vhd", "child.vhd: parent .*gone.vhd is not there")


def test_case_56_the_parents_time_is_another_one_told_only():
    base, child = family()
    base.write("base.vhd")
    child.locate("W2ru", ".\\base.vhd")
    child.write("child.vhd")

    def note_down(seconds):
        with open("child.vhd", "rb") as f:
            f.seek(SECTOR)
            header = bytearray(f.read(1024))
        header[56:60] = seconds.to_bytes(4, "big")
        poke("child.vhd", SECTOR, checksum(header, 36))
        return " ".join(info("child.vhd")["warnings"])
    assert note_down(0x2A000000) == "", "warnings for the footer's time"    # as the builder writes it
    mtime = int(os.stat("base.vhd").st_mtime)
    assert note_down(mtime - 946684800) == "", "warnings for the file's time"
    assert "has the parent been written since" in note_down(0x2A000001), "nothing was told"
    mkimage("vhd", "check", "child.vhd")
    equal(read("child.vhd"), flatten([child, base], MIB // SECTOR), "mkimage")


def test_case_57_the_parent_renamed_in_letter_case_only():
    found_by(("W2ru", ".\\bases\\base.vhd"), file="Bases/BASE.VHD")
    found_by(("W2ru", ".\\Ärger.vhd"), file="äRGER.vhd")


@pytest.mark.parametrize("name", [
    pytest.param("bäse ü.vhd", id="umlauts"), pytest.param("基盤.vhd", id="CJK"),
    pytest.param("\U0001d11e.vhd", id="a surrogate pair"), pytest.param("n" * 251 + ".vhd", id="255 characters")])
def test_case_58_a_name_with(name):
    found_by(("W2ru", ".\\" + name), file=name)


def test_case_59_the_parent_in_the_folder_above(folder, monkeypatch):
    base, child = family()
    base.write("base.vhd")
    os.makedirs("sub/sub")
    for below, path in (("sub", "..\\base.vhd"), ("sub/sub", "..\\..\\base.vhd")):
        monkeypatch.chdir(folder / below)
        child.locators = []
        child.locate("W2ru", path)
        reads(child, base)                                      # 7zz looks in the child's folder only


def test_case_60_a_disk_that_is_its_own_parent_and_two_that_are_each_others():
    one, two = b"the first disk!!", b"the second disk!"
    child = DynamicVhd(MIB, 512 * KIB, identity=one, parent=one)
    child.locate("W2ru", ".\\child.vhd")
    child.write("child.vhd")
    refused("child.vhd", "parents lead back to it")
    child = DynamicVhd(MIB, 512 * KIB, identity=one, parent=two)
    child.locate("W2ru", ".\\other.vhd")
    child.write("child.vhd")
    other = DynamicVhd(MIB, 512 * KIB, identity=two, parent=one)
    other.locate("W2ru", ".\\child.vhd")
    other.write("other.vhd")
    refused("child.vhd", "parents lead back to it")


# --- Contents

def test_case_61_sectors_stored_although_they_equal_the_parents():
    base, child = family()
    child.store(64, sectors("right", 64, 128))
    same([child, base], "7l")


def test_case_62_zeros_in_the_child_over_data_in_the_parent():
    base, child = family()
    child.store(0, bytes(16 * SECTOR))
    child.store(1000, bytes(64 * SECTOR))
    same([child, base], "7l")
    child.store(777, bytes(SECTOR))
    same([child, base], "7")


def test_case_63_poison_under_every_0_bit():
    chain = chain_of(3, unit=1, block=512 * KIB)
    same(chain)
    shown = read("3.vhd")
    assert b"POISON" not in shown, "poison on the disk"
    hidden = sum(open(f"{n}.vhd", "rb").read().count(b"POISON! " * 64) for n in range(4))
    assert hidden > 1000, f"only {hidden} sectors of poison in the files"


def test_case_64_a_child_larger_than_its_parent():
    chain = chain_of(3, (4 * MIB, 6 * MIB, 5 * MIB, 9 * MIB))
    same(chain, "")
    base, child = family()
    child.size = 3 * MIB + 5 * SECTOR
    child.store(3 * MIB // SECTOR, sectors("beyond", 0, 5))
    same([child, base], "")


def test_case_65_the_parents_own_end_is_short_or_damaged():
    base, child = family()
    child.locate("W2ru", ".\\base.vhd")
    child.write("child.vhd")
    expected = flatten([child, base], MIB // SECTOR)
    base.write("base.vhd")
    os.truncate("base.vhd", os.path.getsize("base.vhd") - 1)
    equal(read("child.vhd"), expected, "511 bytes")
    base.write("base.vhd")
    poke("base.vhd", -300, b"x")
    equal(read("child.vhd"), expected, "a wrong sum")
    assert "damaged" in " ".join(info("child.vhd")["warnings"]), "nothing was told"
    poke("base.vhd", 100, b"x")
    refused("child.vhd", "base.vhd: .*checksum")


def test_case_66_a_leaf_without_a_block():
    base, _child = family()
    same([DynamicVhd(MIB, 512 * KIB, parent=base), base], "7l")


def test_a_chain_with_odd_locators_is_opened_or_refused_with_a_sentence():
    base, _child = family()
    base.write("base.vhd")
    for path in ("", "\\", "\\\\", "\\\\?\\", "C:", "..", "..\\", "OTHER:\\base.vhd", "\\\\?\\Volume{", "\0\0",
                 "a" * 20000, "\ud800.vhd".encode("utf-16-le", "surrogatepass"), b"odd"):
        child = DynamicVhd(MIB, 512 * KIB, parent=base)
        child.locate("W2ru", path)
        child.locate("W2ku", path)
        child.write("child.vhd")
        if path == "OTHER:\\base.vhd":
            equal(read("child.vhd"), flatten([child, base], MIB // SECTOR), "the name beside the child")
        else:
            refused("child.vhd", "child.vhd: .")

