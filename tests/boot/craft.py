# SPDX-License-Identifier: GPL-2.0-or-later
"""NTFS volumes for boot tests: made by mkntfs and ntfscp, then bent by hand.

    v = Volume(folder, cluster=4096)
    v.put("vhdboot.bin", data)
    v.scatter(v.find("vhdboot.bin"), pieces=20)

What it writes is right unless the method's name says otherwise. It knows just what the tests need: it
does not keep $Bitmap, so nothing else may write to a volume that was bent.
"""
import ctypes
import os
import struct
import subprocess

STANDARD, LIST, NAME, DATA, ROOT, INDEX, BITMAP, END = 0x10, 0x20, 0x30, 0x80, 0x90, 0xA0, 0xB0, 0xFFFFFFFF
HOLE = None


def encode_runs(runs):
    """[(lcn or HOLE, count), ...] as mapping pairs."""
    out, last = b"", 0
    for lcn, count in runs:
        size = (count.bit_length() + 8) // 8
        if lcn is HOLE:
            out += bytes([size]) + count.to_bytes(size, "little")
            continue
        delta, last = lcn - last, lcn
        width = ((delta if delta >= 0 else ~delta).bit_length() + 8) // 8
        out += bytes([width << 4 | size]) + count.to_bytes(size, "little")
        out += delta.to_bytes(width, "little", signed=True)
    return out + b"\0"


def decode_runs(data):
    runs, at, lcn = [], 0, 0
    while data[at]:
        size, width = data[at] & 15, data[at] >> 4
        count = int.from_bytes(data[at + 1:at + 1 + size], "little")
        delta = int.from_bytes(data[at + 1 + size:at + 1 + size + width], "little", signed=True)
        lcn += delta
        runs.append((lcn if width else HOLE, count))
        at += 1 + size + width
    return runs


def fix(block):
    """Puts back what the update sequence array keeps."""
    usa, count = struct.unpack_from("<HH", block, 4)
    for i in range(1, count):
        block[i * 512 - 2:i * 512] = block[usa + 2 * i:usa + 2 * i + 2]
    return block


def unfix(block):
    """Puts the update sequence number where it belongs on disk."""
    block = bytearray(block)
    usa, count = struct.unpack_from("<HH", block, 4)
    for i in range(1, count):
        block[usa + 2 * i:usa + 2 * i + 2] = block[i * 512 - 2:i * 512]
        block[i * 512 - 2:i * 512] = block[usa:usa + 2]
    return block


class Attribute:
    """One attribute's bytes."""

    def __init__(self, data):
        self.data = bytearray(data)

    type = property(lambda self: struct.unpack_from("<I", self.data)[0])
    nonresident = property(lambda self: self.data[8])
    runs = property(lambda self: decode_runs(self.data[struct.unpack_from("<H", self.data, 32)[0]:]))

    @property
    def size(self):
        return struct.unpack_from("<Q", self.data, 48)[0]

    @property
    def value(self):
        size, off = struct.unpack_from("<IH", self.data, 16)
        return bytes(self.data[off:off + size])

    @classmethod
    def resident(cls, kind, value, number=0, name=""):
        text = name.encode("utf-16le")
        off = 24 + (len(text) + 7) // 8 * 8
        length = (off + len(value) + 7) // 8 * 8
        head = struct.pack("<IIBBHHHIHH", kind, length, 0, len(name), 24, 0, number, len(value), off, 0)
        return cls((head + text).ljust(off, b"\0") + value.ljust(length - off, b"\0"))

    @classmethod
    def stored(cls, kind, runs, size, cluster, first=0, number=0, name="", flags=0, initialized=None):
        text = name.encode("utf-16le")
        off = 64 + (len(text) + 7) // 8 * 8
        pairs = encode_runs(runs)
        length = (off + len(pairs) + 7) // 8 * 8
        clusters = sum(count for _, count in runs)
        sizes = (0, 0, 0) if first else (clusters * cluster, size, size if initialized is None else initialized)
        head = struct.pack("<IIBBHHHQQHHIQQQ", kind, length, 1, len(name), 64, flags, number, first,
                           first + clusters - 1, off, 0, 0, *sizes)
        return cls((head + text).ljust(off, b"\0") + pairs.ljust(length - off, b"\0"))


