# SPDX-License-Identifier: GPL-2.0-or-later
"""restore: believes a backup only as far as install can have written it, and says "restored" only where it is."""
import os
import struct

import pytest

from files import read, sha256, write
from ntfsdisk import MIB, START, clusters_of, consistent, cut_out, disk, volume
from tools import mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")

SUM, DEVICE_SIZE, START_LBA, HAS_MBR, STAGE2_SIZE, SECTORS = 0x10, 0x18, 0x20, 0x38, 0x40, 0x48
HEADER, SECTOR = 0x250 + 8192, 16 + 1024


def sealed(data):
    """The backup with the sum of what it holds."""
    data[SUM:SUM + 8] = bytes(8)
    total = 0xcbf29ce484222325
    for byte in data:
        total = ((total ^ byte) * 0x100000001b3) & (1 << 64) - 1
    data[SUM:SUM + 8] = total.to_bytes(8, "little")
    return data


@pytest.fixture
def installed(folder):
    """A disk with vhdboot on it, and the backup of what was there before: no vhdboot.bin."""
    disk("d.img", volume("v.ntfs", 16 * MIB))
    mkimage("install", "d.img", "--backup", "backup")
    return bytearray(read("backup"))


def swap(data):
    at = HEADER
    data[at:at + 2 * SECTOR] = data[at + SECTOR:at + 2 * SECTOR] + data[at:at + SECTOR]


def put(offset, value):
    def change(data):
        data[offset:offset + 8] = struct.pack("<Q", value & (1 << 64) - 1)
    return change


def last(data):
    return HEADER + (int.from_bytes(data[SECTORS:SECTORS + 8], "little") - 1) * SECTOR


def partition_table(data):
    assert not int.from_bytes(data[HEADER:HEADER + 8], "little"), "the MBR is not the first sector"
    data[HEADER + 16 + 450] ^= 0x10


@pytest.mark.parametrize("change", [
    pytest.param(swap, id="out of order"), pytest.param(put(HEADER + SECTOR, 0), id="a sector twice"),
    pytest.param(put(HEADER + 8, 99), id="no such step"), pytest.param(put(HEADER + 8, 256), id="step 256"),
    pytest.param(put(START_LBA, 1 << 55), id="a volume behind the end"),
    pytest.param(put(DEVICE_SIZE, 512), id="a device of one sector"), pytest.param(put(HAS_MBR, 2), id="MBR"),
    pytest.param(put(STAGE2_SIZE, 1 << 62), id="a huge file"), pytest.param(put(SECTORS, 1 << 60), id="huge"),
    pytest.param(lambda data: put(last(data), 1 << 54)(data), id="a sector behind the end"),
    pytest.param(lambda data: put(HEADER + SECTOR, 5)(data), id="a sector outside of the volume"),
    pytest.param(partition_table, id="another partition table")])
def test_a_crafted_backup(installed, change):
    change(installed)
    with open("crafted", "wb") as file:
        file.write(sealed(installed))
    before = sha256("d.img")
    refused("restore", "d.img", "crafted", words="is no backup of mkimage, or is damaged")
    assert sha256("d.img") == before
    mkimage("restore", "d.img", "backup")


def test_a_sector_behind_the_partition(installed):
    sectors = os.path.getsize("d.img") // 512
    put(last(installed), sectors - 1)(installed)
    with open("crafted", "wb") as file:
        file.write(sealed(installed))
    before = sha256("d.img")
    refused("restore", "d.img", "crafted", words="has another size")
    assert sha256("d.img") == before


@pytest.mark.parametrize("cluster", [512, 4096])
def test_the_old_file_s_clusters_hold_something_else(cluster):
    volume("v.ntfs", 16 * MIB, cluster=cluster)
    with open("old", "wb") as file:
        file.write(b"somebody's file " * 4000)
    run("ntfscp", "-q", "v.ntfs", "old", "vhdboot.bin")
    runs = clusters_of("v.ntfs", "vhdboot.bin")
    disk("d.img", "v.ntfs")
    mkimage("install", "d.img", "--backup", "backup")
    write("d.img", START + runs[0][1] * cluster, b"what lay here for a while and is gone again")
    assert b"restored" in mkimage("restore", "d.img", "backup").stderr
    assert mkimage("cat", "d.img:/vhdboot.bin").stdout == read("old")
    consistent(cut_out("d.img"))


def test_a_block_device_needs_yes(installed):
    loop = run("losetup", "--find", "--show", "d.img").stdout.decode().strip()
    try:
        before = sha256("d.img")
        refused("restore", loop, "backup", words="is a block device. Say --yes")
        mkimage("restore", loop, "backup", "--dry-run")
        assert sha256("d.img") == before
        mkimage("restore", loop, "backup", "--yes")
    finally:
        run("losetup", "--detach", loop)
    assert sha256("d.img") != before
