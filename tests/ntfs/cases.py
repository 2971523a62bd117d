# SPDX-License-Identifier: GPL-2.0-or-later
"""Odd and hostile volumes, by name. Each case edits a copy of a volume and says what must happen.

A case is a function (v, n, t): the Volume, MFT record numbers by path, and the table `t` of checks
to fill: t.cat(path, bytes), t.refuse(path, words), t.note(words), t.mount_refused(words),
t.holes(path) and so on (test_volumes.py).

Long because it is a list: a case stands for itself, and is found by its name.
"""
import struct

import volumes
from ntfsedit import (BITMAP, DATA, INDEX_ALLOCATION, INDEX_ROOT, LIST, REPARSE,
                      VOLUME_INFORMATION, encode_runs, pattern, put, restart_page, split_mft,
                      u)

CVHD = pattern(65536 + 100, 1)
PLAIN = pattern(1 << 20, 9)
CASES = []


def case(f):
    CASES.append((f.__name__, f))
    return f


def boot_case(name, off, data, words):
    """A boot sector with `data` at `off`; `words` None: it must still mount."""
    def edit(v, n, t):
        v.write(off, data)
        if words is None:
            t.cat("/a/b/c.vhd", CVHD)
        else:
            t.mount_refused(words)
    CASES.append((name, edit))


# Boot sector (rules 1-8)
boot_case("boot_bitlocker", 3, b"-FVE-FS-", "BitLocker")
boot_case("boot_exfat", 3, b"EXFAT   ", "exFAT")
boot_case("boot_refs", 3, b"ReFS\0\0\0\0", "ReFS")
boot_case("boot_fat", 3, b"MSDOS5.0" + bytes(71) + b"FAT32   ", "FAT")
boot_case("boot_nothing", 3, bytes(8), "no NTFS boot record")
boot_case("boot_jump_is_free", 0, b"\xe9\0\0", None)
boot_case("boot_signature_55aa_is_free", 510, b"\0\0", None)
boot_case("boot_sector_256", 11, b"\0\1", "not supported")
boot_case("boot_sector_513", 11, b"\1\2", "bytes a sector")
boot_case("boot_sector_0", 11, b"\0\0", "bytes a sector")
boot_case("boot_cluster_0", 13, b"\0", "sectors a cluster")
boot_case("boot_cluster_3", 13, b"\3", "sectors a cluster")
boot_case("boot_cluster_129", 13, b"\x81", "sectors a cluster")
boot_case("boot_cluster_other_encoding", 13, b"\xfd", None)  # 2^3 sectors
boot_case("boot_cluster_4_mib", 13, b"\xf3", "larger than 2 MiB")
boot_case("boot_fat_fields", 16, b"\2", "FAT's fields")
boot_case("boot_hidden_is_advice", 28, b"\xff\xff\xff\xff", None)
boot_case("boot_total_0", 40, bytes(8), "sectors in the volume")
boot_case("boot_total_negative", 40, b"\xff" * 8, "sectors in the volume")
boot_case("boot_total_beyond_drive", 40, struct.pack("<Q", 1 << 40), "the volume needs 1099511627776")
boot_case("boot_mft_beyond_volume_mirror_helps", 48, struct.pack("<Q", 1 << 50), None)
boot_case("boot_record_0", 64, b"\0", "size of MFT records")
boot_case("boot_record_8_mib", 64, struct.pack("b", -23), "size of MFT records")
boot_case("boot_record_256", 64, struct.pack("b", -8), "size of MFT records")
boot_case("boot_index_3_clusters", 68, b"\3", "size of index blocks")
boot_case("boot_mirror_beyond_volume", 56, struct.pack("<Q", 1 << 60), None)


@case
def boot_mft_and_mirror_beyond_volume(v, n, t):
    v.write(48, struct.pack("<QQ", 1 << 50, 1 << 51))
    t.mount_refused("beyond the volume")


@case
def clean(v, n, t):
    t.cat("/a/b/c.vhd", CVHD)
    t.cat("\\A\\b\\C.VHD", CVHD)
    t.cat("a//b\\.\\c.vhd", CVHD)
    t.cat("/a/../a/b/../../../a/b/c.vhd", CVHD)
    t.cat("/small.txt", b"a few bytes\n")
    t.cat("/empty.bin", b"")
    t.cat("/plain.vhd", PLAIN)
    t.extents("/plain.vhd", n)
    t.extents("/few.vhd", n)
    t.extents("/frag2.vhd", n)
    t.reads("/a/b/c.vhd", 25)
    t.refuse("/none", "no such file")
    t.refuse("/a/b", "a folder, not a file")
    t.refuse("/small.txt/x", "a file, not a folder")
    t.refuse("/", "a folder, not a file")
    t.no_notes()


