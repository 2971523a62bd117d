#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Chains of VHDs: what is read through them, by mkimage, 7zz and libvhdi, and where a parent is looked
for. What a layer's bitmap does not claim, and what a child hides, is poison."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from images import SECTOR, by_7zz, by_libvhdi, case, equal, info, main, mkimage, poke, read, refused, test  # noqa: E402
from report import check, check_equal                                       # noqa: E402
from vhd_dynamic import DynamicVhd, checksum, flatten, footer, sectors      # noqa: E402

KIB = 1 << 10
MIB = 1 << 20
NOWHERE = 0xFFFFFFFFFFFFFFFF


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
    check(b"POISON" not in expected, "the model itself shows poison")
    equal(read(paths[0]), expected, "mkimage")
    if "7" in oracles:
        equal(by_7zz(paths[0], "vhd"), expected, "7zz")
    if "l" in oracles:
        equal(by_libvhdi(*paths), expected, "libvhdi")
    check_equal(len(info(paths[0])["chain"]), len(chain), "files in the chain")


for depth, oracles in ((1, "7"), (3, "7"), (12, "7"), (64, "")):
    @case(f"44: {depth} deep")
    def deep(depth=depth, oracles=oracles):
        same(chain_of(depth), oracles)


for depth in (1, 3, 12):
    @case(f"44: {depth} deep, runs of 8 sectors, by libvhdi")
    def deep_eights(depth=depth):
        same(chain_of(depth, unit=8), "7l")


@case("44: 65 deep is refused")
def too_deep():
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


@case("45: on a fixed parent")
def fixed_parent():
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


@case("46: blocks of many sizes along the chain")
def mixed_blocks():
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


@case("47: W2ru alone")
def w2ru():
    found_by(("W2ru", ".\\base.vhd"), oracles="7")
    found_by(("W2ru", "base.vhd"))
    found_by(("W2ru", "sub\\..\\.\\deep\\base.vhd"), file="deep/base.vhd")


@case("48: W2ku alone")
def w2ku():
    os.makedirs("old")
    found_by(("W2ku", "C:" + absolute("old/base.vhd")), file="old/base.vhd")
    found_by(("W2ku", "\\\\?\\C:" + absolute("old/base.vhd")), file="old/base.vhd")


@case("48: W2ku without a drive: from the root, or from the child's folder")
def w2ku_odd():
    found_by(("W2ku", absolute("a/base.vhd")), file="a/base.vhd")
    found_by(("W2ku", ".\\b\\base.vhd"), file="b/base.vhd")
    found_by(("W2ku", "c\\base.vhd"), file="c/base.vhd")
    found_by(("W2ku", "D:d\\base.vhd"), file="d/base.vhd")


@case("48: W2ku by the name of a volume")
def w2ku_volume():
    name = "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}"
    found_by(("W2ku", name + absolute("old/base.vhd")), file="old/base.vhd")


@case("48: W2ku on another machine: the name in the child's folder")
def w2ku_network():
    for path in ("\\\\server\\share\\vhd\\base.vhd", "\\\\?\\UNC\\server\\share\\base.vhd",
                 "//server/share/base.vhd", "\\\\.\\PhysicalDrive1\\base.vhd"):
        found_by(("W2ku", path))
    _base, child = family()
    child.locate("W2ku", "\\\\server\\share\\gone.vhd")
    child.write("child.vhd")
    refused("child.vhd", r"child\.vhd: parent .*gone\.vhd is not there")


@case("49: MacX alone")
def macx():
    found_by(("MacX", b"file://./base.vhd"))                    # as Xen writes it
    found_by(("MacX", b"file://" + os.getcwd().encode() + b"/m%20x/base.vhd"), file="m x/base.vhd")
    found_by(("MacX", b"file://localhost/C:" + os.getcwd().encode() + b"/base.vhd"))


@case("50: Wi2r alone, Wi2k alone")
def wi2():
    found_by(("Wi2r", b".\\base.vhd"))
    found_by(("Wi2k", b"C:" + absolute("old/base.vhd").encode()), file="old/base.vhd")


@case("51: no locator, the header's name alone")
def header_name():
    found_by(name="base.vhd", oracles="7")
    found_by(name="D:\\gone\\base.vhd")
    found_by(name="\\\\server\\share\\base.vhd")


