# SPDX-License-Identifier: GPL-2.0-or-later
"""VHDX images through mkimage: made by the tests' own builder and by qemu-img, read back and compared
with the builder's model, and with qemu-img, 7zz and libvhdi where those can be trusted (7zz wants every copy
of a structure whole; qemu-img knows no parents; libvhdi wants both region tables and ignores the log)."""
import os
import uuid

import pytest

from images import by_7zz, by_libvhdi, by_qemu, equal, info, read, refused
from tools import mkimage, need, run
from vhdx import (FULL, GIB, HEADERS, KIB, MIB, NOT_PRESENT, PAGE, PARTIAL, REGION_TABLES,
                  REQUIRED, RESERVED, SECTOR, TIB, UNDEFINED, UNMAPPED, ZERO, Log, Vhdx, poke, sectors)
import vhd

pytestmark = pytest.mark.usefixtures("folder")


def same(disk, path, oracles="", written=False, parents=(), damaged=False):
    """Writes the disk, reads it back: with mkimage, qemu-img (q), 7zz (7), libvhdi (l)."""
    if not written:
        disk.write(path)
    expected = disk.content()
    assert b"POISON" not in expected, "the model itself shows poison"
    equal(read(path), expected, "mkimage")
    if "q" in oracles:
        equal(by_qemu(path, "vhdx"), expected, "qemu-img")
    if "7" in oracles:
        equal(by_7zz(path, "vhdx"), expected, "7zz")
    if "l" in oracles:
        equal(by_libvhdi(path, *parents), expected, "libvhdi")
    facts = info(path)
    assert facts["format"] == "vhdx", "format"
    assert facts["kind"] == disk.kind, "kind"
    assert facts["size"] == disk.size, "size"
    assert facts["block_size"] == disk.block_size, "block size"
    assert facts["allocated"] == disk.stored(), "allocated"
    done = mkimage("vhd", "check", path, status=1 if damaged else 0)
    assert (b"is damaged; the other one is in use" in done.stderr) == damaged, done.stderr
    return facts


