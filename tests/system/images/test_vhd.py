# SPDX-License-Identifier: GPL-2.0-or-later
"""Single VHDs: what `mkimage vhd read` gives, against the model that made the image and against other
readers; and what is refused. Chains are in test_vhd_chains.py."""
import os
import random

import pytest

from flash import extents, mkimage_json, run as run_tool, tool
from images import SECTOR, by_7zz, by_libvhdi, by_qemu, equal, info, peek, poke, read, refused
from tools import mkimage, need, run
from vhd_dynamic import DynamicVhd, checksum, flatten, footer, sectors

KIB = 1 << 10
MIB = 1 << 20
NOWHERE = 0xFFFFFFFFFFFFFFFF

pytestmark = pytest.mark.usefixtures("folder")


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
    assert b"POISON" not in expected, "the model itself shows poison"
    readers(expected, oracles)
    mkimage("vhd", "check", "d.vhd")
    return expected


def warned(*words):
    warnings = " / ".join(info("d.vhd")["warnings"])
    for word in words:
        assert word in warnings, f"{word!r} is not in {warnings!r}"
    return warnings


def damaged(*words):
    """vhd check reads it, warns, and says in one sentence that it is damaged."""
    warned(*words)
    done = mkimage("vhd", "check", "d.vhd", status=1)
    said = done.stderr.decode()
    assert len(said.splitlines()) == 1 and "d.vhd: " in said, said
    for word in words:
        assert word in said and word in done.stdout.decode(), (word, said, done.stdout)
    assert b"clean" not in done.stdout


def writable_on_flash():
    """Would the machine write to d.vhd?"""
    mkimage("flash", "flash.img", "--vhd", "d.vhd")
    answer = any(r["writable"] for r in mkimage_json("map", "flash.img")["runs"])
    os.remove("flash.img")
    return answer


# --- Fixed

def test_case_1_fixed_its_size_exact():
    readers(fixed(4096), "q7l")
    assert writable_on_flash(), "a sound fixed disk is not writable"


def test_case_2_fixed_with_a_footer_of_511_bytes():
    data = fixed()
    os.truncate("d.vhd", len(data) + 511)
    readers(data, "q")
    warned("511 bytes")


def test_case_3_fixed_with_bytes_between_data_and_footer():
    readers(fixed(between=b"POISON! " * 640), "")


def test_case_4_fixed_3000_sectors_which_are_no_product_of_a_geometry():
    readers(fixed(), "q7l")
    assert info("d.vhd")["size"] == 3000 * SECTOR, "size"


def test_case_5_fixed_a_wrong_sum_in_its_footer():
    fixed()
    poke("d.vhd", -300, b"x")
    refused("d.vhd", "d.vhd: .*checksum")


def test_case_6_fixed_without_a_footer():
    data = fixed()
    os.truncate("d.vhd", len(data))
    refused("d.vhd", "d.vhd: .")


def test_case_7_fixed_and_its_first_sectors_are_a_dynamic_vhds():
    inner = dynamic(2 * MIB, 512 * KIB)
    with open(inner.write("inner"), "rb") as f:
        data = f.read()
    data += bytes(-len(data) % SECTOR)
    with open("d.vhd", "wb") as f:
        f.write(data + footer(len(data), 2, b"i" * 16, NOWHERE))
    readers(data, "l")                                          # QEMU and 7-Zip look at the start first
    assert info("d.vhd")["kind"] == "fixed", "kind"


# --- Dynamic: layouts

def test_case_8_dynamic_blocks_of_2_mib():
    same(dynamic())
    assert info("d.vhd")["warnings"] == [], "warnings"


def test_case_9_dynamic_blocks_of_512_kib_shuffled():
    disk = dynamic(block_size=512 * KIB)
    disk.order = sorted(disk.blocks)
    random.Random(2).shuffle(disk.order)
    same(disk)


def test_case_10_dynamic_blocks_of_4_mib_with_bitmaps_of_two_sectors_reversed():
    disk = dynamic(24 * MIB, 4 * MIB)
    disk.order = sorted(disk.blocks, reverse=True)
    same(disk)


