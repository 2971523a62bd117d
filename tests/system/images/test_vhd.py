#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Single VHDs: what `mkimage vhd read` gives, against the model that made the image and against other
readers; and what is refused. Chains are in test_vhd_chains.py."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from flash import Workshop, extents, mkimage_json, run as run_tool, tool    # noqa: E402
from images import (SECTOR, by_7zz, by_libvhdi, by_qemu, case, equal, info, main, mkimage, peek, poke,
                    read, refused, run, test)                               # noqa: E402
from report import check, check_equal, need                                 # noqa: E402
from vhd_dynamic import DynamicVhd, checksum, flatten, footer, sectors      # noqa: E402

KIB = 1 << 10
MIB = 1 << 20
NOWHERE = 0xFFFFFFFFFFFFFFFF


def fixed(count=3000, between=b"", **options):
    """d.vhd; the disk's bytes."""
    data = sectors("fixed", 0, count)
    with open("d.vhd", "wb") as f:
        f.write(data + between + footer(count * SECTOR, 2, b"i" * 16, NOWHERE, **options))
    return data


def dynamic(size=12 * MIB, block_size=2 * MIB, seed=1, **attributes):
    """A disk with runs of sectors at random places."""
    disk = DynamicVhd(size, block_size)
    rng = random.Random(seed)
    total = size // SECTOR
    for _ in range(12):
        lba = rng.randrange(total)
        disk.store(lba, sectors("dynamic", lba, min(rng.choice((1, 3, 8, 64, 700)), total - lba)))
    for name, value in attributes.items():
        setattr(disk, name, value)
    return disk


def readers(expected, oracles):
    equal(read("d.vhd"), expected, "mkimage")
    if "q" in oracles:
        equal(by_qemu("d.vhd", "vpc"), expected, "qemu-img")
    if "7" in oracles:
        equal(by_7zz("d.vhd", "vhd"), expected, "7zz")
    if "l" in oracles:
        equal(by_libvhdi("d.vhd"), expected, "libvhdi")