@case
def contents(v, n, t):
    t.cat("/few.vhd", pattern(20 * 4096 - 100, 20))
    t.cat("/frag.vhd", pattern(200 * 4096 - 100, 200))
    t.cat("/frag2.vhd", pattern(1200 * 4096 - 100, 1200))
    t.cat("/hole.bin", (bytes(200000) + pattern(5000, 3)).ljust(400000, b"\0"))
    t.cat("/comp/c.txt", volumes.TEXT)
    t.cat("/comp/short.txt", b"x" * 10)
    t.same_as_ntfscat("/comp/mixed.bin")
    t.holes("/hole.bin")
    t.refuse("/comp/c.txt", "compressed", verb="extents")
    t.refuse("/small.txt", "inside its MFT record", verb="extents")


@case
def names(v, n, t):
    for name in volumes.NAMES:
        t.cat("/names/" + name, name.encode())
    t.cat("/names/\u00c4.TXT", "\u00e4.txt".encode())
    t.cat("/names/\u03c9MEGA.txt", "\u03a9mega.txt".encode())
    t.cat("/names/" + volumes.LONG.upper(), volumes.LONG.encode())
    t.refuse("/names/strasse.txt", "no such file")
    t.refuse("/names/" + "n" * 256, "no valid name")
    t.cat("/names/Twin", b"Twin")
    t.cat("/names/tWIN", b"tWIN")
    t.refuse("/names/twin", "differ only in case")
    t.cat("/names/longer~1.txt", b"longer file name.txt")
    t.cat("/names/link.vhd", CVHD)
    t.cat("/many/FILE01234.TXT", b"")
    t.reads("/many/file02999.txt", 25)
    t.list("/many", 3000)
    t.list("/names", len(volumes.NAMES) + 4)


@case
def streams(v, n, t):
    t.cat("/small.txt:stream", b"bytes of a named stream")
    t.cat("/small.txt:stream:$DATA", b"bytes of a named stream")
    t.cat("/small.txt::$DATA", b"a few bytes\n")
    t.refuse("/small.txt:Stream2", "no stream of this name")


@case
def system_files_can_be_read(v, n, t):
    t.same_as_ntfscat("/$UpCase")
    t.extents("/$MFT", n)


# Records (rules 9-12)

def record_case(name, change, words, path="/plain.vhd"):
    def edit(v, n, t):
        record = v.record(n[path])
        changed = change(record)
        v.put_record(n[path], record if changed is None else changed)
        t.refuse(path, words)
        t.cat("/a/b/c.vhd", CVHD)
    CASES.append((name, edit))


def raw_record_case(name, change, words, path="/plain.vhd"):
    def edit(v, n, t):
        record = bytearray(v.raw_record(n[path]))
        change(record)
        v.put_raw_record(n[path], record)
        t.refuse(path, words)
    CASES.append((name, edit))


def set_field(off, size, value):
    def change(data):
        put(data, off, size, value)
    return change


record_case("record_baad", set_field(0, 4, 0x44414142), "marked bad")
record_case("record_magic", set_field(0, 4, 0), "no FILE signature")
raw_record_case("record_torn", set_field(1022, 2, 0x1234), "torn")
raw_record_case("record_torn_first_half", set_field(510, 2, 0x1234), "torn")
raw_record_case("record_usa_odd", set_field(4, 2, 0x31), "misplaced")
raw_record_case("record_usa_late", set_field(4, 2, 506), "misplaced")
raw_record_case("record_usa_in_header", set_field(4, 2, 0x20), "misplaced")
raw_record_case("record_usa_count_2", set_field(6, 2, 2), "misplaced")
raw_record_case("record_usa_count_huge", set_field(6, 2, 0xffff), "misplaced")
record_case("record_attributes_unaligned", set_field(20, 2, 0x3a), "header out of its bounds")
record_case("record_attributes_beyond", set_field(20, 2, 0x3f8), "header out of its bounds")
record_case("record_used_beyond", set_field(24, 4, 1032), "header out of its bounds")
record_case("record_used_huge", set_field(24, 4, 0xfffffff8), "header out of its bounds")
record_case("record_no_end", set_field(24, 4, 0x60), "no end|out of its bounds")
record_case("record_not_in_use", set_field(22, 2, 0), "not in use")
record_case("record_sequence_reused", set_field(16, 2, 77), "reused")
record_case("record_other_number", set_field(44, 4, 9), "another one")
record_case("record_is_extension", set_field(32, 8, 66 | 1 << 48), "piece of another file")


def attr_case(name, off, size, value, words, type_=DATA, path="/plain.vhd", verb="cat"):
    """One field of an attribute of the file's base record."""
    def edit(v, n, t):
        record = v.record(n[path])
        at = v.find(record, type_, "$I30" if type_ in (INDEX_ROOT, INDEX_ALLOCATION, BITMAP) else "")
        put(record, at + off, size, value)
        v.put_record(n[path], record)
        if words is None:
            t.cat(path, PLAIN)
        else:
            t.refuse(path, words, verb=verb)
    CASES.append((name, edit))