@case("52: a locator's space counted in sectors")
def space_in_sectors():
    base, child = family()
    base.write("base.vhd")
    child.locator_space = 1
    child.locate("W2ru", ".\\base.vhd")
    reads(child, base, oracles="7")


@case("53: locators before the BAT")
def locators_first():
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


@case("54: W2ru leads to another disk, W2ku to the parent")
def wrong_first():
    stranger("other/base.vhd")
    os.makedirs("right")
    found_by(("W2ru", "other\\base.vhd"), ("W2ku", "C:" + absolute("right/base.vhd")),
             file="right/base.vhd")
    check("passed over" in " ".join(info("child.vhd")["warnings"]), "nothing was told")


@case("55: other disks wherever it is looked for")
def wrong_everywhere():
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


@case("56: the parent's time is another one: told only")
def parent_time():
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
    check_equal(note_down(0x2A000000), "", "warnings for the footer's time")    # as the builder writes it
    mtime = int(os.stat("base.vhd").st_mtime)
    check_equal(note_down(mtime - 946684800), "", "warnings for the file's time")
    check("has the parent been written since" in note_down(0x2A000001), "nothing was told")
    mkimage("vhd", "check", "child.vhd")
    equal(read("child.vhd"), flatten([child, base], MIB // SECTOR), "mkimage")


@case("57: the parent renamed in letter case only")
def letter_case():
    found_by(("W2ru", ".\\bases\\base.vhd"), file="Bases/BASE.VHD")
    found_by(("W2ru", ".\\Ärger.vhd"), file="äRGER.vhd")


NAMES = {"umlauts": "bäse ü.vhd", "CJK": "基盤.vhd", "a surrogate pair": "\U0001d11e.vhd",
         "255 characters": "n" * 251 + ".vhd"}
for what, name in NAMES.items():
    @case(f"58: a name with {what}")
    def named(name=name):
        found_by(("W2ru", ".\\" + name), file=name)


@case("59: the parent in the folder above")
def above():
    base, child = family()
    base.write("base.vhd")
    os.makedirs("sub/sub")
    for folder, path in (("sub", "..\\base.vhd"), ("sub/sub", "..\\..\\base.vhd")):
        os.chdir(folder)
        child.locators = []
        child.locate("W2ru", path)
        reads(child, base)                                      # 7zz looks in the child's folder only
        os.chdir("../" * (1 + folder.count("/")))


@case("60: a disk that is its own parent, and two that are each other's")
def loops():
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

@case("61: sectors stored although they equal the parent's")
def equal_sectors():
    base, child = family()
    child.store(64, sectors("right", 64, 128))
    same([child, base], "7l")


@case("62: zeros in the child over data in the parent")
def zeros_over_data():
    base, child = family()
    child.store(0, bytes(16 * SECTOR))
    child.store(1000, bytes(64 * SECTOR))
    same([child, base], "7l")
    child.store(777, bytes(SECTOR))
    same([child, base], "7")


@case("63: poison under every 0 bit")
def poison():
    chain = chain_of(3, unit=1, block=512 * KIB)
    same(chain)
    shown = read("3.vhd")
    check(b"POISON" not in shown, "poison on the disk")
    hidden = sum(open(f"{n}.vhd", "rb").read().count(b"POISON! " * 64) for n in range(4))
    check(hidden > 1000, f"only {hidden} sectors of poison in the files")


@case("64: a child larger than its parent")
def larger():
    chain = chain_of(3, (4 * MIB, 6 * MIB, 5 * MIB, 9 * MIB))
    same(chain, "")
    base, child = family()
    child.size = 3 * MIB + 5 * SECTOR
    child.store(3 * MIB // SECTOR, sectors("beyond", 0, 5))
    same([child, base], "")


@case("65: the parent's own end is short, or damaged")
def parent_end():
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
    check("damaged" in " ".join(info("child.vhd")["warnings"]), "nothing was told")
    poke("base.vhd", 100, b"x")
    refused("child.vhd", "base.vhd: .*checksum")


@case("66: a leaf without a block")
def empty_leaf():
    base, _child = family()
    same([DynamicVhd(MIB, 512 * KIB, parent=base), base], "7l")


@test("a chain with odd locators is opened, or refused with a sentence")
def odd_locators():
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


main()
