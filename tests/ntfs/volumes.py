# SPDX-License-Identifier: GPL-2.0-or-later
"""The volumes that the NTFS tests start from: made by mkntfs, filled through ntfs-3g."""
import os
import struct

from ntfsedit import Mounted, mkntfs, pattern

COMPRESSED = 0x800
LONG = "n" * 251 + ".txt"
TEXT = b"".join(b"line %06d of a text that compresses well\n" % i for i in range(5000))
MIXED = pattern(70000, 5) + os.urandom(70000) + bytes(100000) + b"end"
NAMES = ["\u00e4.txt", "Stra\u00dfe.txt", "\u03a9mega.txt", "\U0001f600.txt", "\ud55c\uae00.txt", LONG]


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def interleave(one, two, count, size):
    """Writes two files by turns, so that neither gets neighbouring clusters."""
    with open(one, "wb", buffering=0) as a, open(two, "wb", buffering=0) as b:
        for i in range(count):
            a.write(pattern(size, i))
            os.fsync(a.fileno())
            b.write(pattern(size, i + count))
            os.fsync(b.fileno())


def small_tree(root):
    """What every volume has."""
    os.makedirs(root + "/a/b")
    write(root + "/a/b/c.vhd", pattern(65536 + 100, 1))
    write(root + "/small.txt", b"a few bytes\n")
    os.setxattr(root + "/small.txt", "user.stream", b"bytes of a named stream")
    write(root + "/hole.bin", b"")
    with open(root + "/hole.bin", "r+b") as f:
        f.truncate(400000)
        f.seek(200000)
        f.write(pattern(5000, 3))
    write(root + "/\u00e4.txt", b"umlaut")
    write(root + "/empty.bin", b"")


def compressed_tree(root):
    os.makedirs(root + "/comp")
    os.setxattr(root + "/comp", "system.ntfs_attrib", struct.pack("<I", COMPRESSED | 0x10))
    write(root + "/comp/c.txt", TEXT)
    write(root + "/comp/mixed.bin", MIXED)
    write(root + "/comp/short.txt", b"x" * 10)


def make_small(path, *options, size=8 << 20, compressed=False):
    """A volume for fuzz seeds and for geometry cases. Returns MFT record numbers by path."""
    mkntfs(path, size, *options)
    with Mounted(path) as root:
        small_tree(root)
        if compressed:
            compressed_tree(root)
        return numbers(root)


def make_base(path):
    """The volume that most cases edit."""
    mkntfs(path, 48 << 20, "-c", "4096")
    with Mounted(path) as root:
        small_tree(root)
        compressed_tree(root)
        interleave(root + "/few.vhd", root + "/few2.vhd", 20, 4096)
        interleave(root + "/frag.vhd", root + "/frag2.vhd", 700, 4096)
        os.mkdir(root + "/many")
        for i in range(3000):
            write(root + "/many/file%05d.txt" % i, b"")
        os.mkdir(root + "/names")
        for name in NAMES + ["Twin", "tWIN", "longer file name.txt"]:
            write(root + "/names/" + name, name.encode())
        os.setxattr(root + "/names/longer file name.txt", "system.ntfs_dos_name", b"LONGER~1.TXT")
        os.link(root + "/a/b/c.vhd", root + "/names/link.vhd")
        os.mkdir(root + "/reparse")
        for name in ("symlink", "wof", "dedup", "cloud", "other"):
            write(root + "/reparse/" + name, pattern(10000))
        os.mkdir(root + "/reparse/junction")
        write(root + "/plain.vhd", pattern(1 << 20, 9))
        return numbers(root)


def numbers(root):
    """MFT record numbers of everything below `root`."""
    out = {"/": 5}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            out[path[len(root):]] = os.lstat(path).st_ino
    return out