attr_case("attr_length_0", 4, 4, 0, "out of its bounds")
attr_case("attr_length_unaligned", 4, 4, 73, "out of its bounds")
attr_case("attr_length_beyond", 4, 4, 0x10000, "out of its bounds")
attr_case("attr_length_negative", 4, 4, 0xfffffff0, "out of its bounds")
attr_case("attr_name_beyond", 9, 1, 200, "out of its bounds")
attr_case("attr_nonresident_2", 8, 1, 2, "out of its bounds")
attr_case("attr_pairs_beyond", 32, 2, 0x200, "out of its bounds")
attr_case("attr_pairs_in_header", 32, 2, 0x30, "out of its bounds")
attr_case("attr_value_beyond", 16, 4, 0x4000, "out of its bounds", path="/small.txt")
attr_case("attr_value_offset_beyond", 20, 2, 0xfff8, "out of its bounds", path="/small.txt")
attr_case("attr_encrypted", 12, 2, 0x4000, "encrypted")
attr_case("attr_compressed_flag", 12, 2, 1, "out of its bounds|compression unit")
attr_case("attr_size_beyond_allocated", 48, 8, 1 << 40, "contradict")
attr_case("attr_size_negative", 48, 8, 1 << 63, "contradict")
attr_case("attr_initialized_beyond_size", 56, 8, (1 << 20) + 1, "contradict")
attr_case("attr_allocated_unaligned", 40, 8, (1 << 20) + 5, "contradict")
attr_case("attr_runs_short_of_size", 24, 8, 100, "not where its header says")
attr_case("attr_lowest_not_0", 16, 8, 5, "no data attribute")


@case
def stream_larger_and_first(v, n, t):
    """A named stream before the unnamed one, and larger."""
    record = v.record(n["/small.txt"])
    at = v.find(record, DATA)
    record = v.insert_attr(record, at, v.resident(DATA, b"s" * 200, 90, "aaa"))
    v.put_record(n["/small.txt"], record)
    t.cat("/small.txt", b"a few bytes\n")
    t.cat("/small.txt:aaa", b"s" * 200)


# Runlists (rules 13-18)

def pairs_case(name, pairs, words, size=None, clusters=256):
    """plain.vhd (256 clusters) with these mapping pairs."""
    def edit(v, n, t):
        raw = pairs(v.all_runs(n["/plain.vhd"])[0][0]) if callable(pairs) else pairs
        v.set_runs(n["/plain.vhd"], [(0, clusters)], size, pairs=raw)
        if words is None:
            t.cat("/plain.vhd", PLAIN)
        else:
            t.refuse("/plain.vhd", words)
    CASES.append((name, edit))


def wide(lcn):
    return b"\x88" + struct.pack("<qq", 256, lcn) + b"\0"


pairs_case("runs_8_byte_fields", wide, None)
pairs_case("runs_length_0_bytes", b"\x10\x05\0", "malformed")
pairs_case("runs_length_9_bytes", b"\x19" + bytes(12), "malformed")
pairs_case("runs_delta_9_bytes", b"\x91" + b"\1" * 11, "malformed")
pairs_case("runs_cut", b"\x44\1\1", "malformed")
pairs_case("runs_negative_length", b"\x11\xff\x40\0", "negative")
pairs_case("runs_empty_data_run", b"\x11\x00\x40\0", "no length")
pairs_case("runs_empty_hole_is_skipped", lambda lcn: b"\x01\x00" + wide(lcn), None)
pairs_case("runs_no_end", b"\x11\x01\x40" * 2 + b"\x11\x01", "malformed|no end|not where")
pairs_case("runs_before_volume", b"\x12\x00\x01\x80\0", "leaves the volume")
pairs_case("runs_beyond_volume", b"\x42\x00\x01\x00\x00\x00\x01\0", "leaves the volume")
pairs_case("runs_wrap", b"\x82\x00\x01" + b"\xff" * 7 + b"\x7f\0", "leaves the volume")
pairs_case("runs_too_few", lambda lcn: encode_runs([(lcn, 255)]), "not where its header says")
pairs_case("runs_too_many", lambda lcn: encode_runs([(lcn, 257)]), "not where its header says")
pairs_case("runs_length_huge", b"\x18" + b"\xff" * 7 + b"\x7f\x40\0", "longer than a file")


@case
def runs_delta_0_is_no_hole(v, n, t):
    """A file at LCN 0, as $Boot, whose first delta is 0."""
    v.set_runs(n["/plain.vhd"], [(0, 1)], 4096, pairs=b"\x11\x01\x00\0")
    t.cat("/plain.vhd", bytes(v.read(0, 4096)))
    t.refuse("/plain.vhd", "belongs to \\$MFT or \\$Boot", verb="extents")


@case
def runs_backwards(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn + 128, 128), (lcn, 128)])
    t.cat("/plain.vhd", PLAIN[1 << 19:] + PLAIN[:1 << 19])
    t.extents("/plain.vhd", n)
    t.mappable("/plain.vhd")


@case
def runs_that_touch_are_merged(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn + i * 16, 16) for i in range(16)])
    t.cat("/plain.vhd", PLAIN)
    t.fragments("/plain.vhd", 1)


