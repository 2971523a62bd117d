# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot table that stage2 leaves: what was started, read from the machine's memory."""
import struct

import boottable
import pytest
import vhd
from flash import run, tool


def serial_of(flash, start=2048):
    with open(flash, "rb") as file:
        file.seek(start * 512 + 0x48)
        return struct.unpack("<Q", file.read(8))[0]


def table_of(pc):
    pc.wait("guest: first instruction")
    return boottable.of_machine(pc)


def test_table_of_a_fixed_disk(shop, qemu):
    disk = shop.pattern_vhd("first", 4)
    flash = shop.formatted(disk, pieces=5, to="/lab ä.vhd")
    pc = qemu(flash, limit=60)
    table = table_of(pc)
    volume = {"serial": serial_of(flash), "start_lba": 2048, "mbr_signature": struct.unpack("<I", b"test")[0],
              "bios_drive": 0x80, "map_drive": 0}
    assert table["entry"] == "lab ä.vhd"
    assert table["write"] == "persistent"
    assert not any(table[flag] for flag in boottable.FLAGS)
    assert table["sectors"] == 4 * 2048
    assert table["volume"] == volume
    assert table["files"] == [{**volume, "path": "\\lab ä.vhd", "named": True}]
    cells = table["map"]["cells"]
    end = cells + 8 * table["map"]["cell_count"]
    assert boottable.memory(pc, end, 4) == b"seal", "the map's seal"
    assert table["address"] == -(-(end + 8) // 4096) * 4096
    hidden = struct.unpack("<4I", boottable.memory(pc, table["handler"] + 0x138, 16))
    assert hidden[2] <= cells and table["address"] + table["bytes"] <= hidden[3], "hidden memory"


def test_table_of_a_chain_with_a_parent_on_another_drive(shop, qemu):
    """The parent is found by the entry's word on a bare volume of a second drive."""
    base = shop.pattern_vhd("first", 4)
    child = shop.path("child.vhd")
    run(tool("mkimage"), "vhd", "create", child, "--parent", base)
    flash = shop.formatted(child, mib=64, config="[Lab One]\nvhd = /child.vhd\nparent = BASES:\\base.vhd\n"
                                                 "write = none\nhide = yes\nforce = yes\n", to="/child.vhd")
    second = shop.volume(32, name="second.img", start=0)
    run("ntfslabel", second, "BASES")
    run(tool("tools/fragment"), second, base, "/base.vhd", 1)
    pc = qemu(flash, extra=[(second, "ide")], limit=60)
    table = table_of(pc)
    assert table["entry"] == "Lab One"
    assert table["write"] == "none"
    assert table["force"] and table["hide"] and table["write_protected"] and not table["ram"]
    leaf, parent = table["files"]
    assert leaf["path"] == "/child.vhd" and leaf["serial"] == serial_of(flash)
    assert parent == {"path": "\\base.vhd", "named": True, "serial": serial_of(second, 0), "start_lba": 0,
                      "mbr_signature": 0, "bios_drive": 0x81, "map_drive": 1}


@pytest.mark.parametrize("ram", [False, True], ids=["discard", "ram"])
def test_table_says_where_changes_and_contents_lie(shop, qemu, ram):
    disk = shop.pattern_vhd("first", 4)
    config = "[a]\nvhd = \\disk.vhd\nwrite = discard\ndiscard_max = 2M\n" + ("ram = yes\n" if ram else "")
    pc = qemu(shop.formatted(disk, config=config), limit=60)
    table = table_of(pc)
    where = table["map"]
    assert table["write"] == "discard" and table["discard_max"] == 2 << 20 and table["ram"] == ram
    assert where["contents_bytes"] == (4 << 20 if ram else 0)
    assert where["contents"] + where["contents_bytes"] == where["changes"]
    assert where["changes"] + where["changes_bytes"] == where["cells"]
    assert where["growth"] == 3
    assert where["changes_bytes"] == (0 if ram else 2 << 20), "a fixed disk in memory has a place for every write"
    if ram:
        with open(disk, "rb") as file:
            assert boottable.memory(pc, where["contents"], 65536) == file.read(65536)
    following = struct.unpack("<I", boottable.memory(pc, where["record_next"], 4))[0]
    assert where["record_first"] <= following <= where["record_end"]


@pytest.mark.takes(10)
def test_table_of_a_nested_vhdboot_is_the_innermost(shop, qemu):
    inner = shop.formatted(shop.pattern_vhd("first", 4), name="inner.img", to="/inner.vhd", mib=32)
    outer = shop.path("outer.vhd")
    with open(inner, "rb") as file:
        sectors = file.seek(0, 2) // 512
    vhd.make_fixed(outer, sectors, source=inner)
    pc = qemu(shop.formatted(outer, to="/outer.vhd"), bus="ahci", limit=90)
    pc.wait("guest: first instruction")
    innermost, outermost = (boottable.of_machine(pc, n) for n in range(2))
    assert innermost["files"][0]["path"] == "\\inner.vhd"
    assert outermost["files"][0]["path"] == "\\outer.vhd"
    assert innermost["handler"] < outermost["handler"]

