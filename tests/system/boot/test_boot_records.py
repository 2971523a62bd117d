#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The MBR and the NTFS boot record: bad BIOSes, all kinds of volumes, damaged volumes.

In place of stage2 there is tests/boot/fake_stage2.asm, which says what it was handed and whether all of
it arrived. tests/boot/shim.asm makes SeaBIOS worse. Volumes are bent by tests/boot/craft.py.
"""
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TESTS, "lib"), os.path.join(TESTS, "boot")]
import craft                                                    # noqa: E402
from emulator import Bochs, Qemu, read_error                    # noqa: E402
from report import check, check_equal, end, need, test          # noqa: E402

BUILD = os.path.join(os.path.dirname(TESTS), os.environ.get("B", "build"))
LBA = 2048
NAME = "vhdboot.bin"
CANNOT = r"vhdboot: cannot load \\vhdboot\.bin: "
STAGE2 = r"stage2 drive (\w+) lba (\w+) sum (\w+) end"
NO_EDD, CLOBBER, PATCH, FAR, ENTRY = 1, 2, 4, 8, 16

folder = tempfile.TemporaryDirectory(prefix="vhdboot-records-")
work = folder.name


def assemble(name):
    out = os.path.join(work, name + ".bin")
    subprocess.run(["nasm", "-f", "bin", "-I", BUILD + "/", os.path.join(TESTS, "boot", name + ".asm"), "-o", out],
                   check=True)
    with open(out, "rb") as code:
        return code.read()


def load(name):
    with open(os.path.join(BUILD, name), "rb") as file:
        return file.read()


def stage2(size=90000, serial=False):
    data = bytearray(FAKE + random.Random(size).randbytes(max(0, size - len(FAKE))))
    data += bytes(-len(data) % 4)
    struct.pack_into("<IIB", data, 8, len(data), 0, serial)
    total = sum(struct.unpack(f"<{len(data) // 4}I", data))
    struct.pack_into("<I", data, 12, -total & 0xFFFFFFFF)
    return bytes(data)


def volume(size=64 << 20, data=None, install=True, **how):
    v = craft.Volume(tempfile.mkdtemp(dir=work), size, **how)
    if data is not False:
        v.put(NAME, stage2() if data is None else data)
    if install:
        v.install(VBR)
    return v


def copy_sparse(source, target, at):
    """Copies a file's data, not its holes."""
    end_of_file = os.path.getsize(source)
    with open(source, "rb") as src, open(target, "r+b") as dst:
        here = 0
        while here < end_of_file:
            try:
                here = os.lseek(src.fileno(), here, os.SEEK_DATA)
            except OSError:
                break
            stop = os.lseek(src.fileno(), here, os.SEEK_HOLE)
            src.seek(here)
            dst.seek(at + here)
            while here < stop:
                here += dst.write(src.read(min(1 << 20, stop - here)))


def partition(active, kind, lba, count):
    return struct.pack("<B3sB3sII", active, b"\0\x01\x01", kind, b"\0\x01\x01", lba, count)


def disk(v, lba=LBA, entries=None, signature=b"\x55\xaa"):
    """A disk with the volume at `lba`, in an active partition unless `entries` says otherwise."""
    path = v.path + ".disk"
    size = os.path.getsize(v.path)
    with open(path, "wb") as out:
        out.truncate((lba << 9) + size + (1 << 20))
        table = b"".join(entries if entries is not None else [partition(0x80, 7, lba, size >> 9)])
        out.write(MBR.ljust(440, b"\0") + b"disk\0\0" + table.ljust(64, b"\0") + signature)
    v.write(28, struct.pack("<I", lba & 0xFFFFFFFF))
    copy_sparse(v.path, path, lba << 9)
    return path


def worse(flags=0, drive=0x81, fails=0, most=0, only=0, lba=0, entry=0):
    """A disk with the shim: see there."""
    code = bytearray(SHIM)
    struct.pack_into("<BBBBHBBI", code, 0x10, flags, drive, fails, fails, most, only, 0, lba)
    struct.pack_into("<I", code, 0x28, entry)
    path = os.path.join(work, "shim.disk")
    with open(path, "wb") as out:
        out.write(code + bytes(1 << 20))
    return path