@pytest.mark.takes(12)
def test_case_11_dynamic_blocks_of_16_mib():
    same(dynamic(48 * MIB, 16 * MIB))


def test_case_12_dynamic_blocks_of_4_kib():
    same(dynamic(2 * MIB, 4 * KIB), "q7")


def test_case_13_dynamic_the_last_block_in_part_on_the_disk_whole_in_the_file():
    same(dynamic(5 * MIB + 3 * SECTOR, MIB))


def test_case_14_dynamic_the_last_block_cut_in_the_file_as_well():
    disk = dynamic(5 * MIB + 3 * SECTOR, MIB, truncate_last=True)
    disk.store(disk.size // SECTOR - 2, sectors("last", 0, 2))
    same(disk, "l")                                             # QEMU and 7-Zip refuse it
    warned("cut")
    assert not writable_on_flash(), "writable although the last block is cut"


def test_case_15_dynamic_data_on_borders_of_4_kib():
    same(dynamic(align=4096))


def test_case_16_dynamic_gaps_full_of_poison_between_the_blocks():
    same(dynamic(gap=5 * SECTOR))


def test_case_17_dynamic_zeroed_slack_before_the_footer():
    same(dynamic(slack=6 * MIB))


def test_case_18_dynamic_junk_before_the_footer():
    same(dynamic(slack=3 * MIB + SECTOR, junk=True))


def test_case_19_dynamic_bitmaps_of_all_ones():
    disk = dynamic(all_bits=True)
    same(disk)
    block = int.from_bytes(peek("d.vhd", disk.bat_at + 4 * min(disk.blocks), 4), "big")
    assert peek("d.vhd", block * SECTOR, SECTOR) == b"\xff" * SECTOR, "the bitmap"


def test_case_20_dynamic_every_block_present():
    disk = DynamicVhd(6 * MIB, 2 * MIB)
    disk.store(0, sectors("all", 0, 6 * MIB // SECTOR))
    same(disk)


def test_case_21_dynamic_exact_bitmaps_clear_bits_over_zeros():
    same(dynamic(all_bits=False), "q7")                         # libvhdi: only runs of 8 sectors
    disk = DynamicVhd(12 * MIB, 2 * MIB)
    disk.all_bits = False
    for lba in (0, 64, 4096 + 800, 20000):
        disk.store(lba, sectors("eight", lba, 24))
    same(disk)


def test_case_22_dynamic_a_clear_bit_over_data_read_and_told():
    disk = DynamicVhd(4 * MIB)
    disk.store(4096, sectors("data", 4096, 100))                # the second block
    expected = same(disk)
    assert info("d.vhd")["warnings"] == [], "warnings of a sound disk"
    block = int.from_bytes(peek("d.vhd", disk.bat_at + 4, 4), "big") * SECTOR
    poke("d.vhd", block + 1, b"\xdf")                           # bit 2 of byte 1: sector 10
    warned("sector 4106 is empty, but it holds data")
    readers(expected, "q")
    poke("d.vhd", block + SECTOR + 10 * SECTOR, bytes(SECTOR))
    assert info("d.vhd")["warnings"] == [], "warnings of a clear bit over zeros"


def test_dynamic_no_block_at_all():
    same(DynamicVhd(12 * MIB, 2 * MIB))


def test_dynamic_made_by_qemu_img():
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


@pytest.mark.parametrize("options, kind", [
    ("-f vpc -o subformat=fixed", "fixed"), ("-f vpc", "dynamic"), ("-f vhdx", "dynamic"),
    ("-f vhdx -o subformat=fixed", "fixed"), (None, "differencing")])
def test_the_keys_of_vhd_info(options, kind):
    if options:
        run("qemu-img", "create", "-q", *options.split(), "d.vhd", 8 * MIB)
    else:
        parent = dynamic()
        parent.write("base.vhd")
        child = DynamicVhd(parent.size, 2 * MIB, parent=parent)
        child.locate("W2ru", ".\\base.vhd")
        child.write("d.vhd")
    facts = info("d.vhd")
    assert facts["format"] == ("vhdx" if options and "vhdx" in options else "vhd") and facts["kind"] == kind
    assert all(type(facts[key]) is int for key in ("size", "block_size", "allocated")), facts
    names = [os.path.basename(name) for name in facts["chain"]]
    assert names == ["d.vhd", "base.vhd"][:2 if kind == "differencing" else 1], facts
    assert isinstance(facts["warnings"], list)
    assert (facts["block_size"] == 0) == (kind == "fixed" and facts["format"] == "vhd"), facts


# --- Dynamic: footers

def end_of_zeros():
    poke("d.vhd", -SECTOR, bytes(SECTOR))


def end_sum_bad():
    poke("d.vhd", -300, b"x")


def copy_of_zeros():
    poke("d.vhd", 0, bytes(SECTOR))


def test_case_23_dynamic_with_a_footer_of_511_bytes():
    expected = same(dynamic())
    os.truncate("d.vhd", os.path.getsize("d.vhd") - 1)
    readers(expected, "q")
    warned("511 bytes")


def test_case_24_dynamic_the_end_overwritten_the_copy_good():
    expected = same(dynamic())
    end_of_zeros()
    readers(expected, "q")
    damaged("footer at the end is damaged")
    assert not writable_on_flash(), "writable by a copy"


def test_case_25_dynamic_the_end_missing():
    expected = same(dynamic())
    os.truncate("d.vhd", os.path.getsize("d.vhd") - SECTOR)
    readers(expected, "q")
    damaged("footer at the end")


def test_case_26_dynamic_a_wrong_sum_at_the_end():
    expected = same(dynamic())
    end_sum_bad()
    readers(expected, "ql")                                     # libvhdi does not look at the sum
    damaged("footer at the end is damaged")


def test_case_27_dynamic_the_copy_damaged_the_end_good():
    expected = same(dynamic())
    poke("d.vhd", 100, b"x")
    readers(expected, "l")
    damaged("footer's copy at the start is damaged")
    copy_of_zeros()
    readers(expected, "")
    damaged("footer's copy at the start is missing")


def test_case_28_dynamic_both_footers_overwritten():
    same(dynamic(), "")
    end_of_zeros()
    copy_of_zeros()
    refused("d.vhd", "d.vhd: .")


def test_case_29_dynamic_a_wrong_sum_in_both_footers():
    same(dynamic(), "")
    end_sum_bad()
    poke("d.vhd", 100, b"x")
    refused("d.vhd", "d.vhd: .*checksum")


def test_case_30_dynamic_two_good_footers_that_differ_told_and_not_written():
    expected = same(dynamic())
    foot = bytearray(peek("d.vhd", -SECTOR, SECTOR))
    foot[68] ^= 1
    poke("d.vhd", -SECTOR, checksum(foot, 64))
    readers(expected, "")
    damaged("differ")
    assert not writable_on_flash(), "writable with two opinions"


# --- Dynamic: tables, values

def test_case_31_dynamic_300_entries_of_the_bat_to_spare():
    same(dynamic(spare=300), "ql")                              # 7-Zip refuses them


def test_case_32_dynamic_the_bat_at_1_mib():
    same(dynamic(bat_at=MIB))


def test_case_33_dynamic_the_header_at_64_kib():
    same(dynamic(header_at=64 * KIB, bat_at=66 * KIB))


def test_case_34_dynamic_a_bat_too_short_for_the_disk():
    disk = DynamicVhd(12 * MIB, 2 * MIB)
    disk.spare = -1
    disk.write("d.vhd")
    refused("d.vhd", "BAT is too short for its disk: 5 entries")


@pytest.mark.parametrize("creator", [b"vpc ", b"vs  ", b"vbox", b"qemu", b"qem2", b"win ", b"d2v ", b"tap\0",
                                     b"CTXS", b"wa\0\0"])
def test_case_35_the_current_size_counts_whoever_made_the_file(creator):
    size = 12 * MIB
    disk = dynamic(size, creator=creator, chs=(361, 4, 17))         # 12 MiB less 4 sectors
    oracles = "l7" + ("q" if creator in (b"qem2", b"win ", b"d2v ", b"tap\0", b"CTXS") else "")
    same(disk, oracles)
    assert info("d.vhd")["size"] == size
    if creator == b"vpc ":
        warned("go by the footer's geometry")
    data = fixed(creator=creator, chs=(10, 4, 17))
    readers(data, oracles)


def test_case_35_the_largest_geometry_counts_for_qemu():
    same(dynamic(12 * MIB, creator=b"qemu"))


def test_case_36_a_saved_state_read_told_not_written():
    same(dynamic(saved_state=1))
    data = fixed(saved_state=1)
    readers(data, "q7l")
    warned("a suspended virtual machine uses this disk")
    assert not writable_on_flash(), "writable under a saved state"


@pytest.mark.parametrize("kind", [0, 5])
def test_case_37_types_0_and_5(kind):
    with open("d.vhd", "wb") as f:
        f.write(bytes(8 * SECTOR) + footer(8 * SECTOR, kind, b"i" * 16, NOWHERE))
    refused("d.vhd", f"d.vhd: a VHD of unknown type {kind}")


def test_case_38_dynamic_2040_gib():
    disk = DynamicVhd(2040 << 30, 2 * MIB)
    last = disk.size // SECTOR - 8
    disk.store(last, sectors("end", last, 8))
    disk.store(0, sectors("start", 0, 8))
    disk.write("d.vhd")
    equal(read("d.vhd", last, 8), sectors("end", last, 8), "the end")
    equal(read("d.vhd", last // 2, 8), bytes(8 * SECTOR), "the middle")
    equal(read("d.vhd", 0, 8), sectors("start", 0, 8), "the start")
    assert info("d.vhd")["size"] == 2040 << 30, "size"


def bat_entry(value):
    """A disk whose first block lies there by its BAT."""
    disk = DynamicVhd(6 * MIB, 2 * MIB)
    disk.store(0, sectors("all", 0, 12288))
    disk.write("d.vhd")
    poke("d.vhd", disk.bat_at, value.to_bytes(4, "big"))


@pytest.mark.parametrize("value, words", [
    pytest.param(2, "VHD block 0 lies over the VHD's own header or BAT", id="header"),
    pytest.param(3, "VHD block 0 lies over the VHD's own header or BAT", id="BAT"),
    pytest.param(20000, "VHD block 0 lies beyond the end of the file", id="beyond the end"),
    pytest.param(0xFFFFFFFE, "VHD block 0 lies beyond the end of the file", id="far beyond"),
    pytest.param(4 + 4097, "VHD block . lies over", id="the second block's place")])
def test_case_39_a_block_in_the_header_beyond_the_end_or_where_another_one_is(value, words):
    bat_entry(value)
    refused("d.vhd", words)


def test_case_40_a_block_at_sector_0():
    bat_entry(0)
    refused("d.vhd", "VHD block 0 lies over the VHD's own header or BAT")


def test_case_41_a_wrong_sum_in_the_dynamic_header():
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


def test_case_42_a_block_and_a_bitmap_that_lie_across_fragments_of_the_file(shop):
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
    pieces = os.path.getsize("d.vhd") // SECTOR
    flash = shop.formatted("d.vhd", cluster=512, mib=80, pieces=pieces, to="/d.vhd",
                           config="[a]\nvhd = \\d.vhd\n")
    run_tool(tool("tools/fragment"), flash, "base.vhd", "/base.vhd", 777)
    places = extents(flash, "/d.vhd")
    assert len(places) == pieces, "pieces"
    for block in range(2):
        entry = int.from_bytes(peek("d.vhd", disk.bat_at + 4 * block, 4), "big")
        assert straddles(places, entry, 2, 512), "a bitmap in one piece"
        assert straddles(places, entry + 2, 8192, 512), "a block in one piece"
    equal(mkimage("read", flash).stdout, expected, "through the map")
    equal(mkimage("vhd", "read", flash + ":/d.vhd").stdout, expected, "vhd read on the flash")

