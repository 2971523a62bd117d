# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes that are damaged, or not what they say: the boot record names what is wrong and halts."""
import struct

import craft
import pytest
from records import CANNOT, NAME, says, stage2


def test_no_file_says_so(records):
    says(records.volume(data=False).path, CANNOT + "it is not in the volume's root directory")


def test_no_file_among_2500_says_so(records):
    v = records.volume(data=False)
    v.create([f"vhd{n:05}" for n in range(2500)])
    says(v.path, CANNOT + "it is not in the volume's root directory")


def test_a_volume_that_is_not_ntfs_says_so(records):
    v = records.volume()
    v.write(3, b"-FVE-FS-")
    says(v.path, CANNOT + "the volume is not NTFS")


BOOT_SECTORS = {                        # name: (offset, form, value)
    "sectors of 300 bytes": (11, "<H", 300), "sectors of 8192 bytes": (11, "<H", 8192),
    "3 sectors a cluster": (13, "<B", 3), "clusters of 8 MiB": (13, "<B", 0xF2),
    "0 sectors a cluster": (13, "<B", 0), "records of 8 KiB": (64, "<b", -13),
    "records of 3 clusters": (64, "<b", 3), "2^60 sectors": (40, "<Q", 1 << 60),
    "$MFT at cluster 2^62": (48, "<Q", 1 << 62),
}


@pytest.mark.parametrize("at, form, value", BOOT_SECTORS.values(), ids=BOOT_SECTORS)
def test_refuses_a_boot_sector_with(records, at, form, value):
    v = records.volume()
    v.write(at, struct.pack(form, value))
    says(v.path, CANNOT + "the NTFS boot sector's sizes make no sense")


def test_refuses_mft_beyond_the_volume(records):
    v = records.volume()
    v.write(48, struct.pack("<Q", 1 << 40))
    says(v.path, CANNOT + "NTFS points beyond the end of the volume")


def test_refuses_a_torn_file_record(records):
    v = records.volume()
    v.write(v.place(v.find(NAME)) + 1022, b"xx")
    says(v.path, CANNOT + r"MFT record \d+ was only written in part")


def test_refuses_record_0_damaged_with_its_copy(records):
    v = records.volume()
    mirror = struct.unpack("<Q", v.read(56, 8))[0] * v.cluster
    v.write(v.place(0), b"BAAD")
    v.write(mirror, b"BAAD")
    says(v.path, CANNOT + "MFT record 0 is damaged")


# --- The root directory


def test_refuses_a_torn_directory_block(records):
    v = records.volume()
    index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
    v.write(index.runs[0][0] * v.cluster + 1022, b"xx")
    says(v.path, CANNOT + "root directory block 0 was written in part")


def loop_index(v):
    """Lets every entry of every index block lead to that block."""
    index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
    for lcn, count in index.runs:
        for at in range(lcn * v.cluster, (lcn + count) * v.cluster, 4096):
            block = v.read(at, 4096)
            if block[:4] != b"INDX":
                continue
            block = craft.fix(block)
            vcn = struct.unpack_from("<Q", block, 16)[0]
            first = 24 + struct.unpack_from("<I", block, 24)[0]
            entry = struct.pack("<QHHHHQ", 0, 24, 0, 3, 0, vcn)
            block[first:first + 24] = entry
            struct.pack_into("<I", block, 28, first - 24 + 24)
            v.write(at, craft.unfix(block))


def test_refuses_a_directory_that_goes_in_circles(records):
    v = records.volume(data=False)
    v.create([f"vhd{n:05}" for n in range(100)])
    loop_index(v)
    says(v.path, CANNOT + "the root directory's index goes in circles")


def test_refuses_a_directory_entry_of_length_0(records):
    v = records.volume()
    index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
    at = index.runs[0][0] * v.cluster
    block = craft.fix(v.read(at, 4096))
    struct.pack_into("<H", block, 24 + struct.unpack_from("<I", block, 24)[0] + 8, 0)
    v.write(at, craft.unfix(block))
    says(v.path, CANNOT + "the root directory's index is damaged")


def test_refuses_a_folder_of_that_name(records):
    v = records.volume(data=False)
    v.create([NAME])
    number = v.find(NAME)
    v.rewrite(number, [a for a in craft.attributes(v.record(number)) if a.type != craft.DATA])
    says(v.path, CANNOT + "it is a folder")


# --- The file: its record and its runs

DAMAGED = r"MFT record \d+ is damaged"
RUNS = r"the run list in MFT record \d+ is damaged"
OTHER = r"MFT record \d+ is free or another file's"


def poke(at, form, value):
    """Changes a field of the file's record."""
    def bend(v, number):
        record = v.record(number)
        struct.pack_into(form, record, at, value)
        v.store(number, record)
    return bend


def poke_data(at, form, value):
    """Changes a field of its $DATA."""
    def bend(v, number):
        found = craft.attributes(v.record(number))
        for a in found:
            if a.type == craft.DATA:
                struct.pack_into(form, a.data, at, value)
        v.rewrite(number, found)
    return bend


def with_runs(change, size=None):
    def bend(v, number):
        data = v.data(number)
        v.set_data(number, change(data.runs), data.size if size is None else size)
    return bend


def no_length(v, number, value):
    record = v.record(number)
    struct.pack_into("<I", record, struct.unpack_from("<H", record, 20)[0] + 4, value)
    v.store(number, record)