def boots(image, drive=0x80, lba=0, calls=None, **machine):
    with Qemu(image, limit=60, **{"memory": 16, **machine}) as pc:
        found = pc.wait(STAGE2 + r"|vhdboot: .*\w")
        check(found.group(1) is not None, found.group(0))
        check_equal(int(found.group(1), 16), drive, "drive")
        check_equal(int(found.group(2), 16), lba, "lba")
        check_equal(found.group(3), "00000000", "sum")
        if calls is not None:
            made = pc.stats()["rd_operations"]
            print(f"    {made} reads")
            check(made <= calls, f"{made} BIOS calls, at most {calls} were to be")


def says(image, sentence, **machine):
    with Qemu(image, limit=90, **{"memory": 16, **machine}) as pc:
        pc.wait(sentence)
        time.sleep(0.2)
        check(pc.running(), "the machine did not halt but started over")


# --- the machine

def machine_tests():
    plain = disk(volume())

    with test("boots from the active partition, in few reads"):
        boots(plain, lba=LBA, calls=14, bus="virtio")
    for bus in ("ide", "ahci", "usb-ehci"):
        with test(f"boots from {bus}"):
            boots(plain, lba=LBA, bus=bus)

    cases = [
        ("another drive's DL", {"drive": 0x80}), ("DL of a floppy", {"drive": 0}), ("DL out of range", {"drive": 0xFF}),
        ("no EDD", {"flags": NO_EDD}), ("registers, DF and IF lost", {"flags": CLOBBER}),
        ("a patched BPB", {"flags": PATCH}), ("a start at 07C0:0000", {"flags": FAR}),
        ("two failures before each read", {"fails": 2}), ("no reads of more than 16 sectors", {"most": 16}),
        ("all of that", {"flags": 15, "drive": 0, "fails": 2, "most": 16}),
    ]
    for name, how in cases:
        with test(f"MBR survives: {name}"):
            boots(worse(**how), drive=0x81, lba=LBA, extra=[(plain, "ide")])
    cases = [
        ("DS:SI that is right", {"flags": ENTRY, "entry": LBA}), ("DS:SI that is wrong", {"flags": ENTRY, "entry": 77}),
        ("no DS:SI", {}), ("a wrong DL", {"drive": 0x80}), ("no EDD, wrong DL", {"flags": NO_EDD, "drive": 0x8F}),
        ("a patched BPB", {"flags": PATCH | ENTRY, "entry": LBA}),
    ]
    for name, how in cases:
        with test(f"boot record survives: {name}"):
            boots(worse(lba=LBA, **how), drive=0x81, lba=LBA, extra=[(plain, "ide")])

    with test("boot record starts from a logical partition"):
        v = volume()
        count = os.path.getsize(v.path) >> 9
        image = disk(v, 8192, [partition(0, 0x83, 63, 100), partition(0, 5, 4096, count + 8192)])
        with open(image, "r+b") as out:
            out.seek(4096 << 9)
            out.write(bytes(446) + partition(0, 7, 8192 - 4096, count).ljust(64, b"\0") + b"\x55\xaa")
        boots(worse(lba=8192), drive=0x81, lba=8192, extra=[(image, "ide")])

    with test("boot record starts from a volume without partition table"):
        boots(volume().path)
    with test("and with hidden sectors that are not there"):
        boots(volume(hidden=LBA).path)
    with test("boots from a partition whose end lies beyond 2^32 sectors"):
        v = volume()
        runs, size = v.scatter(v.find(NAME), longest=4, apart=4)
        v.set_data(v.find(NAME), runs, size)
        sectors = sorted(lcn * 8 for lcn, _ in runs)
        before = sectors[len(runs) // 2] + 4                    # the border cuts a cluster
        boots(disk(v, (1 << 32) - before), lba=(1 << 32) - before)

    with test("boots in Bochs"):
        need("bochs")
        image = disk(volume(data=stage2(90000, serial=True)))
        with Bochs(image, memory=32, limit=60) as pc:
            found = pc.wait(STAGE2)
            check_equal(found.groups(), ("80", f"{LBA:016X}", "00000000"), "drive, LBA and sum")


def sentence_tests():
    v = volume()
    count = os.path.getsize(v.path) >> 9
    ours = partition(0x80, 7, LBA, count)
    with test("MBR: no active partition"):
        says(disk(v, entries=[partition(0, 7, LBA, count)]), "vhdboot: no active partition")
    with test("MBR: two active partitions"):
        says(disk(v, entries=[ours, partition(0x80, 7, 63, 100)]), "vhdboot: two active partitions")
    with test("MBR: no boot record"):
        says(disk(v, entries=[partition(0x80, 7, 100, 100)]), "vhdboot: no boot record in partition")
    with test("MBR: a partition that starts with the MBR does not loop"):
        says(disk(v, entries=[partition(0x80, 7, 0, 100)]), "vhdboot: no boot record in partition")
    with test("MBR: a partition beyond the drive's end"):
        says(disk(v, entries=[partition(0x80, 7, 0xFFFFFF00, 100)]), "vhdboot: cannot read boot disk")
    with test("MBR: no drive can be read"):
        says(worse(fails=3), "vhdboot: cannot read boot disk", extra=[(disk(v), "ide")])
    with test("boot record: its own sectors cannot be read"):
        says(worse(fails=255, lba=LBA), "vhdboot: cannot load the boot record", extra=[(disk(v), "ide")])
    with test("boot record: written in part"):
        half = volume()
        half.write(4096, bytes(4096))
        says(half.path, "vhdboot: cannot load the boot record")
    with test("boot record: less than 352 KiB of low memory"):
        poor = volume()
        code = bytearray(VBR)
        jump = code.find(bytes.fromhex("813e1304"))             # cmp word [413h]: ask for more than there is
        struct.pack_into("<H", code, jump + 4, 1000)
        poor.install(bytes(code))
        says(poor.path, CANNOT + "less than 352 KiB of low memory")
    with test("boot record: a sector of the file cannot be read"):
        bad = volume()
        sector = bad.data(bad.find(NAME)).runs[0][0] * 8 + 3
        says(bad.path, CANNOT + f"BIOS error ..h reading sector {sector}", blkdebug=read_error(sector))
    with test("boot record: $MFT cannot be read"):
        bad = volume()
        sector = bad.place(0) >> 9
        says(bad.path, CANNOT + f"BIOS error ..h reading sector {sector}", blkdebug=read_error(sector))


# --- volumes that are right

def volume_tests():
    for cluster in (512, 1024, 2048, 8192, 65536, 131072, 1 << 20, 2 << 20):
        with test(f"clusters of {cluster} bytes"):
            boots(volume(size=max(48 << 20, 64 * cluster), cluster=cluster).path, bus="virtio")
    for sector, cluster in ((1024, 1024), (2048, 4096), (4096, 4096), (4096, 65536)):
        with test(f"sectors of {sector}, clusters of {cluster} bytes"):
            boots(volume(sector=sector, cluster=cluster).path)
    for cluster in (512, 4096):
        with test(f"records of 4096 bytes, sectors of 512, clusters of {cluster}"):
            v = volume(cluster=cluster)
            craft.grow_records(v)
            boots(v.path)
    for size in (400, 512, 4096, 65536, 65537, 98304):
        with test(f"a file of {size} bytes"):
            boots(volume(data=stage2(size)).path)

    with test("a file in 23 runs, backwards"):
        v = volume()
        number = v.find(NAME)
        v.set_data(number, *v.scatter(number))
        boots(v.path)
    for stored in (False, True):
        for first in (False, True):
            with test(f"a file in 176 runs and 6 records, attribute list {'non-' if stored else ''}resident,"
                      f" {'a' if first else 'no'} piece in the base record"):
                v = volume(cluster=512)
                v.create([f"extension{i}" for i in range(6)])
                number = v.find(NAME)
                extensions = [v.find(f"extension{i}") for i in range(6)]
                runs, size = v.scatter(number)
                v.set_pieces(number, craft.DATA, runs, size, reversed(extensions), stored, keep_first=first)
                boots(v.path)

    with test("$MFT in two runs"):
        v = volume()
        bend_mft(v, extension=None)
        boots(v.path)
    with test("$MFT with an attribute list"):
        v = volume()
        bend_mft(v, extension=15)
        boots(v.path)
    with test("a record across two runs of $MFT"):
        v = volume(cluster=512)
        runs = v.mft_runs()
        split = v.find(NAME) * 2 + 1
        content = v.read_runs(runs)
        total = len(content) // 512
        area = v.free(total - split)
        moved = [(runs[0][0], split)] + [(lcn, 1) for lcn in area]
        check(runs[0][1] >= split, "mkntfs scattered $MFT")
        v.write_runs(moved, content)
        record = craft.fix(bytearray(content[:1024]))
        size = [a for a in craft.attributes(record) if a.type == craft.DATA][0].size
        kept = [a for a in craft.attributes(record) if a.type != craft.DATA]
        piece = craft.Attribute.stored(craft.DATA, merge(moved), size, 512)
        v.write(runs[0][0] * 512,
                craft.unfix(craft.with_attributes(record, sorted(kept + [piece], key=lambda a: a.type))))
        v.write(runs[0][0] * 512 + split * 512, bytes((runs[0][1] - split) * 512))
        boots(v.path)
    with test("record 0 damaged: its copy in $MFTMirr"):
        v = volume()
        at = v.place(0)
        v.write(at + 510, b"xx")
        with Qemu(v.path, memory=16, limit=60) as pc:
            pc.wait("MFT record 0 is damaged, trying its copy")
            check_equal(pc.wait(STAGE2).group(3), "00000000", "sum")

    for names, cluster in ((60, 4096), (2500, 4096), (2500, 512), (1200, 65536)):
        with test(f"{names} files around it, clusters of {cluster} bytes"):
            v = volume(cluster=cluster, data=False)
            pick = random.Random(names)
            others = {f"{pick.choice('aUvVwé')}{pick.choice('ghHzß')}{n:05} and more of a name" for n in range(names)}
            v.create(sorted(others, key=lambda name: name[::-1]) + ["vhdboot.bi", "vhdboot.binary", "vhdboot"])
            v.put(NAME, stage2(9000))
            boots(v.path, bus="virtio", calls=16)
    with test("a root directory in pieces with an attribute list"):
        v = volume(cluster=1024, data=False)
        v.create([f"file number {n:04}" for n in range(600)] + [f"w{n}" for n in range(4)])
        v.put(NAME, stage2(9000))
        homes = [v.find(f"w{n}") for n in range(4)]
        index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
        content = v.read_runs(index.runs)
        runs = [(lcn, 1) for lcn in v.free(len(content) // 1024)]
        v.write_runs(runs, content)
        v.set_pieces(5, craft.INDEX, runs, index.size, homes, True, name="$I30")
        boots(v.path)
    with test("a name in capitals"):
        v = volume(data=False)
        v.put("VHDBoot.BIN", stage2())
        boots(v.path)


def merge(runs):
    merged = []
    for lcn, count in runs:
        if merged and merged[-1][0] + merged[-1][1] == lcn:
            merged[-1] = (merged[-1][0], merged[-1][1] + count)
        else:
            merged.append((lcn, count))
    return merged


def bend_mft(v, extension):
    """Moves $MFT from record 16 on; with `extension`, that record holds the second piece."""
    runs = v.mft_runs()
    check_equal(len(runs), 1, "runs of a fresh $MFT")
    lcn, count = runs[0]
    kept = 16 * 1024 // v.cluster
    content = v.read_runs(runs)
    record = v.record(0)
    data = v.data(0)
    far = [(n, 1) for n in v.free(count - kept)]
    v.write_runs([(lcn, kept)] + far, content)
    others = [a for a in craft.attributes(record) if a.type not in (craft.DATA, craft.LIST)]
    if extension is None:
        pieces = [craft.Attribute.stored(craft.DATA, [(lcn, kept)] + far, data.size, v.cluster)]
        own = []
    else:
        sequence = struct.unpack_from("<H", record, 16)[0]
        home = v.record(extension)
        struct.pack_into("<H", home, 22, 1)
        struct.pack_into("<IHH", home, 32, 0, 0, sequence)
        v.store(extension, craft.with_attributes(
            home, [craft.Attribute.stored(craft.DATA, far, 0, v.cluster, first=kept, number=41)]))
        home_sequence = struct.unpack_from("<H", home, 16)[0]
        pieces = [craft.Attribute.stored(craft.DATA, [(lcn, kept)], data.size, v.cluster, number=40)]
        entries = [craft.list_entry(a.type, 0, 0, sequence, 0, "") for a in others]
        entries += [craft.list_entry(craft.DATA, 0, 0, sequence, 40, ""),
                    craft.list_entry(craft.DATA, kept, extension, home_sequence, 41, "")]
        own = [craft.Attribute.resident(craft.LIST, b"".join(sorted(entries, key=lambda e: e[0])))]
    v.write(lcn * v.cluster,
            craft.unfix(craft.with_attributes(record, sorted(others + pieces + own, key=lambda a: a.type))))
    v.write((lcn + kept) * v.cluster, bytes((count - kept) * v.cluster))


# --- volumes that are not

def bad_file(name, sentence, bend, **how):
    with test(f"refuses {name}"):
        v = volume(**how)
        bend(v, v.find(NAME))
        says(v.path, CANNOT + sentence)


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


def hostile_tests():
    with test("no file: says so"):
        says(volume(data=False).path, CANNOT + "it is not in the volume's root directory")
    with test("no file among 2500: says so"):
        v = volume(data=False)
        v.create([f"vhd{n:05}" for n in range(2500)])
        says(v.path, CANNOT + "it is not in the volume's root directory")
    with test("a volume that is not NTFS: says so"):
        v = volume()
        v.write(3, b"-FVE-FS-")
        says(v.path, CANNOT + "the volume is not NTFS")
    for name, at, form, value in (("sectors of 300 bytes", 11, "<H", 300), ("sectors of 8192 bytes", 11, "<H", 8192),
                                  ("3 sectors a cluster", 13, "<B", 3), ("clusters of 8 MiB", 13, "<B", 0xF2),
                                  ("0 sectors a cluster", 13, "<B", 0), ("records of 8 KiB", 64, "<b", -13),
                                  ("records of 3 clusters", 64, "<b", 3), ("2^60 sectors", 40, "<Q", 1 << 60),
                                  ("$MFT at cluster 2^62", 48, "<Q", 1 << 62)):
        with test(f"refuses {name}"):
            v = volume()
            v.write(at, struct.pack(form, value))
            says(v.path, CANNOT + "the NTFS boot sector's sizes make no sense")
    with test("refuses $MFT beyond the volume"):
        v = volume()
        v.write(48, struct.pack("<Q", 1 << 40))
        says(v.path, CANNOT + "NTFS points beyond the end of the volume")
    with test("refuses a torn file record"):
        v = volume()
        v.write(v.place(v.find(NAME)) + 1022, b"xx")
        says(v.path, CANNOT + r"MFT record \d+ was only written in part")
    with test("refuses record 0 damaged with its copy"):
        v = volume()
        mirror = struct.unpack("<Q", v.read(56, 8))[0] * v.cluster
        v.write(v.place(0), b"BAAD")
        v.write(mirror, b"BAAD")
        says(v.path, CANNOT + "MFT record 0 is damaged")
    with test("refuses a torn directory block"):
        v = volume()
        index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
        v.write(index.runs[0][0] * v.cluster + 1022, b"xx")
        says(v.path, CANNOT + "root directory block 0 was written in part")
    with test("refuses a directory that goes in circles"):
        v = volume(data=False)
        v.create([f"vhd{n:05}" for n in range(100)])
        loop_index(v)
        says(v.path, CANNOT + "the root directory's index goes in circles")
    with test("refuses a directory entry of length 0"):
        v = volume()
        index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
        at = index.runs[0][0] * v.cluster
        block = craft.fix(v.read(at, 4096))
        struct.pack_into("<H", block, 24 + struct.unpack_from("<I", block, 24)[0] + 8, 0)
        v.write(at, craft.unfix(block))
        says(v.path, CANNOT + "the root directory's index is damaged")
    with test("refuses a folder of that name"):
        v = volume(data=False)
        v.create([NAME])
        number = v.find(NAME)
        v.rewrite(number, [a for a in craft.attributes(v.record(number)) if a.type != craft.DATA])
        says(v.path, CANNOT + "it is a folder")

    damaged = r"MFT record \d+ is damaged"
    runs = r"the run list in MFT record \d+ is damaged"
    other = r"MFT record \d+ is free or another file's"
    bad_file("a record that is not in use", other, poke(22, "<H", 0))
    bad_file("a record with another sequence number", other, poke(16, "<H", 999))
    bad_file("a record with another's number", damaged, poke(44, "<I", 3))
    bad_file("an update sequence in the attributes' way", damaged, poke(4, "<H", 0x1FA))
    bad_file("an update sequence at an odd place", damaged, poke(4, "<H", 0x31))
    bad_file("a first attribute beyond the record", damaged, poke(20, "<H", 0x7F8))
    bad_file("more bytes in use than the record has", damaged, poke(24, "<I", 0x10000))
    bad_file("an attribute of length 0", damaged, lambda v, n: no_length(v, n, 0))
    bad_file("an attribute longer than the record", damaged, lambda v, n: no_length(v, n, 0x7FFFFFF8))
    bad_file("an extension record", damaged, poke(32, "<I", 5))
    bad_file("a run beyond the volume", runs, with_runs(lambda r: [(r[0][0], 1), (1 << 30, 1000)]))
    bad_file("a run before the volume", runs, with_runs(lambda r: [(r[0][0], 1), (-5, 1000)]))
    bad_file("a run of 2^40 clusters", runs, with_runs(lambda r: [(r[0][0], 1 << 40)]))
    bad_file("runs beyond the attribute", runs, poke_data(32, "<H", 0x7FF8))
    bad_file("runs that begin in the attribute's head", runs, poke_data(32, "<H", 8))
    bad_file("more clusters than the runs have", runs, poke_data(24, "<Q", 500))
    bad_file("fewer runs than its size", r"MFT record \d+: clusters are missing", with_runs(lambda r: [(r[0][0], 3)]))
    bad_file("a hole", "it is sparse", with_runs(lambda r: [(r[0][0], 2), (craft.HOLE, 10), (r[0][0] + 12, 10)]))
    bad_file("a compressed file", "it is compressed", poke_data(12, "<H", 1))
    bad_file("an encrypted file", "it is encrypted", poke_data(12, "<H", 0x4000))
    bad_file("a file not written to its end", "it was never written to its end", poke_data(56, "<Q", 5000))
    bad_file("a file of 97 KiB", "it is larger than 96 KiB", lambda v, n: None, data=stage2(97 << 10))
    bad_file("a file of 4 GiB", "it is larger than 96 KiB", poke_data(48, "<Q", (1 << 32) + 9000))
    bad_file("an empty file", "it is something else", lambda v, n: None, data=b"")
    bad_file("another file", "it is something else", lambda v, n: None, data=bytes(40000))
    bad_file("a file cut short", "its end is missing", lambda v, n: None, data=stage2()[:50000])
    list_tests()


def no_length(v, number, value):
    record = v.record(number)
    struct.pack_into("<I", record, struct.unpack_from("<H", record, 20)[0] + 4, value)
    v.store(number, record)


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


def list_tests():
    wrong = r"MFT record \d+ has a bad attribute list"

    def listed(bend_list=None, bend_home=None):
        v = volume(cluster=512)
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

    for name, sentence, bend in (
            ("an entry of length 0", wrong, field(4, "<H", 0)),
            ("an entry longer than the list", wrong, field(4, "<H", 0x7FF8)),
            ("a name beyond the entry", wrong, field(6, "<B", 200)),
            ("a piece that is not there", wrong, field(8, "<Q", 7)),
            ("a record that does not exist", r"MFT record \d+: clusters are missing", field(16, "<I", 1 << 24)),
            ("a record of another file", wrong, field(16, "<Q", 5 << 48 | 5)),
            ("an old sequence number", r"MFT record \d+ is free or another", field(22, "<H", 77))):
        with test(f"refuses an attribute list with {name}"):
            says(listed(bend), CANNOT + sentence)
    with test("refuses a list's record with another base"):
        says(listed(None, lambda record: struct.pack_into("<I", record, 32, 5)), CANNOT + wrong)
    with test("refuses pieces that overlap"):
        def overlap(record):
            at = struct.unpack_from("<H", record, 20)[0]
            struct.pack_into("<Q", record, at + 24, struct.unpack_from("<Q", record, at + 24)[0] + 1)
        says(listed(None, overlap), CANNOT + r"the run list in MFT record \d+ is damaged")


# --- the files themselves

def file_tests():
    with test("sizes of the records, and what is kept free"):
        check(len(MBR) <= 440, "mbr.bin is larger than 440 bytes")
        check_equal(len(VBR), 8192, "size of vbr.bin")
        check_equal(VBR[3:84], bytes(81), "bytes 3..83 of vbr.bin")
        check_equal(VBR[510:512], b"\x55\xaa", "end of the first sector")
        check_equal(MBR[0x0B:0x26] + MBR[0x40:0x42], bytes(29), "fields that BIOSes patch")


need("nasm", "mkntfs", "ntfscp", "qemu-system-x86_64")
FAKE, SHIM, MBR, VBR = assemble("fake_stage2"), assemble("shim"), load("mbr.bin"), load("vbr.bin")
GROUPS = {"file": file_tests, "machine": machine_tests, "sentence": sentence_tests, "volume": volume_tests,
          "hostile": hostile_tests}
for group in sys.argv[1:] or GROUPS:
    GROUPS[group]()
folder.cleanup()
end()
