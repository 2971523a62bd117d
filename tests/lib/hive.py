# SPDX-License-Identifier: GPL-2.0-or-later
"""Registry hives for tests, made from nothing: a tree of Keys becomes the bytes of a file.

    hive(Key("root", [Key("Select", values=[dword("Current", 1)])]))

A second hand beside tests/unit/hive_builder.h: this one orders subkeys and gives them a security cell, as Windows and
its boot manager want it, so that other programs open its files too.
"""
import struct

SZ, EXPAND_SZ, BINARY, DWORD, MULTI_SZ = 1, 2, 3, 4, 7
NONE = 0xffffffff


class Value:
    def __init__(self, name, kind, data):
        self.name, self.kind, self.data = name, kind, data


class Key:
    def __init__(self, name, keys=(), values=()):
        self.name, self.keys, self.values = name, list(keys), list(values)

    def walk(self):
        yield self
        for key in self.keys:
            yield from key.walk()


def utf16(text):
    return text.encode("utf-16-le") + b"\0\0"


def sz(name, text):
    return Value(name, SZ, utf16(text))


def multi_sz(name, texts):
    return Value(name, MULTI_SZ, b"".join(utf16(t) for t in texts) + b"\0\0")


def dword(name, number):
    return Value(name, DWORD, struct.pack("<I", number))


def binary(name, data):
    return Value(name, BINARY, bytes(data))


# World, no rights spelled out: owner and group Administrators, an empty list of rights.
SECURITY = (struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 36, 0, 52)
            + 2 * (b"\1\2\0\0\0\0\0\5" + struct.pack("<II", 32, 544)) + struct.pack("<BBHHH", 2, 0, 8, 0, 0))


class Writer:
    """Cells, in bins that end before a cell would cross their border."""

    def __init__(self, lists="lf"):
        self.lists, self.bins, self.bin, self.at = lists, [], None, {}

    def new_bin(self, size):
        self.close_bin()
        self.start = sum(len(b) for b in self.bins)
        size = max(4096, -(-(size + 32) // 4096) * 4096)
        self.bin = bytearray(b"hbin" + struct.pack("<II", self.start, size) + bytes(20))
        self.room = size

    def close_bin(self):
        if self.bin is not None:
            left = self.room - len(self.bin)
            if left:
                self.bin += struct.pack("<i", left) + bytes(left - 4)
            self.bins.append(bytes(self.bin))
        self.bin = None

    def cell(self, data):
        size = -(-(len(data) + 4) // 8) * 8
        if self.bin is None or len(self.bin) + size > self.room:
            self.new_bin(size)
        offset = self.start + len(self.bin)
        self.bin += struct.pack("<i", -size) + data + bytes(size - 4 - len(data))
        return offset

    def name(self, name):
        try:
            return name.encode("latin-1"), True
        except UnicodeEncodeError:
            return name.encode("utf-16-le"), False

    def value(self, v):
        name, narrow = self.name(v.name)
        if len(v.data) <= 4:
            where, size = v.data.ljust(4, b"\0"), len(v.data) | 0x80000000
        else:
            where, size = struct.pack("<I", self.cell(v.data)), len(v.data)
        return self.cell(b"vk" + struct.pack("<HI", len(name), size) + where
                         + struct.pack("<IHH", v.kind, narrow, 0) + name)

    def hint(self, name):
        if self.lists != "lh":
            return name.encode("latin-1", "replace")[:4].ljust(4, b"\0")
        total = 0
        for c in name.upper():
            total = (total * 37 + ord(c)) & 0xffffffff
        return struct.pack("<I", total)

    def list(self, kind, entries):
        """`entries`: pairs of cell and name."""
        data = b"".join(struct.pack("<I", c) + (b"" if kind in ("li", "ri") else self.hint(n)) for c, n in entries)
        return self.cell(kind.encode() + struct.pack("<H", len(entries)) + data)

    def subkeys(self, entries):
        if self.lists != "ri":
            return self.list(self.lists, entries)
        return self.list("ri", [(self.list("li", entries[i:i + 3]), "") for i in range(0, len(entries), 3)])

    def key(self, key, security, flags):
        """Children first; their parents' numbers are filled in by hive()."""
        below = sorted(key.keys, key=lambda k: k.name.upper())
        entries = [(self.key(k, security, 0), k.name) for k in below]
        listed = self.subkeys(entries) if entries else NONE
        cells = [self.value(v) for v in key.values]
        values = self.cell(struct.pack("<%dI" % len(cells), *cells)) if cells else NONE
        name, narrow = self.name(key.name)
        longest = (max([2 * len(k.name) for k in key.keys] + [0]), 0, max([2 * len(v.name) for v in key.values] + [0]),
                   max([len(v.data) for v in key.values] + [0]), 0)
        cell = self.cell(b"nk" + struct.pack("<HQIIIIIIIIII5IHH", flags | (0x20 if narrow else 0), 0, 0, NONE,
                                             len(entries), 0, listed, NONE, len(cells), values, security, NONE,
                                             *longest, len(name), 0) + name)
        for child, _ in entries:
            self.at[child] = cell
        return cell


def checksum(header):
    total = 0
    for (v,) in struct.iter_unpack("<I", header[:508]):
        total ^= v
    return {0: 1, 0xffffffff: 0xfffffffe}.get(total, total)


def with_header(bins, root, minor=3, sequences=(1, 1)):
    header = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", header, 0, b"regf", *sequences, 0, 1, minor, 0, 1, root, len(bins), 1)
    struct.pack_into("<I", header, 508, checksum(header))
    return bytes(header) + bins


def hive(root, lists="lf", minor=3, sequences=(1, 1)):
    """The bytes of a hive's file."""
    w = Writer(lists)
    count = sum(1 for _ in root.walk())
    security = w.cell(b"sk" + struct.pack("<HIIII", 0, 32, 32, count, len(SECURITY)) + SECURITY)
    cell = w.key(root, security, 0x2c & ~0x20)
    w.close_bin()
    bins = bytearray(b"".join(w.bins))
    for child, parent in w.at.items():
        struct.pack_into("<I", bins, child + 4 + 16, parent)
    return with_header(bytes(bins), cell, minor, sequences)