@case
def runs_overlap(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn, 128), (lcn + 64, 128)])
    t.cat("/plain.vhd", PLAIN[:1 << 19] + PLAIN[1 << 18:(1 << 18) + (1 << 19)])
    t.refuse("/plain.vhd", "in two runs", verb="extents")


@case
def runs_in_mft(v, n, t):
    v.set_runs(n["/plain.vhd"], [(v.mft[0][0], 1), (v.all_runs(n["/plain.vhd"])[0][0], 255)])
    t.refuse("/plain.vhd", "belongs to \\$MFT", verb="extents")


@case
def preallocated_tail(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn, 256)], 10000)
    t.cat("/plain.vhd", PLAIN[:10000])
    t.sectors("/plain.vhd", 20)


@case
def initialized_short(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn, 256)], initialized=8192 + 512)
    t.cat("/plain.vhd", PLAIN[:8704].ljust(1 << 20, b"\0"))
    t.holes("/plain.vhd")
    t.refuse("/plain.vhd", "only the first 8704 bytes", verb="stat")


@case
def initialized_inside_a_sector(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn, 256)], initialized=8193)
    t.cat("/plain.vhd", PLAIN[:8193].ljust(1 << 20, b"\0"))
    t.refuse("/plain.vhd", "old contents follow", verb="extents")


@case
def initialized_inside_a_clean_sector(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.write(lcn * v.cluster + 8193, bytes(511))
    v.set_runs(n["/plain.vhd"], [(lcn, 256)], initialized=8193)
    t.cat("/plain.vhd", PLAIN[:8193].ljust(1 << 20, b"\0"))
    t.sectors("/plain.vhd", 2048)


@case
def initialized_0(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn, 256)], initialized=0)
    t.cat("/plain.vhd", bytes(1 << 20))
    t.holes("/plain.vhd")


@case
def sparse_with_hole(v, n, t):
    (lcn, _), = v.all_runs(n["/plain.vhd"])
    v.set_runs(n["/plain.vhd"], [(lcn, 64), (None, 64), (lcn + 128, 128)])
    t.cat("/plain.vhd", PLAIN[:1 << 18] + bytes(1 << 18) + PLAIN[1 << 19:])
    t.refuse("/plain.vhd", "has a hole at byte 262144", verb="stat")


@case
def sparse_flag_without_hole(v, n, t):
    (lcn, count), = v.all_runs(n["/plain.vhd"])
    attr = bytearray(v.nonresident(DATA, [(lcn, count)], 1 << 20, flags=0x8000))
    attr[64:64] = struct.pack("<Q", 1 << 20)
    put(attr, 32, 2, 72)
    record = v.record(n["/plain.vhd"])
    v.put_record(n["/plain.vhd"], v.replace_attr(record, v.find(record, DATA), attr))
    t.cat("/plain.vhd", PLAIN)
    t.mappable("/plain.vhd")


@case
def hole_of_many_terabytes(v, n, t):
    v.set_runs(n["/plain.vhd"], [(None, 1 << 40)], (1 << 52) - 7, initialized=0)
    t.sectors("/plain.vhd", 1 << 43)


# Attribute lists (rules 19-22)

def list_case(name, change, words, path="/frag2.vhd"):
    """frag2.vhd's attribute list, which is not resident, changed entry by entry."""
    def edit(v, n, t):
        runs = v.attr_runs(v.record(n[path]), LIST)
        entries = v.list_entries(n[path])
        change(v, n, entries)
        data = b"".join(entries)
        v.write(runs[0][0] * v.cluster, data[:runs[0][1] * v.cluster])
        t.refuse(path, words)
        t.cat("/a/b/c.vhd", CVHD)
    CASES.append((name, edit))


def data_entry(entries, index):
    return [e for e in entries if u(e, 0, 4) == DATA][index]


def change_entry(index, off, size, value):
    def change(v, n, entries):
        put(data_entry(entries, index), off, size, value)
    return change


list_case("list_entry_length_0", change_entry(1, 4, 2, 0), "malformed entry")
list_case("list_entry_unaligned", change_entry(1, 4, 2, 33), "malformed entry")
list_case("list_entry_beyond", change_entry(-1, 4, 2, 0x4000), "malformed entry")
list_case("list_entry_name_beyond", change_entry(1, 6, 1, 250), "malformed entry")
list_case("list_vcn_gap", change_entry(2, 8, 8, 7), "not there")
list_case("list_wrong_instance", change_entry(1, 24, 2, 999), "not there")
list_case("list_wrong_record", change_entry(1, 16, 8, 67 | 1 << 48), "no extension of|reused")
list_case("list_record_beyond_mft", change_entry(1, 16, 8, 1 << 40), "beyond the end of \\$MFT")
list_case("list_record_reused", change_entry(1, 22, 2, 444), "reused")
list_case("list_names_base_with_old_sequence", change_entry(0, 22, 2, 444), "reused|old one")