def same(disk, oracles="q7l"):
    """Writes the disk as d.vhd and has it read; the disk's bytes."""
    disk.write("d.vhd")
    expected = flatten([disk], disk.size // SECTOR)
    check(b"POISON" not in expected, "the model itself shows poison")
    readers(expected, oracles)
    mkimage("vhd", "check", "d.vhd")
    return expected


def warned(*words):
    warnings = " / ".join(info("d.vhd")["warnings"])
    for word in words:
        check(word in warnings, f"{word!r} is not in {warnings!r}")
    return warnings


def writable_on_flash():
    """Would the machine write to d.vhd?"""
    mkimage("flash", "flash.img", "--vhd", "d.vhd")
    answer = any(r["writable"] for r in mkimage_json("map", "flash.img")["runs"])
    os.remove("flash.img")
    return answer


# --- Fixed

@case("1: fixed, its size exact")
def fixed_exact():
    readers(fixed(4096), "q7l")
    check(writable_on_flash(), "a sound fixed disk is not writable")


@case("2: fixed, with a footer of 511 bytes")
def fixed_511():
    data = fixed()
    os.truncate("d.vhd", len(data) + 511)
    readers(data, "q")
    warned("511 bytes")


@case("3: fixed, with bytes between data and footer")
def fixed_between():
    readers(fixed(between=b"POISON! " * 640), "")


@case("4: fixed, 3000 sectors, which are no product of a geometry")
def fixed_3000():
    readers(fixed(), "q7l")
    check_equal(info("d.vhd")["size"], 3000 * SECTOR, "size")


@case("5: fixed, a wrong sum in its footer")
def fixed_bad_sum():
    fixed()
    poke("d.vhd", -300, b"x")
    refused("d.vhd", "d.vhd: .*checksum")


@case("6: fixed, without a footer")
def fixed_no_footer():
    data = fixed()
    os.truncate("d.vhd", len(data))
    refused("d.vhd", "d.vhd: .")


@case("7: fixed, and its first sectors are a dynamic VHD's")
def fixed_of_dynamic():
    inner = dynamic(2 * MIB, 512 * KIB)
    with open(inner.write("inner"), "rb") as f:
        data = f.read()
    data += bytes(-len(data) % SECTOR)
    with open("d.vhd", "wb") as f:
        f.write(data + footer(len(data), 2, b"i" * 16, NOWHERE))
    readers(data, "l")                                          # QEMU and 7-Zip look at the start first
    check_equal(info("d.vhd")["kind"], "fixed", "kind")


# --- Dynamic: layouts

@case("8: dynamic, blocks of 2 MiB")
def blocks_2m():
    same(dynamic())
    check_equal(info("d.vhd")["warnings"], [], "warnings")


@case("9: dynamic, blocks of 512 KiB, shuffled")
def blocks_shuffled():
    disk = dynamic(block_size=512 * KIB)
    disk.order = sorted(disk.blocks)
    random.Random(2).shuffle(disk.order)
    same(disk)


@case("10: dynamic, blocks of 4 MiB with bitmaps of two sectors, reversed")
def blocks_reversed():
    disk = dynamic(24 * MIB, 4 * MIB)
    disk.order = sorted(disk.blocks, reverse=True)
    same(disk)


@case("11: dynamic, blocks of 16 MiB")
def blocks_16m():
    same(dynamic(48 * MIB, 16 * MIB))


@case("12: dynamic, blocks of 4 KiB")
def blocks_4k():
    same(dynamic(2 * MIB, 4 * KIB), "q7")


@case("13: dynamic, the last block in part on the disk, whole in the file")
def last_in_part():
    same(dynamic(5 * MIB + 3 * SECTOR, MIB))


@case("14: dynamic, the last block cut in the file as well")
def last_cut():
    disk = dynamic(5 * MIB + 3 * SECTOR, MIB, truncate_last=True)
    disk.store(disk.size // SECTOR - 2, sectors("last", 0, 2))
    same(disk, "l")                                             # QEMU and 7-Zip refuse it
    warned("cut")
    check(not writable_on_flash(), "writable although the last block is cut")


@case("15: dynamic, data on borders of 4 KiB")
def aligned():
    same(dynamic(align=4096))


@case("16: dynamic, gaps full of poison between the blocks")
def gaps():
    same(dynamic(gap=5 * SECTOR))


@case("17: dynamic, zeroed slack before the footer")
def slack():
    same(dynamic(slack=6 * MIB))


@case("18: dynamic, junk before the footer")
def junk():
    same(dynamic(slack=3 * MIB + SECTOR, junk=True))


@case("19: dynamic, bitmaps of all ones")
def all_ones():
    disk = dynamic(all_bits=True)
    same(disk)
    block = int.from_bytes(peek("d.vhd", disk.bat_at + 4 * min(disk.blocks), 4), "big")
    check_equal(peek("d.vhd", block * SECTOR, SECTOR), b"\xff" * SECTOR, "the bitmap")


@case("20: dynamic, every block present")
def every_block():
    disk = DynamicVhd(6 * MIB, 2 * MIB)
    disk.store(0, sectors("all", 0, 6 * MIB // SECTOR))
    same(disk)


@case("21: dynamic, exact bitmaps: clear bits over zeros")
def exact_bitmaps():
    same(dynamic(all_bits=False), "q7")                         # libvhdi: only runs of 8 sectors
    disk = DynamicVhd(12 * MIB, 2 * MIB)
    disk.all_bits = False
    for lba in (0, 64, 4096 + 800, 20000):
        disk.store(lba, sectors("eight", lba, 24))
    same(disk)


@case("22: dynamic, a clear bit over data: read, and told")
def clear_bit_over_data():
    disk = DynamicVhd(4 * MIB)
    disk.store(4096, sectors("data", 4096, 100))                # the second block
    expected = same(disk)
    check_equal(info("d.vhd")["warnings"], [], "warnings of a sound disk")
    block = int.from_bytes(peek("d.vhd", disk.bat_at + 4, 4), "big") * SECTOR
    poke("d.vhd", block + 1, b"\xdf")                           # bit 2 of byte 1: sector 10
    warned("sector 4106 is empty, but it holds data")
    readers(expected, "q")
    poke("d.vhd", block + SECTOR + 10 * SECTOR, bytes(SECTOR))
    check_equal(info("d.vhd")["warnings"], [], "warnings of a clear bit over zeros")


@test("dynamic, no block at all")
def no_block():
    same(DynamicVhd(12 * MIB, 2 * MIB))


@test("dynamic, made by qemu-img")
def of_qemu_img():
    need("qemu-img")
    rng = random.Random(2)
    with open("raw", "wb") as f:
        f.truncate(40 * MIB)
        for _ in range(30):
            f.seek(rng.randrange(40 * MIB - 9999))
            f.write(rng.randbytes(9999))
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on", "raw", "d.vhd")
    with open("raw", "rb") as f:
        readers(f.read(), "l")


# --- Dynamic: footers

def end_of_zeros():
    poke("d.vhd", -SECTOR, bytes(SECTOR))


def end_sum_bad():
    poke("d.vhd", -300, b"x")


def copy_of_zeros():
    poke("d.vhd", 0, bytes(SECTOR))


@case("23: dynamic, with a footer of 511 bytes")
def end_511():
    expected = same(dynamic())
    os.truncate("d.vhd", os.path.getsize("d.vhd") - 1)
    readers(expected, "q")
    warned("511 bytes")


@case("24: dynamic, the end overwritten, the copy good")
def end_overwritten():
    expected = same(dynamic())
    end_of_zeros()
    readers(expected, "q")
    warned("footer at the end is damaged")
    check(not writable_on_flash(), "writable by a copy")


@case("25: dynamic, the end missing")
def end_missing():
    expected = same(dynamic())
    os.truncate("d.vhd", os.path.getsize("d.vhd") - SECTOR)
    readers(expected, "q")
    warned("footer at the end")


@case("26: dynamic, a wrong sum at the end")
def end_wrong_sum():
    expected = same(dynamic())
    end_sum_bad()
    readers(expected, "ql")                                     # libvhdi does not look at the sum
    warned("footer at the end is damaged")


@case("27: dynamic, the copy damaged, the end good")
def copy_damaged():
    expected = same(dynamic())
    poke("d.vhd", 100, b"x")
    readers(expected, "l")
    warned("footer's copy at the start is damaged")
    copy_of_zeros()
    readers(expected, "")


@case("28: dynamic, both footers overwritten")
def both_overwritten():
    same(dynamic(), "")
    end_of_zeros()
    copy_of_zeros()
    refused("d.vhd", "d.vhd: .")


@case("29: dynamic, a wrong sum in both footers")
def both_sums_bad():
    same(dynamic(), "")
    end_sum_bad()
    poke("d.vhd", 100, b"x")
    refused("d.vhd", "d.vhd: .*checksum")


@case("30: dynamic, two good footers that differ: told, and not written")
def footers_differ():
    expected = same(dynamic())
    foot = bytearray(peek("d.vhd", -SECTOR, SECTOR))
    foot[68] ^= 1
    poke("d.vhd", -SECTOR, checksum(foot, 64))
    readers(expected, "")
    warned("differ")
    check(not writable_on_flash(), "writable with two opinions")


# --- Dynamic: tables, values

@case("31: dynamic, 300 entries of the BAT to spare")
def spare_entries():
    same(dynamic(spare=300), "ql")                              # 7-Zip refuses them


@case("32: dynamic, the BAT at 1 MiB")
def bat_far():
    same(dynamic(bat_at=MIB))


@case("33: dynamic, the header at 64 KiB")
def header_far():
    same(dynamic(header_at=64 * KIB, bat_at=66 * KIB))


@case("34: dynamic, a BAT too short for the disk")
def bat_short():
    disk = DynamicVhd(12 * MIB, 2 * MIB)
    disk.spare = -1
    disk.write("d.vhd")
    refused("d.vhd", "BAT is too short for its disk: 5 entries")


@case("35: the current size counts, whoever made the file")
def creators():
    size = 12 * MIB
    for creator in (b"vpc ", b"vs  ", b"vbox", b"qemu", b"qem2", b"win ", b"d2v ", b"tap\0", b"CTXS",
                    b"wa\0\0"):
        disk = dynamic(size, creator=creator, chs=(361, 4, 17))     # 12 MiB less 4 sectors
        oracles = "l7" + ("q" if creator in (b"qem2", b"win ", b"d2v ", b"tap\0", b"CTXS") else "")
        same(disk, oracles)
        check_equal(info("d.vhd")["size"], size, f"size by {creator}")
        if creator == b"vpc ":
            warned("go by the footer's geometry")
        data = fixed(creator=creator, chs=(10, 4, 17))
        readers(data, oracles)
    disk = dynamic(size, creator=b"qemu")                           # the largest geometry counts for QEMU
    same(disk)


@case("36: a saved state: read, told, not written")
def saved_state():
    same(dynamic(saved_state=1))
    data = fixed(saved_state=1)
    readers(data, "q7l")
    warned("a suspended virtual machine uses this disk")
    check(not writable_on_flash(), "writable under a saved state")


@case("37: types 0 and 5")
def unknown_types():
    for kind in (0, 5):
        with open("d.vhd", "wb") as f:
            f.write(bytes(8 * SECTOR) + footer(8 * SECTOR, kind, b"i" * 16, NOWHERE))
        refused("d.vhd", f"d.vhd: a VHD of unknown type {kind}")


@case("38: dynamic, 2040 GiB")
def largest():
    disk = DynamicVhd(2040 << 30, 2 * MIB)
    last = disk.size // SECTOR - 8
    disk.store(last, sectors("end", last, 8))
    disk.store(0, sectors("start", 0, 8))
    disk.write("d.vhd")
    equal(read("d.vhd", last, 8), sectors("end", last, 8), "the end")
    equal(read("d.vhd", last // 2, 8), bytes(8 * SECTOR), "the middle")
    equal(read("d.vhd", 0, 8), sectors("start", 0, 8), "the start")
    check_equal(info("d.vhd")["size"], 2040 << 30, "size")


def bat_entry(value):
    """A disk whose first block lies there by its BAT."""
    disk = DynamicVhd(6 * MIB, 2 * MIB)
    disk.store(0, sectors("all", 0, 12288))
    disk.write("d.vhd")
    poke("d.vhd", disk.bat_at, value.to_bytes(4, "big"))


@case("39: a block in the header, beyond the end, or where another one is")
def bad_entries():
    bat_entry(2)
    refused("d.vhd", "VHD block 0 lies over the VHD's own header or BAT")
    bat_entry(3)
    refused("d.vhd", "VHD block 0 lies over the VHD's own header or BAT")
    bat_entry(20000)
    refused("d.vhd", "VHD block 0 lies beyond the end of the file")
    bat_entry(0xFFFFFFFE)
    refused("d.vhd", "VHD block 0 lies beyond the end of the file")
    bat_entry(4 + 4097)                                         # the second block's place
    refused("d.vhd", "VHD block . lies over")


@case("40: a block at sector 0")
def entry_0():
    bat_entry(0)
    refused("d.vhd", "VHD block 0 lies over the VHD's own header or BAT")


@case("41: a wrong sum in the dynamic header")
def header_sum():
    same(dynamic(), "")
    poke("d.vhd", SECTOR + 900, b"x")
    refused("d.vhd", "VHD dynamic header at byte 512 has a wrong checksum")


# --- On NTFS

def straddles(places, first, count, cluster):
    """Do these sectors of the file lie in more than one piece?"""
    at = 0
    for _lba, length in places:
        if at < first + count and first < at + length:
            return not (at <= first and first + count <= at + length)
        at += length
    return False


@case("42: a block and a bitmap that lie across fragments of the file")
def fragmented():
    base = dynamic(8 * MIB, 4 * MIB)
    base.write("base.vhd")
    disk = DynamicVhd(8 * MIB, 4 * MIB, parent=base)
    rng = random.Random(9)
    for _ in range(40):
        lba = rng.randrange(8 * MIB // SECTOR - 20)
        disk.store(lba, sectors("child", lba, rng.randrange(1, 20)))
    disk.locate("W2ru", ".\\base.vhd")
    disk.write("d.vhd")
    expected = flatten([disk, base], 8 * MIB // SECTOR)
    equal(read("d.vhd"), expected, "on the host")
    with Workshop() as shop:
        pieces = os.path.getsize("d.vhd") // SECTOR
        flash = shop.formatted("d.vhd", cluster=512, mib=80, pieces=pieces, to="/d.vhd",
                               config="[a]\nvhd = \\d.vhd\n")
        run_tool(tool("tools/fragment"), flash, "base.vhd", "/base.vhd", 777)
        places = extents(flash, "/d.vhd")
        check_equal(len(places), pieces, "pieces")
        for block in range(2):
            entry = int.from_bytes(peek("d.vhd", disk.bat_at + 4 * block, 4), "big")
            check(straddles(places, entry, 2, 512), "a bitmap in one piece")
            check(straddles(places, entry + 2, 8192, 512), "a block in one piece")
        equal(mkimage("read", flash).stdout, expected, "through the map")
        equal(mkimage("vhd", "read", flash + ":/d.vhd").stdout, expected, "vhd read on the flash")


main()