class Volume:
    def __init__(self, folder, size=64 << 20, sector=512, cluster=4096, hidden=0):
        self.path = os.path.join(folder, f"volume-{sector}-{cluster}-{size}")
        self.cluster = cluster
        with open(self.path, "wb") as out:
            out.truncate(size)
        self._run("mkntfs", "-F", "-Q", "-q", "-s", sector, "-c", cluster, "-p", hidden, "-H", 255, "-S", 63,
                  self.path)

    @staticmethod
    def _run(*command):
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stdout.decode(errors='replace')}")

    def put(self, name, data):
        source = self.path + ".put"
        with open(source, "wb") as out:
            out.write(data)
        self._run("ntfscp", "-f", self.path, source, name)
        os.unlink(source)

    def create(self, names):
        """Empty files, many at once, by libntfs-3g."""
        lib = ctypes.CDLL("libntfs-3g.so.89")
        for function in (lib.ntfs_mount, lib.ntfs_inode_open, lib.ntfs_create):
            function.restype = ctypes.c_void_p
        volume = lib.ntfs_mount(self.path.encode(), ctypes.c_ulong(0))
        root = lib.ntfs_inode_open(ctypes.c_void_p(volume), ctypes.c_uint64(5))
        for name in names:
            text = name.encode("utf-16le")
            made = lib.ntfs_create(ctypes.c_void_p(root), ctypes.c_uint32(0), text,
                                   ctypes.c_uint8(len(text) // 2), ctypes.c_uint32(0o100000))
            if not made or lib.ntfs_inode_close_in_dir(ctypes.c_void_p(made), ctypes.c_void_p(root)):
                raise RuntimeError(f"libntfs-3g does not create {name}")
        lib.ntfs_inode_close(ctypes.c_void_p(root))
        lib.ntfs_umount(ctypes.c_void_p(volume), ctypes.c_int(0))

    def install(self, vbr):
        """The boot record, as an installer writes it: bytes 3..83 stay the volume's."""
        self.write(0, vbr[:3])
        self.write(84, vbr[84:])

    # --- bytes

    def read(self, at, size):
        with open(self.path, "rb") as volume:
            volume.seek(at)
            return bytearray(volume.read(size))

    def write(self, at, data):
        with open(self.path, "r+b") as volume:
            volume.seek(at)
            volume.write(data)

    def read_runs(self, runs):
        return b"".join(bytes(n * self.cluster) if lcn is HOLE else
                        bytes(self.read(lcn * self.cluster, n * self.cluster)) for lcn, n in runs)

    def write_runs(self, runs, data):
        for lcn, count in runs:
            self.write(lcn * self.cluster, data[:count * self.cluster])
            data = data[count * self.cluster:]

    def free(self, count, apart=2):
        """`count` free clusters, `apart` from each other, that no call gave out before."""
        if not hasattr(self, "unused"):
            data = self.data(6)
            bits = self.read_runs(data.runs) if data.nonresident else data.value
            clusters = os.path.getsize(self.path) // self.cluster - 64
            self.unused = iter([n for n in range(64, clusters, apart) if not bits[n >> 3] >> (n & 7) & 1])
        return [next(self.unused) for _ in range(count)]

    # --- MFT

    @property
    def record_size(self):
        size = struct.unpack("<b", self.read(64, 1))[0]
        return size * self.cluster if size > 0 else 1 << -size

    def mft_runs(self):
        lcn = struct.unpack("<Q", self.read(48, 8))[0]
        record = fix(self.read(lcn * self.cluster, self.record_size))
        return [a for a in attributes(record) if a.type == DATA][0].runs

    def place(self, number):
        """Where MFT record `number` starts on the volume. Records do not straddle in the tests."""
        at = number * self.record_size
        for lcn, count in self.mft_runs():
            if at < count * self.cluster:
                return lcn * self.cluster + at
            at -= count * self.cluster
        raise IndexError(number)

    def record(self, number):
        return fix(self.read(self.place(number), self.record_size))

    def store(self, number, record):
        self.write(self.place(number), unfix(record))

    def rewrite(self, number, attribute_list):
        """Gives a record these attributes."""
        self.store(number, with_attributes(self.record(number), attribute_list))

    def data(self, number):
        return [a for a in attributes(self.record(number)) if a.type == DATA and not a.data[9]][0]

    def find(self, name):
        """The record of a file, by looking at all of them."""
        wanted = name.lower().encode("utf-16le")
        for number in range(24, sum(n for _, n in self.mft_runs()) * self.cluster // self.record_size):
            record = self.record(number)
            if record[:4] != b"FILE" or not record[22] & 1:
                continue
            for a in attributes(record):
                if a.type == NAME and a.value[66:].decode("utf-16le").lower().encode("utf-16le") == wanted:
                    return number
        raise KeyError(name)

    # --- bending files

    def scatter(self, number, longest=1, apart=2, backwards=True):
        """Moves a file's data to runs of `longest` clusters all over the volume; returns the runs."""
        data = self.data(number)
        content = self.read_runs(data.runs)
        clusters = self.free((len(content) // self.cluster + longest - 1) // longest, apart)
        if backwards:
            clusters.reverse()
        left, runs = len(content) // self.cluster, []
        for lcn in clusters:
            runs.append((lcn, min(longest, left)))
            left -= longest
        self.write_runs(runs, content)
        return runs, data.size

    def set_data(self, number, runs, size, **more):
        kept = [a for a in attributes(self.record(number)) if a.type != DATA]
        self.rewrite(number, kept + [Attribute.stored(DATA, runs, size, self.cluster, **more)])

    def set_pieces(self, number, kind, runs, size, records, stored_list=False, name="", keep_first=False):
        """Spreads an attribute over extension records (files that are overwritten), and gives the base
        record an attribute list, with runs of its own where stored_list says so."""
        base = self.record(number)
        sequence = struct.unpack_from("<H", base, 16)[0]
        kept = [a for a in attributes(base) if a.type not in (kind, LIST)]
        homes = ([number] if keep_first else []) + list(records)
        share = (len(runs) + len(homes) - 1) // len(homes)
        entries = [(a.type, 0, number, sequence, struct.unpack_from("<H", a.data, 14)[0], attr_name(a))
                   for a in kept]
        entries += self.elsewhere(base, number, kind)
        first = 0
        for i, home in enumerate(homes):
            part = runs[i * share:(i + 1) * share]
            if not part:
                break
            piece = Attribute.stored(kind, part, size, self.cluster, first=first, number=40 + i, name=name)
            if not first:               # the first piece tells of all
                struct.pack_into("<Q", piece.data, 40, sum(n for _, n in runs) * self.cluster)
            if home == number:
                kept.append(piece)
                home_sequence = sequence
            else:
                extension = self.record(home)
                home_sequence = struct.unpack_from("<H", extension, 16)[0]
                struct.pack_into("<H", extension, 22, 1)
                struct.pack_into("<IHH", extension, 32, number, 0, sequence)
                self.store(home, with_attributes(extension, [piece]))
            entries.append((kind, first, home, home_sequence, 40 + i, name))
            first += sum(n for _, n in part)
        entries.sort(key=lambda e: (e[0], e[5], e[1]))
        value = b"".join(list_entry(*entry) for entry in entries)
        if stored_list:
            where = [(lcn, 1) for lcn in self.free(-(-len(value) // self.cluster))]
            self.write_runs(where, value.ljust(len(where) * self.cluster, b"\0"))
            own = Attribute.stored(LIST, where, len(value), self.cluster, number=39)
        else:
            own = Attribute.resident(LIST, value, number=39)
        self.rewrite(number, sorted(kept + [own], key=lambda a: a.type))


    def elsewhere(self, base, number, kind):
        """What a record's attribute list says of attributes but `kind` in other records."""
        entries = []
        for a in attributes(base):
            if a.type == LIST:
                value, at = self.read_runs(a.runs)[:a.size] if a.nonresident else a.value, 0
                while at < len(value):
                    of, length, _, _, vcn, ref, _, sequence, own = struct.unpack_from("<IHBBQIHHH", value, at)
                    name = value[at + 26:at + 26 + 2 * value[at + 6]].decode("utf-16le")
                    if ref != number and of != kind:
                        entries.append((of, vcn, ref, sequence, own, name))
                    at += length
        return entries


def list_entry(kind, vcn, number, sequence, attribute, name):
    text = name.encode("utf-16le")
    length = (26 + len(text) + 7) // 8 * 8
    return (struct.pack("<IHBBQIHHH", kind, length, len(name), 26, vcn, number, 0, sequence, attribute)
            + text).ljust(length, b"\0")


def attr_name(a):
    off = struct.unpack_from("<H", a.data, 10)[0]
    return a.data[off:off + 2 * a.data[9]].decode("utf-16le")


def attributes(record):
    at, found = struct.unpack_from("<H", record, 20)[0], []
    while struct.unpack_from("<I", record, at)[0] != END:
        length = struct.unpack_from("<I", record, at + 4)[0]
        found.append(Attribute(record[at:at + length]))
        at += length
    return found


def with_attributes(record, attribute_list):
    first = struct.unpack_from("<H", record, 20)[0]
    body = b"".join(bytes(a.data) for a in attribute_list) + struct.pack("<II", END, 0)
    if first + len(body) > len(record) - 2:
        raise ValueError(f"the attributes need {first + len(body)} bytes of a record of {len(record)}")
    record = bytearray(record[:first] + body.ljust(len(record) - first, b"\0"))
    struct.pack_into("<I", record, 24, first + len(body))
    return record


def grow_records(v):
    """Makes the volume's MFT records 4 KiB, as `format /L` does, wherever they were 1 KiB."""
    runs = v.mft_runs()
    old = v.read_runs(runs)
    count = len(old) // 1024
    records = []
    for n in range(count):
        record = old[n * 1024:(n + 1) * 1024]
        if record[:4] != b"FILE":
            records.append(bytes(4096))
            continue
        record = fix(bytearray(record))
        first, used = struct.unpack_from("<HxxI", record, 20)
        grown = record[:0x30] + bytes(0x48 - 0x30) + record[first:used]
        grown = bytearray(bytes(grown).ljust(4096, b"\0"))
        struct.pack_into("<HH", grown, 4, 0x30, 9)
        struct.pack_into("<H", grown, 0x30, 1)
        struct.pack_into("<H", grown, 20, 0x48)
        struct.pack_into("<II", grown, 24, 0x48 + used - first, 4096)
        records.append(grown)
    clusters = -(-count * 4096 // v.cluster)
    area = v.free(clusters, 1)
    if area != list(range(area[0], area[0] + clusters)):
        raise RuntimeError("no free place for the larger MFT")
    keep = [a for a in attributes(records[0]) if a.type != DATA]
    keep.append(Attribute.stored(DATA, [(area[0], clusters)], count * 4096, v.cluster))
    records[0] = with_attributes(records[0], sorted(keep, key=lambda a: a.type))
    v.write_runs([(area[0], clusters)], b"".join(bytes(unfix(r)) if r[:4] == b"FILE" else r for r in records))
    v.write(48, struct.pack("<Q", area[0]))
    v.write(64, struct.pack("<b", -12))