def small(block_size=MIB, **kind):
    """Some blocks, the disk's last sectors among them, which do not fill their block."""
    disk = Vhdx(20 * MIB + 3 * SECTOR * 8, block_size, **kind)
    disk.store(0, sectors("a", 0, 3))
    disk.store(2040, sectors("b", 2040, 20))
    disk.store(9000, sectors("c", 9000, 1))
    disk.store(disk.size // SECTOR - 5, sectors("d", 1, 5))
    return disk


# --- Dynamic and fixed

@pytest.mark.parametrize("mib", [1, 2, 32])
def test_case_67_dynamic_blocks_of_so_many_mib(mib):
    facts = same(small(mib * MIB), "d.vhdx", "q7l")
    assert facts["warnings"] == [], "warnings"


@pytest.mark.takes(8)
def test_case_67_dynamic_blocks_of_256_mib():
    disk = Vhdx(600 * MIB, 256 * MIB)
    disk.store(100, sectors("a", 100, 10))
    disk.store(524288 - 3, sectors("a", 524288 - 3, 6))
    disk.write("d.vhdx")
    for lba, count in ((0, 200), (524288 - 100, 200), (600 * 2048 - 10, 10)):
        equal(read("d.vhdx", lba, count), disk.content(lba, count), f"lba {lba}")


def test_case_68_more_than_one_chunk_1_mib_blocks_at_9_gib():
    disk = Vhdx(9 * GIB, MIB)
    places = [(block * 2048 - 2, 4) for block in (4095, 4096, 4097, 8191, 8192, 8193)]
    for lba, count in places:
        disk.store(lba, sectors("chunk", lba, count))
    disk.write("d.vhdx")
    for lba, count in places:
        equal(read("d.vhdx", lba - 100, 200), disk.content(lba - 100, 200), f"lba {lba}")
    need("qemu-img")
    run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", "d.vhdx", "d.raw")
    with open("d.raw", "rb") as f:
        for lba, count in places:
            f.seek((lba - 100) * SECTOR)
            equal(f.read(200 * SECTOR), disk.content(lba - 100, 200), f"qemu-img, lba {lba}")


def test_case_69_blocks_shuffled_with_gaps():
    disk = small()
    for block in range(5, 15):
        disk.store(block * 2048 + block, sectors("s", block, 5))
    order = sorted(disk.data)
    disk.order = order[::3] + order[2::3] + order[1::3]
    disk.gap = 2
    same(disk, "d.vhdx", "q7l")


def test_case_70_metadata_region_before_the_bat_items_in_another_order():
    disk = small()
    disk.metadata_first = True
    disk.items_order = lambda item: item[0].bytes[5]
    same(disk, "d.vhdx", "q7l")


def test_case_84_fixed_and_fixed_with_blocks_in_state_zero():
    disk = small(fixed=True)
    same(disk, "d.vhdx", "q7l")
    for block in range(disk.block_count):
        disk.state.setdefault(block, ZERO)
    same(disk, "d.vhdx", "q7l")


def test_made_by_qemu_img_dynamic_and_fixed_other_block_and_log_sizes():
    need("qemu-img")
    disk = small()
    with open("raw", "wb") as f:
        f.write(disk.content())
    for options in ("subformat=dynamic", "subformat=fixed", "subformat=dynamic,block_size=1M",
                    "subformat=fixed,block_size=64M,log_size=8M", "subformat=dynamic,block_state_zero=off"):
        run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", options, "raw", "d.vhdx")
        equal(read("d.vhdx"), disk.content(), options)
        equal(by_libvhdi("d.vhdx"), disk.content(), f"libvhdi, {options}")
        assert info("d.vhdx")["kind"] == ("fixed" if "fixed" in options else "dynamic"), "kind"


# --- Copies of structures, damage

def test_case_71_only_one_header_whole_or_none():
    for damaged in (0, 1):
        disk = small().write("d.vhdx")
        poke("d.vhdx", HEADERS[damaged] + 50, b"!")
        facts = same(disk, "d.vhdx", "ql", written=True, damaged=True)
        assert facts["warnings"] == [f"VHDX header {damaged + 1} is damaged; the other one is in use"], \
            "warnings"
    poke("d.vhdx", HEADERS[0] + 50, b"!")
    refused("d.vhdx", "d.vhdx: both VHDX headers are damaged")


def test_case_71_the_header_with_the_higher_number_counts_whichever_it_is():
    for sequence in ((5, 6), (6, 5), (1 << 40, 7)):
        disk = small()
        disk.sequence = sequence
        same(disk, "d.vhdx", "ql")


def test_case_72_two_headers_alike():
    disk = small()
    disk.write("d.vhdx")
    with open("d.vhdx", "rb") as f:
        f.seek(HEADERS[1])
        header = f.read(PAGE)
    poke("d.vhdx", HEADERS[0], header)
    same(disk, "d.vhdx", "l", written=True)


def test_case_73_two_headers_with_one_number_and_different_content():
    disk = small()
    disk.sequence = (8, 8)
    disk.write("d.vhdx")
    refused("d.vhdx", "the two VHDX headers differ, but both have sequence number 8")


def test_case_74_region_tables_the_first_damaged_the_second_both():
    disk = small().write("d.vhdx")
    poke("d.vhdx", REGION_TABLES[0] + 1000, b"!")
    facts = same(disk, "d.vhdx", "", written=True, damaged=True)
    assert facts["warnings"] == ["VHDX region table 1 is damaged; the other one is in use"], "warnings"
    poke("d.vhdx", REGION_TABLES[1] + 1000, b"!")
    refused("d.vhdx", "both VHDX region tables are damaged")
    disk.write("d.vhdx")
    poke("d.vhdx", REGION_TABLES[1] + 1000, b"!")
    same(disk, "d.vhdx", "q", written=True)


def test_case_75_a_region_of_an_unknown_kind_optional_and_required():
    disk = small()
    disk.regions = [(uuid.UUID(int=5), 0)]
    same(disk, "d.vhdx", "ql")
    disk.regions = [(uuid.UUID(int=5), 1)]
    disk.write("d.vhdx")
    refused("d.vhdx", "VHDX region at 0x.* is of an unknown kind and marked as required")


def test_case_76_a_metadata_item_of_an_unknown_kind_optional_and_required():
    disk = small()
    disk.items = [(uuid.UUID(int=5), 1, b"a user's note"), (uuid.UUID(int=6), 0, b"empty")]
    same(disk, "d.vhdx", "ql")
    disk.items[1] = (uuid.UUID(int=6), 0, b"")
    same(disk, "d.vhdx", "q")                                   # libvhdi refuses empty items
    disk.items.append((uuid.UUID(int=7), REQUIRED, b"new"))
    disk.write("d.vhdx")
    refused("d.vhdx", "VHDX metadata item at 0x.* is of an unknown kind and marked as required")


def test_case_77_blocks_in_states_0_to_3_mixed():
    disk = small()
    for block, state in enumerate((NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED) * 2, start=10):
        disk.state[block] = state
    same(disk, "d.vhdx", "q7l")


def test_case_78_state_4_and_state_7_without_a_parent():
    disk = small()
    disk.state[3] = RESERVED
    disk.write("d.vhdx")
    refused("d.vhdx", "VHDX block 3 is in an unknown state")
    disk = small()
    disk.state[1] = PARTIAL
    disk.write("d.vhdx")
    refused("d.vhdx", "VHDX block 1 is partially present, but there is no parent")


def test_blocks_beyond_the_end_of_the_file_over_its_tables_over_each_other():
    disk = small().write("d.vhdx")
    entry = disk.bat_offset + 5 * 8
    for value, words in ((disk.file_size, "VHDX block 5 lies beyond the end of the file"),
                         (disk.metadata_offset, "VHDX block 5 lies over the file's own tables"),
                         (0, "VHDX block 5 lies over the file's own tables"),
                         (disk.place[1], "VHDX block 5 lies over another block")):
        poke("d.vhdx", entry, (value | FULL).to_bytes(8, "little"))
        refused("d.vhdx", words)
    disk.write("d.vhdx")
    with open("d.vhdx", "r+b") as f:                            # 24 sectors of the last block count
        f.truncate(disk.place[20] + 24 * SECTOR)
    equal(read("d.vhdx"), disk.content(), "mkimage")
    with open("d.vhdx", "r+b") as f:
        f.truncate(disk.place[20] + 24 * SECTOR - 1)
    refused("d.vhdx", "VHDX block 20 lies beyond the end of the file")


def test_files_that_are_short_empty_or_only_called_vhdx():
    small().write("d.vhdx")
    for size in (512 * KIB, 8, 5):
        with open("d.vhdx", "r+b") as f:
            f.truncate(size)
        refused("d.vhdx", "d.vhdx: .+")


def test_case_85_sectors_of_4096_bytes_described_not_read():
    disk = Vhdx(32 * MIB, 2 * MIB)
    disk.sector_size = 4096
    disk.write("d.vhdx")
    facts = info("d.vhdx")
    assert facts["size"] == 32 * MIB, "size"
    assert "4096" in "".join(facts["warnings"]), "no word of 4096-byte sectors"
    done = mkimage("vhd", "read", "d.vhdx", status=1)
    assert "sectors of 4096 bytes" in done.stderr.decode(), done.stderr.decode()


# --- The log

def test_case_79_no_log_in_use_an_old_one_full_of_poison_is_ignored():
    disk = small()
    disk.old_log = Log(stale=True)
    facts = same(disk, "d.vhdx", "q7l")
    assert facts["warnings"] == [], "warnings"


def replayed(disk, path):
    """The file once qemu-img has replayed its log."""
    need("qemu-img")
    copy = path + ".copy"
    run("cp", "--sparse=always", path, copy)
    run("qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", copy)
    return by_qemu(copy, "vhdx")


def dirty(disk, path="d.vhdx"):
    facts = same(disk, path)
    assert facts["warnings"] and "was not closed" in facts["warnings"][0], f"{facts['warnings']}"
    equal(replayed(disk, path), disk.content(), "qemu-img's replay")


def test_case_80_log_in_use_stale_run_active_run_of_two_torn_newer_entry():
    disk = small()
    disk.log = Log(start=3, entries=2, stale=True, torn=True)
    dirty(disk)


def test_case_80_log_in_use_zero_descriptors_several_pages():
    disk = Vhdx(1200 * MIB, MIB)
    disk.store(100, sectors("a", 100, 5))
    disk.store(1100 * 2048, sectors("a", 1100, 5))
    disk.log = Log(entries=3, pages=3, zeros=True)
    disk.write("d.vhdx")
    expected = disk.content(0, 200), disk.content(1100 * 2048 - 100, 200)
    got = read("d.vhdx", 0, 200), read("d.vhdx", 1100 * 2048 - 100, 200)
    assert (got == expected) == True, "contents"


def test_case_81_log_in_use_wrapped_around_the_ring():
    for start in (251, 253, 255):
        disk = small()
        disk.log = Log(start=start, entries=3, stale=True, torn=True)
        dirty(disk)


def test_case_82_log_in_use_but_no_valid_entry():
    disk = small()
    disk.log = Log(stale=True)
    disk.log.none_valid = True
    disk.write("d.vhdx")
    refused("d.vhdx", "the VHDX was not closed, and its log at 0x100000 holds no valid entries")


def test_case_83_log_in_use_the_file_is_shorter_than_it_says():
    disk = small()
    disk.log = Log()
    disk.log.flushed = 100 * MIB
    disk.write("d.vhdx")
    refused("d.vhdx", "the file was cut: the VHDX log says that it had 104857600 bytes at least")


def test_left_behind_by_qemu_io_when_it_died_while_it_was_writing():
    need("qemu-img", "qemu-io")
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=1M", "d.vhdx", "64M")
    for at in (3, 20, 41):
        run("qemu-io", "-f", "vhdx", "-c", f"write -q -P {at} {at}M 1500k", "-c", "abort", "d.vhdx",
            status=None)
        expected = replayed(None, "d.vhdx")
        assert expected[at * MIB] == at, "qemu-img's replay has lost the write"
        equal(read("d.vhdx"), expected, "mkimage")
        run("qemu-img", "check", "-q", "-r", "all", "-f", "vhdx", "d.vhdx")


# --- Parents

def family(block_size=MIB):
    """A parent full of data, and a child with full, partial and zero blocks over it."""
    base = Vhdx(12 * MIB, 2 * MIB)
    base.store(0, sectors("base", 0, base.size // SECTOR))
    child = Vhdx(12 * MIB, block_size, parent=base, parent_path=".\\base.vhdx")
    child.store(10, sectors("kid", 10, 3))
    child.store(20, sectors("kid", 20, 1))
    child.store(2047, sectors("kid", 2047, 2))
    child.store(4096, sectors("kid", 4096, 2048))
    child.store(8192, bytes(16 * SECTOR))                       # zeros over the parent's data
    if block_size == MIB:
        child.state[2] = FULL
        child.state[7] = ZERO
        child.state[8] = UNMAPPED
    return base, child


def test_case_86_differencing_full_partial_zero_states_poison_under_every_zero_bit():
    base, child = family()
    base.write("base.vhdx")
    facts = same(child, "child.vhdx", "")
    assert [os.path.basename(name) for name in facts["chain"]] == ["child.vhdx", "base.vhdx"], "chain"


def test_case_86_differencing_7zz_reads_the_same():
    base, child = family()
    base.write("base.vhdx")
    same(child, "child.vhdx", "7")


def test_case_86_differencing_libvhdi_reads_the_same():
    base, child = family()
    child.bitmap_poison = False                                 # libvhdi goes by it for absent blocks
    del child.state[7], child.state[8]                          # and takes blocks of zeros for absent
    base.write("base.vhdx")
    same(child, "child.vhdx", "7l", parents=["base.vhdx"])


def test_case_86_differencing_three_deep_other_block_sizes_than_the_parents_by_libvhdi():
    base, child = family(4 * MIB)
    leaf = Vhdx(child.size, 2 * MIB, parent=child, parent_path="child.vhdx")
    leaf.store(11, sectors("leaf", 11, 1))
    leaf.store(9 * 2048 - 1, sectors("leaf", 9 * 2048 - 1, 2))
    child.bitmap_poison = leaf.bitmap_poison = False
    base.write("base.vhdx")
    child.write("child.vhdx")
    same(leaf, "leaf.vhdx", "7l", parents=["child.vhdx", "base.vhdx"])


def test_case_86_differencing_other_block_sizes_than_the_parents_larger_than_the_parent_three_deep():
    base, child = family(4 * MIB)
    child.size = 14 * MIB + 512
    leaf = Vhdx(child.size, 2 * MIB, parent=child, parent_path="child.vhdx")
    leaf.store(11, sectors("leaf", 11, 1))
    leaf.store(13 * 2048 - 1, sectors("leaf", 13 * 2048 - 1, 2))
    base.write("base.vhdx")
    child.write("child.vhdx")
    facts = same(leaf, "leaf.vhdx")                             # libvhdi wants disks of one size
    assert len(facts["chain"]) == 3, "images"


def test_case_87_differencing_the_linkage_names_another_parent():
    base, child = family()
    base.data_write_id = uuid.uuid4()
    base.write("base.vhdx")
    child.write("child.vhdx")
    refused("child.vhdx", "base.vhdx")


def test_case_87_differencing_the_second_linkage_fits_as_in_the_middle_of_a_merge():
    base, child = family()
    child.locator.insert(0, ("parent_linkage2", "{%s}" % uuid.uuid4()))
    base.write("base.vhdx")
    same(child, "child.vhdx")
    child.locator[0] = ("parent_linkage2", "{%s}" % base.data_write_id)
    child.locator[1] = ("parent_linkage", "{%s}" % uuid.uuid4())
    same(child, "child.vhdx")


def test_case_87_differencing_the_parent_is_not_there():
    _base, child = family()
    child.write("child.vhdx")
    refused("child.vhdx", "parent")


def test_case_88_differencing_relative_path_wrong_absolute_right():
    base, child = family()
    os.makedirs("parents", exist_ok=True)
    base.write("parents/base.vhdx")
    here = os.getcwd().replace("/", "\\")
    child.locator = [child.locator[0], ("relative_path", "..\\elsewhere\\base.vhdx"),
                     ("absolute_win32_path", "C:" + here + "\\parents\\base.vhdx")]
    same(child, "child.vhdx", "")


def test_case_88_differencing_no_path_right_but_the_parent_lies_beside_the_child():
    base, child = family()
    base.write("base.vhdx")
    child.locator = [child.locator[0], ("absolute_win32_path", "D:\\gone\\base.vhdx")]
    same(child, "child.vhdx", "")


def test_case_88_differencing_paths_to_volumes_and_to_other_machines():
    base, child = family()
    os.makedirs("old")
    base.write("old/base.vhdx")
    here = os.getcwd().replace("/", "\\")
    linkage = child.locator[0]
    for key, path in (("volume_path", "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}" + here +
                       "\\old\\base.vhdx"), ("absolute_win32_path", "\\\\?\\C:" + here + "\\old\\base.vhdx")):
        child.locator = [linkage, (key, path)]
        same(child, "child.vhdx")
    os.rename("old/base.vhdx", "base.vhdx")
    for path in ("\\\\server\\share\\base.vhdx", "\\\\?\\UNC\\server\\share\\base.vhdx", "OTHER:\\base.vhdx"):
        child.locator = [linkage, ("relative_path", "..\\gone\\other.vhdx"), ("absolute_win32_path", path)]
        same(child, "child.vhdx")
    for path in ("", "\\", "\\\\", "\\\\?\\", "C:", "..", "\\\\server", "a" * 20000):
        child.locator = [linkage, ("relative_path", path), ("volume_path", path)]
        child.write("child.vhdx")
        refused("child.vhdx", "child.vhdx: .")


def test_case_89_differencing_the_parents_log_is_in_use():
    base, child = family()
    base.log = Log(start=254, stale=True, torn=True)
    base.write("base.vhdx")
    facts = same(child, "child.vhdx", "")
    assert "was not closed" in "".join(facts["warnings"]), f"{facts['warnings']}"


def test_case_90_differencing_the_parent_is_a_vhd():
    _base, child = family()
    child.locator = [child.locator[0], ("relative_path", ".\\base.vhd")]
    vhd.make_fixed("base.vhd", 12 * MIB // SECTOR)
    child.write("child.vhdx")
    refused("child.vhdx", "base.vhd")


# --- Size

def test_a_disk_of_64_tib_opens_at_once():
    disk = Vhdx(64 * TIB, 32 * MIB)
    disk.state[1] = ZERO
    lba = 50 * TIB // SECTOR
    disk.store(lba, sectors("far", lba, 3))
    disk.write("d.vhdx")
    equal(read("d.vhdx", lba - 1, 5), disk.content(lba - 1, 5), "mkimage")
    assert info("d.vhdx")["allocated"] == 32 * MIB, "allocated"


def test_on_a_flash_read_through_the_block_map():
    disk = small()
    disk.store(0, sectors("boot", 0, 1)[:510] + b"\x55\xaa")
    disk.order = sorted(disk.data, reverse=True)
    disk.write("d.vhdx")
    mkimage("flash", "flash.img", "--vhd", "d.vhdx")
    equal(mkimage("read", "flash.img").stdout, disk.content(), "mkimage read")
    os.remove("flash.img")