FILES = {                               # name: (what is said, how the file is bent, what it holds)
    "a record that is not in use": (OTHER, poke(22, "<H", 0)),
    "a record with another sequence number": (OTHER, poke(16, "<H", 999)),
    "a record with another's number": (DAMAGED, poke(44, "<I", 3)),
    "an update sequence in the attributes' way": (DAMAGED, poke(4, "<H", 0x1FA)),
    "an update sequence at an odd place": (DAMAGED, poke(4, "<H", 0x31)),
    "a first attribute beyond the record": (DAMAGED, poke(20, "<H", 0x7F8)),
    "more bytes in use than the record has": (DAMAGED, poke(24, "<I", 0x10000)),
    "an attribute of length 0": (DAMAGED, lambda v, n: no_length(v, n, 0)),
    "an attribute longer than the record": (DAMAGED, lambda v, n: no_length(v, n, 0x7FFFFFF8)),
    "an extension record": (DAMAGED, poke(32, "<I", 5)),
    "a run beyond the volume": (RUNS, with_runs(lambda r: [(r[0][0], 1), (1 << 30, 1000)])),
    "a run before the volume": (RUNS, with_runs(lambda r: [(r[0][0], 1), (-5, 1000)])),
    "a run of 2^40 clusters": (RUNS, with_runs(lambda r: [(r[0][0], 1 << 40)])),
    "runs beyond the attribute": (RUNS, poke_data(32, "<H", 0x7FF8)),
    "runs that begin in the attribute's head": (RUNS, poke_data(32, "<H", 8)),
    "more clusters than the runs have": (RUNS, poke_data(24, "<Q", 500)),
    "fewer runs than its size": (r"MFT record \d+: clusters are missing", with_runs(lambda r: [(r[0][0], 3)])),
    "a hole": ("it is sparse", with_runs(lambda r: [(r[0][0], 2), (craft.HOLE, 10), (r[0][0] + 12, 10)])),
    "a compressed file": ("it is compressed", poke_data(12, "<H", 1)),
    "an encrypted file": ("it is encrypted", poke_data(12, "<H", 0x4000)),
    "a file not written to its end": ("it was never written to its end", poke_data(56, "<Q", 5000)),
    "a file of 113 KiB": ("it is larger than 112 KiB", None, lambda: stage2(113 << 10)),
    "a file of 4 GiB": ("it is larger than 112 KiB", poke_data(48, "<Q", (1 << 32) + 9000)),
    "an empty file": ("it is something else", None, lambda: b""),
    "another file": ("it is something else", None, lambda: bytes(40000)),
    "a file cut short": ("its end is missing", None, lambda: stage2()[:50000]),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_refuses(records, case):
    sentence, bend, content = (*case, stage2)[:3]
    v = records.volume(data=content())
    if bend:
        bend(v, v.find(NAME))
    says(v.path, CANNOT + sentence)


# --- Its attribute list

BAD_LIST = r"MFT record \d+ has a bad attribute list"


def listed(records, bend_list=None, bend_home=None):
    """A volume whose file has an attribute list; that, or the record of a piece, is bent."""
    v = records.volume(cluster=512)
    v.create([f"extension{i}" for i in range(3)])
    number = v.find(NAME)
    homes = [v.find(f"extension{i}") for i in range(3)]
    v.set_pieces(number, craft.DATA, *v.scatter(number, longest=3), homes)
    if bend_list:
        found = craft.attributes(v.record(number))
        value = bytearray([a for a in found if a.type == craft.LIST][0].value)
        bend_list(value, value.find(struct.pack("<I", craft.DATA)))
        v.rewrite(number, sorted([a for a in found if a.type != craft.LIST]
                                 + [craft.Attribute.resident(craft.LIST, bytes(value))], key=lambda a: a.type))
    if bend_home:
        record = v.record(homes[1])
        bend_home(record)
        v.store(homes[1], record)
    return v.path


def field(at, form, value):
    return lambda data, first: struct.pack_into(form, data, first + at, value)


LISTS = {                               # name: (what is said, how the list is bent)
    "an entry of length 0": (BAD_LIST, field(4, "<H", 0)),
    "an entry longer than the list": (BAD_LIST, field(4, "<H", 0x7FF8)),
    "a name beyond the entry": (BAD_LIST, field(6, "<B", 200)),
    "a piece that is not there": (BAD_LIST, field(8, "<Q", 7)),
    "a record that does not exist": (r"MFT record \d+: clusters are missing", field(16, "<I", 1 << 24)),
    "a record of another file": (BAD_LIST, field(16, "<Q", 5 << 48 | 5)),
    "an old sequence number": (r"MFT record \d+ is free or another", field(22, "<H", 77)),
}


@pytest.mark.parametrize("sentence, bend", LISTS.values(), ids=LISTS)
def test_refuses_an_attribute_list_with(records, sentence, bend):
    says(listed(records, bend), CANNOT + sentence)


def test_refuses_a_lists_record_with_another_base(records):
    says(listed(records, None, lambda record: struct.pack_into("<I", record, 32, 5)), CANNOT + BAD_LIST)


def test_refuses_pieces_that_overlap(records):
    def overlap(record):
        at = struct.unpack_from("<H", record, 20)[0]
        struct.pack_into("<Q", record, at + 24, struct.unpack_from("<Q", record, at + 24)[0] + 1)
    says(listed(records, None, overlap), CANNOT + RUNS)