@case
def list_loses_a_piece(v, n, t):
    runs = v.attr_runs(v.record(n["/frag2.vhd"]), LIST)
    entries = v.list_entries(n["/frag2.vhd"])
    entries.remove(data_entry(entries, 2))
    v.write(runs[0][0] * v.cluster, b"".join(entries) + bytes(32))
    record = v.record(n["/frag2.vhd"])
    at = v.find(record, LIST)
    for off in (48, 56):
        put(record, at + off, 8, u(record, at + off, 8) - 32)
    v.put_record(n["/frag2.vhd"], record)
    t.refuse("/frag2.vhd", "do not join")


@case
def list_same_piece_twice(v, n, t):
    runs = v.attr_runs(v.record(n["/frag2.vhd"]), LIST)
    entries = v.list_entries(n["/frag2.vhd"])
    at = entries.index(data_entry(entries, 2))
    entries[at] = entries[at - 1]
    v.write(runs[0][0] * v.cluster, b"".join(entries))
    t.refuse("/frag2.vhd", "do not join")


@case
def list_longer_than_256_kib(v, n, t):
    record = v.record(n["/frag2.vhd"])
    at = v.find(record, LIST)
    lcn = v.free_clusters(100)
    attr = v.nonresident(LIST, [(lcn, 100)], 300000, u(record, at + 14, 2))
    v.put_record(n["/frag2.vhd"], v.replace_attr(record, at, attr))
    t.refuse("/frag2.vhd", "not a valid one")


