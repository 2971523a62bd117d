# SPDX-License-Identifier: GPL-2.0-or-later
"""The MBR and the NTFS boot record on all kinds of machines: bad BIOSes, partitions that are odd or wrong, sectors that
cannot be read. Volumes are test_boot_volumes.py's and test_boot_hostile.py's."""
import os
import struct

import pytest
from emulator import Bochs, read_error
from records import (CANNOT, CLOBBER, ENTRY, FAR, LBA, NAME, NO_EDD, PATCH, STAGE2, boots, load, partition, says,
                     stage2)


def test_sizes_of_the_records_and_what_is_kept_free():
    mbr, vbr = load("mbr.bin"), load("vbr.bin")
    assert len(mbr) <= 440, "mbr.bin is larger than 440 bytes"
    assert len(vbr) == 8192, "size of vbr.bin"
    assert vbr[3:84] == bytes(81), "bytes 3..83 of vbr.bin"
    assert vbr[510:512] == b"\x55\xaa", "end of the first sector"
    assert mbr[0x0B:0x26] + mbr[0x40:0x42] == bytes(29), "fields that BIOSes patch"


# --- The machine


def test_boots_from_the_active_partition_in_few_reads(records):
    boots(records.disk(), lba=LBA, calls=14, bus="virtio")


@pytest.mark.parametrize("bus", ["ide", "ahci", "usb-ehci"])
def test_boots_from(records, bus):
    boots(records.disk(), lba=LBA, bus=bus)


MBR_CASES = {
    "another drive's DL": {"drive": 0x80}, "DL of a floppy": {"drive": 0}, "DL out of range": {"drive": 0xFF},
    "no EDD": {"flags": NO_EDD}, "registers, DF and IF lost": {"flags": CLOBBER},
    "a patched BPB": {"flags": PATCH}, "a start at 07C0:0000": {"flags": FAR},
    "two failures before each read": {"fails": 2}, "no reads of more than 16 sectors": {"most": 16},
    "all of that": {"flags": 15, "drive": 0, "fails": 2, "most": 16},
}


@pytest.mark.parametrize("how", MBR_CASES.values(), ids=MBR_CASES)
def test_mbr_survives(records, how):
    boots(records.worse(**how), drive=0x81, lba=LBA, extra=[(records.disk(), "ide")])


BOOT_RECORD_CASES = {
    "DS:SI that is right": {"flags": ENTRY, "entry": LBA}, "DS:SI that is wrong": {"flags": ENTRY, "entry": 77},
    "no DS:SI": {}, "a wrong DL": {"drive": 0x80}, "no EDD, wrong DL": {"flags": NO_EDD, "drive": 0x8F},
    "a patched BPB": {"flags": PATCH | ENTRY, "entry": LBA},
}


@pytest.mark.parametrize("how", BOOT_RECORD_CASES.values(), ids=BOOT_RECORD_CASES)
def test_boot_record_survives(records, how):
    boots(records.worse(lba=LBA, **how), drive=0x81, lba=LBA, extra=[(records.disk(), "ide")])


def test_boot_record_starts_from_a_logical_partition(records):
    v = records.volume()
    count = os.path.getsize(v.path) >> 9
    image = records.disk(v, 8192, [partition(0, 0x83, 63, 100), partition(0, 5, 4096, count + 8192)])
    with open(image, "r+b") as out:
        out.seek(4096 << 9)
        out.write(bytes(446) + partition(0, 7, 8192 - 4096, count).ljust(64, b"\0") + b"\x55\xaa")
    boots(records.worse(lba=8192), drive=0x81, lba=8192, extra=[(image, "ide")])


def test_boot_record_starts_from_a_volume_without_partition_table(records):
    boots(records.volume().path)


def test_boot_record_starts_from_a_volume_with_hidden_sectors_that_are_not_there(records):
    boots(records.volume(hidden=LBA).path)


def test_boots_from_a_partition_whose_end_lies_beyond_2_32_sectors(records):
    v = records.volume()
    runs, size = v.scatter(v.find(NAME), longest=4, apart=4)
    v.set_data(v.find(NAME), runs, size)
    sectors = sorted(lcn * 8 for lcn, _ in runs)
    before = sectors[len(runs) // 2] + 4                    # the border cuts a cluster
    boots(records.disk(v, (1 << 32) - before), lba=(1 << 32) - before)


def test_boots_in_bochs(records):
    with Bochs(records.disk(records.volume(data=stage2(90000, serial=True))), memory=32, limit=60) as pc:
        found = pc.wait(STAGE2)
        assert found.groups() == ("80", f"{LBA:016X}", "00000000"), "drive, LBA and sum"


# --- Sentences

PARTITIONS = {                          # name: (active, start), (active, start) ...; what the MBR says
    "no active partition": ([(0, LBA)], "vhdboot: no active partition"),
    "two active partitions": ([(0x80, LBA), (0x80, 63)], "vhdboot: two active partitions"),
    "no boot record": ([(0x80, 100)], "vhdboot: no boot record in partition"),
    "a partition that starts with the MBR does not loop": ([(0x80, 0)], "vhdboot: no boot record in partition"),
    "a partition beyond the drive's end": ([(0x80, 0xFFFFFF00)], "vhdboot: cannot read boot disk"),
}


@pytest.mark.parametrize("table, sentence", PARTITIONS.values(), ids=PARTITIONS)
def test_mbr_says(records, table, sentence):
    v = records.volume()
    count = os.path.getsize(v.path) >> 9
    entries = [partition(active, 7, start, count if start == LBA else 100) for active, start in table]
    says(records.disk(v, entries=entries), sentence)


def test_mbr_no_drive_can_be_read(records):
    says(records.worse(fails=3), "vhdboot: cannot read boot disk", extra=[(records.disk(), "ide")])


def test_boot_record_its_own_sectors_cannot_be_read(records):
    says(records.worse(fails=255, lba=LBA), "vhdboot: cannot load the boot record",
         extra=[(records.disk(), "ide")])


def test_boot_record_written_in_part(records):
    half = records.volume()
    half.write(4096, bytes(4096))
    says(half.path, "vhdboot: cannot load the boot record")


def test_boot_record_less_than_368_kib_of_low_memory(records):
    poor = records.volume()
    code = bytearray(load("vbr.bin"))
    jump = code.find(bytes.fromhex("813e1304"))             # cmp word [413h]: ask for more than there is
    assert jump > 0, "the comparison is not there"
    struct.pack_into("<H", code, jump + 4, 1000)
    poor.install(bytes(code))
    says(poor.path, CANNOT + "less than 368 KiB of low memory")


@pytest.mark.parametrize("place", [
    pytest.param(lambda v: v.data(v.find(NAME)).runs[0][0] * 8 + 3, id="a sector of the file"),
    pytest.param(lambda v: v.place(0) >> 9, id="$MFT")])
def test_boot_record_cannot_read(records, place):
    v = records.volume()
    sector = place(v)
    says(v.path, CANNOT + f"BIOS error ..h reading sector {sector}", blkdebug=read_error(sector))