def small_list(v, n, path, extra=b""):
    """Gives a file with all in its base record an attribute list that says so."""
    record = v.record(n[path])
    me = n[path] | u(record, 16, 2) << 48
    entries = b""
    for at in v.attrs(record):
        name = v.name(record, at).encode("utf-16le")
        length = -(-(26 + len(name)) // 8) * 8
        entries += struct.pack("<IHBBQQH", u(record, at, 4), length, len(name) // 2, 26, 0, me,
                               u(record, at + 14, 2)) + name + bytes(length - 26 - len(name))
    entries += extra
    at = next(o for o in v.attrs(record) if u(record, o, 4) > LIST)
    return record, at, entries


@case
def list_resident(v, n, t):
    record, at, entries = small_list(v, n, "/plain.vhd")
    v.put_record(n["/plain.vhd"], v.insert_attr(record, at, v.resident(LIST, entries, 50)))
    t.cat("/plain.vhd", PLAIN)
    t.extents("/plain.vhd", n)


@case
def list_in_pieces(v, n, t):
    """The list's own clusters are apart, and its entries cross the border."""
    filler = b"".join(struct.pack("<IHBBQQH6x", 0x100, 32, 0, 26, 0, 66 | 1 << 48, 1)
                      for _ in range(200))
    record, at, entries = small_list(v, n, "/plain.vhd", filler)
    one, two = v.free_clusters(1), v.free_clusters(1, 3)
    v.write(one * v.cluster, entries[:4096])
    v.write(two * v.cluster, entries[4096:])
    attr = v.nonresident(LIST, [(one, 1), (two, 1)], len(entries), 50)
    v.put_record(n["/plain.vhd"], v.insert_attr(record, at, attr))
    t.cat("/plain.vhd", PLAIN)


@case
def list_names_itself_for_ever(v, n, t):
    extra = b"".join(struct.pack("<IHBBQQH6x", LIST, 32, 0, 26, 0, n["/plain.vhd"], 50)
                     for _ in range(3))
    record, at, entries = small_list(v, n, "/plain.vhd", extra)
    v.put_record(n["/plain.vhd"], v.insert_attr(record, at, v.resident(LIST, entries, 50)))
    t.cat("/plain.vhd", PLAIN)


@case
def list_hides_the_data(v, n, t):
    record, at, entries = small_list(v, n, "/plain.vhd")
    v.put_record(n["/plain.vhd"], v.insert_attr(record, at, v.resident(LIST, entries[:32], 50)))
    t.refuse("/plain.vhd", "no data attribute")


@case
def mft_with_attribute_list(v, n, t):
    split_mft(v, 40)
    t.cat("/a/b/c.vhd", CVHD)
    t.cat("/frag2.vhd", pattern(1200 * 4096 - 100, 1200))
    t.list("/many", 3000)


@case
def mft_in_fragments(v, n, t):
    """Three runs in its base record; the middle one elsewhere."""
    (start, count), = v.mft[:1]
    moved = v.free_clusters(40)
    v.write(moved * v.cluster, v.read((start + 20) * v.cluster, 40 * v.cluster))
    v.write((start + 20) * v.cluster, b"\xdd" * (40 * v.cluster))
    runs = [(start, 20), (moved, 40), (start + 60, count - 60)] + v.mft[1:]
    record = v.record(0)
    at = v.find(record, DATA)
    attr = v.nonresident(DATA, runs, u(record, at + 48, 8), u(record, at + 14, 2))
    v.put_record(0, v.replace_attr(record, at, attr))
    t.cat("/a/b/c.vhd", CVHD)
    t.list("/many", 3000)


@case
def mft_piece_out_of_reach(v, n, t):
    """The extension that says where the rest of $MFT lies lies in that rest."""
    v_entries = split_mft(v, 40)
    record = v.record(0)
    at = v.find(record, LIST)
    value = at + u(record, at + 20, 2)
    for i, entry in enumerate(v_entries):
        if entry[1]:
            put(record, value + 32 * i + 16, 8, 80 | 1 << 48)
    v.put_record(0, record)
    t.mount_refused("before it can be found")


@case
def mft_record_0_torn(v, n, t):
    record = bytearray(v.raw_record(0))
    put(record, 510, 2, 0xbeef)
    v.put_raw_record(0, record)
    t.cat("/a/b/c.vhd", CVHD)
    t.note("MFTMirr")


@case
def mft_record_0_and_mirror_torn(v, n, t):
    mirror = v.mirror * v.cluster
    for off in (v.mft[0][0] * v.cluster, mirror):
        v.write(off + 510, b"\xbe\xef")
    t.mount_refused("torn")


@case
def volume_record_torn(v, n, t):
    record = bytearray(v.raw_record(3))
    put(record, 510, 2, 0xbeef)
    v.put_raw_record(3, record)
    t.cat("/a/b/c.vhd", CVHD)
    t.note("MFTMirr")


@case
def mft_resident(v, n, t):
    record = v.record(0)
    at = v.find(record, DATA)
    record = v.replace_attr(record, at, v.resident(DATA, b"1234", 1))
    v.put_record(0, record)
    mirror = v.mirror * v.cluster
    v.write(mirror, v.fix(record))
    t.mount_refused("does not say where")


# Directories (rules 23-28)

def root_case(name, off, size, value, words):
    """A field of /many's $INDEX_ROOT, counted from its value."""
    def edit(v, n, t):
        record = v.record(n["/many"])
        at = v.find(record, INDEX_ROOT, "$I30")
        put(record, at + u(record, at + 20, 2) + off, size, value)
        v.put_record(n["/many"], record)
        t.refuse("/many/file00100.txt", words)
        t.refuse("/many", words, verb="ls")
    CASES.append((name, edit))


root_case("root_type", 0, 4, 0x50, "not sorted by name")
root_case("root_collation", 4, 4, 2, "not sorted by name")
root_case("root_block_size_3000", 8, 4, 3000, "has blocks of")
root_case("root_block_size_0", 8, 4, 0, "has blocks of")
root_case("root_block_size_1_mib", 8, 4, 1 << 20, "has blocks of")
root_case("root_entries_beyond", 16, 4, 0x2000, "header out of its bounds")
root_case("root_length_beyond", 20, 4, 0x2000, "header out of its bounds")
root_case("root_entry_length_0", 32 + 8, 2, 0, "entry out of its bounds")
root_case("root_entry_length_beyond", 32 + 8, 2, 0x1000, "entry out of its bounds")
root_case("root_child_beyond", 32 + 16 + 0x58 - 0x10, 8, 1 << 40, "outside itself|out of its")


def block_case(name, change, words, first=True):
    """Every index block of /many."""
    def edit(v, n, t):
        blocks = sum(c for _, c in v.index_runs(n["/many"])) * v.cluster // v.index_size
        for block in range(blocks):
            data = v.index_block(n["/many"], block)
            if data[:4] == b"INDX":
                change(v, data, block)
                v.put_index_block(n["/many"], block, data)
        t.refuse("/many/file00100.txt", words)
        t.refuse("/many", words, verb="ls")
        t.cat("/a/b/c.vhd", CVHD)
    CASES.append((name, edit))


def set_block(off, size, value):
    return lambda v, data, block: put(data, off, size, value)


block_case("block_magic", set_block(0, 4, 0), "no INDX signature")
block_case("block_other_vcn", set_block(16, 8, 12345), "another one")
block_case("block_allocated", set_block(24 + 8, 4, 2000), "wrong size")
block_case("block_entries_beyond", set_block(24, 4, 0x8000), "header out of its bounds")
block_case("block_length_beyond", set_block(24 + 4, 4, 0x8000), "header out of its bounds")


def first_entry(off, size, value):
    def change(v, data, block):
        put(data, next(v.node_entries(data, 24)) + off, size, value)
    return change


block_case("entry_length_0", first_entry(8, 2, 0), "entry out of its bounds")
block_case("entry_length_unaligned", first_entry(8, 2, 0x6a), "entry out of its bounds")
block_case("entry_key_beyond", first_entry(10, 2, 0x400), "entry out of its bounds")
block_case("entry_name_beyond_key", first_entry(80, 1, 255), "entry out of its bounds")


@case
def block_torn(v, n, t):
    runs = v.index_runs(n["/many"])
    for block in range(sum(c for _, c in runs)):
        v.write(v.offset(runs, block * v.index_size) + 1022, b"\x12\x34")
    t.refuse("/many/file00100.txt", "torn")


@case
def block_free_in_bitmap(v, n, t):
    record = v.record(n["/many"])
    at = v.find(record, BITMAP, "$I30")
    start = at + u(record, at + 20, 2)
    record[start:start + u(record, at + 16, 4)] = bytes(u(record, at + 16, 4))
    v.put_record(n["/many"], record)
    t.refuse("/many/file00100.txt", "free block")


@case
def index_loop(v, n, t):
    """Every leaf gets the root's child as its own."""
    runs = v.index_runs(n["/many"])
    for block in range(sum(c for _, c in runs)):
        data = v.index_block(n["/many"], block)
        if data[:4] != b"INDX" or data[24 + 12] & 1:
            continue
        first = next(v.node_entries(data, 24))
        length = u(data, first + 8, 2)
        data[24 + 12] |= 1
        put(data, first + 12, 2, u(data, first + 12, 2) | 1)
        put(data, first + length - 8, 8, block)  # itself: over the end of its name's room
        put(data, first + 10, 2, 66 + 2)
        put(data, first + 80, 1, 1)
        v.put_index_block(n["/many"], block, data)
    t.refuse("/many", "circle|deeper|out of its bounds", verb="ls")
    t.ends("/many/file00001.txt")


def leaf_with(v, number, name):
    for block in range(sum(c for _, c in v.index_runs(number)) * v.cluster // v.index_size):
        data = v.index_block(number, block)
        if data[:4] != b"INDX":
            continue
        offs = list(v.node_entries(data, 24))[:-1]
        found = [o for o in offs if v.entry_name(data, o) == name]
        if found:
            return block, data, offs, found[0]
    raise KeyError(name)


@case
def index_out_of_order(v, n, t):
    """Two neighbours change places: neither can be found by descent alone."""
    block, data, offs, at = leaf_with(v, n["/many"], "file01500.txt")
    size = u(data, at + 8, 2)
    if at == offs[-1]:
        at = offs[-3]
    other = offs[offs.index(at) + 2]
    data[at:at + size], data[other:other + size] = data[other:other + size], data[at:at + size]
    v.put_index_block(n["/many"], block, data)
    for i in range(1490, 1510):
        t.cat("/many/file%05d.txt" % i, b"")
    t.note("out of order")


@case
def index_entry_renamed(v, n, t):
    """An entry of the small root directory that sorts elsewhere."""
    block, data, offs, at = leaf_with(v, 5, "plain.vhd")
    data[at + 82:at + 84] = b"0\0"
    v.put_index_block(5, block, data)
    t.cat("/0lain.vhd", PLAIN)
    t.note("out of order")


@case
def index_reference_reused(v, n, t):
    block, data, offs, at = leaf_with(v, 5, "plain.vhd")
    put(data, at + 6, 2, 999)
    v.put_index_block(5, block, data)
    t.refuse("/plain.vhd", "reused")


@case
def index_reference_any_sequence(v, n, t):
    block, data, offs, at = leaf_with(v, 5, "plain.vhd")
    put(data, at + 6, 2, 0)
    v.put_index_block(5, block, data)
    t.cat("/plain.vhd", PLAIN)


@case
def upcase_missing(v, n, t):
    record = v.record(10)
    put(record, 22, 2, 0)
    v.put_record(10, record)
    t.cat("/A/b/c.VHD", CVHD)
    t.note("UpCase")


@case
def upcase_short(v, n, t):
    record = v.record(10)
    at = v.find(record, DATA)
    put(record, at + 48, 8, 1000)
    put(record, at + 56, 8, 1000)
    v.put_record(10, record)
    t.cat("/A/b/c.VHD", CVHD)
    t.note("UpCase")


@case
def upcase_of_its_own(v, n, t):
    """A table that does not fold the letter a."""
    off = v.offset(v.attr_runs(v.record(10), DATA), 2 * ord("a"))
    v.write(off, b"a\0")
    t.refuse("/A/b/c.vhd", "no such file")
    t.cat("/a/B/c.vhd", CVHD)
    t.note("unusual")


def reparse_case(name, tag, words, path):
    def edit(v, n, t):
        record = v.record(n[path])
        end = next(o for o in list(v.attrs(record)) + [u(record, 24, 4) - 8]
                   if u(record, o, 4) > REPARSE)
        value = struct.pack("<IHH", tag, 8, 0) + bytes(8)
        v.put_record(n[path], v.insert_attr(record, end, v.resident(REPARSE, value, 60)))
        t.refuse(path, words)
        if path.endswith("junction"):
            t.refuse(path + "/x", words)
            t.refuse(path, words, verb="ls")
    CASES.append((name, edit))


reparse_case("reparse_symlink", 0xa000000c, "symbolic link", "/reparse/symlink")
reparse_case("reparse_junction", 0xa0000003, "junction or mount point", "/reparse/junction")
reparse_case("reparse_wof", 0x80000017, "WOF", "/reparse/wof")
reparse_case("reparse_dedup", 0x80000013, "deduplicated", "/reparse/dedup")
reparse_case("reparse_cloud", 0x9000601a, "cloud file", "/reparse/cloud")
reparse_case("reparse_other", 0x80001234, "tag 0x80001234", "/reparse/other")


# Volume state (rules 29-32)

def volume_flags(name, off, size, value, words):
    def edit(v, n, t):
        record = v.record(3)
        at = v.find(record, VOLUME_INFORMATION)
        put(record, at + u(record, at + 20, 2) + off, size, value)
        v.put_record(3, record)
        t.cat("/a/b/c.vhd", CVHD)
        t.note(words)
    CASES.append((name, edit))


volume_flags("state_dirty", 10, 2, 1, "marked dirty")
volume_flags("state_version_1_2", 8, 2, 0x0201, "version is 1")


def log_case(name, pages, unclean, words=None):
    """$LogFile with these restart pages: [(lsn, client in use, flags)] or bytes."""
    def edit(v, n, t):
        off = v.offset(v.attr_runs(v.record(2), DATA), 0)
        for i, page in enumerate(pages):
            if isinstance(page, tuple):
                page = restart_page(*page)
            v.write(off + 4096 * i, page)
        if words:
            t.note(words)
        t.state("log_unclean", unclean)
        t.cat("/a/b/c.vhd", CVHD)
    CASES.append((name, edit))


log_case("log_emptied", [b"\xff" * 4096, b"\xff" * 4096], False)
log_case("log_no_client", [(5, 0xffff, 0), (4, 0, 0)], False)
log_case("log_clean_flag", [(5, 0, 2), (4, 0, 0)], False)
log_case("log_in_use", [(5, 0, 0), (4, 0xffff, 0)], True, "not unmounted cleanly")
log_case("log_second_page_newer", [(5, 0xffff, 0), (9, 0, 0)], True, "not unmounted cleanly")
log_case("log_first_page_garbage", [b"garbage!" * 512, (9, 0xffff, 0)], False)
log_case("log_both_garbage", [b"garbage!" * 512] * 2, True, "cannot be read")


def hiberfil_case(name, head, asleep, size=1 << 20):
    """plain.vhd under another name: hiberfil.sys."""
    def edit(v, n, t):
        block, data, offs, at = leaf_with(v, 5, "plain.vhd")
        entry = bytearray(data[at:at + u(data, at + 8, 2)])
        name_units = "hiberfil.sys".encode("utf-16le")
        key = entry[16:82] + name_units
        key[64] = 12
        length = -(-(16 + len(key)) // 8) * 8
        entry = bytearray(entry[:16] + key).ljust(length, b"\0")
        put(entry, 8, 2, length)
        put(entry, 10, 2, len(key))
        rest = data[:at] + data[at + u(data, at + 8, 2):24 + u(data, 28, 4)]
        names = [(v.entry_name(rest, o).upper(), o) for o in list(v.node_entries(rest, 24))[:-1]]
        at = next((o for name, o in names if name > "HIBERFIL.SYS"),
                  list(v.node_entries(rest, 24))[-1])
        new = rest[:at] + entry + rest[at:]
        put(new, 28, 4, len(new) - 24)
        v.put_index_block(5, block, new.ljust(v.index_size, b"\0"))
        (lcn, _), = v.all_runs(n["/plain.vhd"])
        v.write(lcn * v.cluster, head.ljust(4096, b"\0"))
        v.set_runs(n["/plain.vhd"], [(lcn, 256)], size)
        t.state("hibernated", asleep)
        t.cat("/a/b/c.vhd", CVHD)
    CASES.append((name, edit))


hiberfil_case("hiberfil_sleeping", b"hibr", True)
hiberfil_case("hiberfil_sleeping_capitals", b"HIBR", True)
hiberfil_case("hiberfil_resumed", b"", False)
hiberfil_case("hiberfil_short", b"", True, 2048)


# Compression

def compressed_case(name, change, words):
    def edit(v, n, t):
        runs = v.all_runs(n["/comp/c.txt"])
        off = runs[0][0] * v.cluster
        data = v.read(off, v.cluster)
        change(data)
        v.write(off, data)
        t.refuse("/comp/c.txt", words)
        t.refuse("/comp/c.txt", "compressed", verb="extents")
    CASES.append((name, edit))


compressed_case("lznt1_signature", set_field(0, 2, 0x8fff), "compressed data are damaged")
compressed_case("lznt1_first_token_copies", set_field(2, 1, 0xff), "compressed data are damaged")


@case
def lznt1_end_at_once(v, n, t):
    """A unit whose first header is 0: all zeros."""
    runs = v.all_runs(n["/comp/c.txt"])
    v.write(runs[0][0] * v.cluster, b"\0\0")
    t.cat("/comp/c.txt", bytes(65536) + volumes.TEXT[65536:])


attr_case("compression_unit_5", 34, 1, 5, "compression unit", path="/comp/c.txt")
attr_case("compression_method_2", 12, 2, 2, "unknown method", path="/comp/c.txt")
